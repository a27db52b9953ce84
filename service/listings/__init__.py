"""The listings service: a marketplace's catalog and stock over gRPC and REST."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("listings")
except PackageNotFoundError:  # running from a tree that was never installed
    __version__ = "0.0.0"
