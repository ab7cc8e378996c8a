"""Stages: the tasks of each DAG."""
