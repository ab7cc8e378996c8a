"""A small CVAT server over real HTTP, for local runs and tests. Shares no code with the rest."""
