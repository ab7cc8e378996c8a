"""Operators for CVAT: tasks for DAGs of one's own, and what the maintenance DAGs are made of."""
