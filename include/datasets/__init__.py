"""Floor 0: annotations into released files."""
