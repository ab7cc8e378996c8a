"""Production: what sets the stack up, and what tries its compose file without Docker."""
