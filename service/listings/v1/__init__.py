"""Stubs of the package listings.v1, generated from proto/ by `make proto`. Never edited."""
