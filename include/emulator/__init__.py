"""A small CVAT server over real HTTP, for local runs and tests. It shares no code with the rest of Labelcycle."""
