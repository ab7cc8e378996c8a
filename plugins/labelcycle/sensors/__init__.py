"""Sensors: tasks that check once, then wait in a trigger."""
