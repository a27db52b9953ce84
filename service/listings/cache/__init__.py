"""Encoded answers kept in process, and how other processes learn that they are stale."""
