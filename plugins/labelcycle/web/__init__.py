"""Labelcycle in Airflow's API server."""
