"""Hooks: Airflow connections into clients."""
