"""The emulator's addresses, a module a resource."""
