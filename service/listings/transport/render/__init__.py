"""Domain values to messages, shared by the handlers that show them."""
