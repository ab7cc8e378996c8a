"""Pages: a snapshot as HTML, for Airflow's UI and as a report of its own. Nothing is measured here."""
