"""Floor 0: what to label."""
