"""How Airflow touches the world: hooks, triggers, sensors, and the stages that bind the steps to tasks."""
