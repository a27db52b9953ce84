"""The search index: what is asked of one, and the one inside PostgreSQL."""
