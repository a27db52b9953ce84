"""One method per thing a caller wants."""
