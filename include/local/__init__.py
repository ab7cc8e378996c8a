"""The embedded stack, its data and its people, and the one command."""
