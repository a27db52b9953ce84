"""Products in and out of files: what `listings import` and `listings export` do."""
