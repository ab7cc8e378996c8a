"""Floor 3: the steps of the flow, each a function of a project and its clients. Airflow calls them; so do tests."""
