"""Floor 0: the nouns of the lifecycle and its rules. No input, no output."""
