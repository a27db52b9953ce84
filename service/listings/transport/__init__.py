"""The wire: gRPC and REST, both in front of the same use cases."""
