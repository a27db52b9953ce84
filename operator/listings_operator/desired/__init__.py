"""Pure builders: from the spec to the objects that should be. One module per kind, read like the YAML they make."""

from listings_operator.desired.manifest import Concern, Manifest, Owner
from listings_operator.desired.state import DesiredState, SecretHashes, desired_state

__all__ = ["Concern", "DesiredState", "Manifest", "Owner", "SecretHashes", "desired_state"]
