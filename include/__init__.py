"""All of Labelcycle that runs and is tested without Airflow."""
