"""Values and rules of the marketplace: no I/O, no clock, no wire."""
