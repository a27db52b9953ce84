"""The listings service: a marketplace's catalog and stock over gRPC and REST."""
