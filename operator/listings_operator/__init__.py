"""The operator of Listings: one ListingsDeployment becomes a migrated database, a service, its alerts and dashboards.

Nothing here imports the service, and the service imports nothing from here: they meet in the commands of the
service's image and in the names of its settings.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("listings")
except PackageNotFoundError:  # running from a tree that was never installed
    __version__ = "0.0.0"
