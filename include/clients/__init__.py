"""Floor 1: a file a remote system."""
