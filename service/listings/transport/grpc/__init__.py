"""The gRPC edge: one handler class per aggregate, one pipeline around all of them."""
