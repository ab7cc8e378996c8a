"""File formats of annotations: those that CVAT lists, and those that the emulator writes and reads."""
