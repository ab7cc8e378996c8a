"""The compose file's processes on one Debian machine, without Docker."""
