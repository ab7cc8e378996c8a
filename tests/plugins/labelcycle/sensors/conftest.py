"""The same CVAT and task as the operators'."""

from tests.plugins.labelcycle.operators.conftest import cvat, scene, server, task

__all__ = ["cvat", "scene", "server", "task"]
