"""Finds what is wrong around the service and says what mends it; `listings doctor` shows the findings."""
