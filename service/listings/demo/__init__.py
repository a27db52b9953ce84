"""A small marketplace to look at: the same rows every time, written by `listings dev` and `listings demo load`."""
