"""Pure builders: from the spec to the objects that should be. One module per kind, read like the YAML they make."""
