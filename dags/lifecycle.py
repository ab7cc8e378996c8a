"""The lifecycle of every project: `ingest_<project>`, `evaluate_<project>` and `release_<project>`."""

from pathlib import Path

from airflow.sdk.configuration import conf

from include.projects.files import read_projects
from labelcycle.stages.broken import broken
from labelcycle.stages.lifecycle import lifecycle_dags

FOLDER = conf.get("labelcycle", "projects_folder", fallback=str(Path(__file__).parents[1] / "include/projects"))

projects, errors = read_projects(Path(FOLDER))
for project in projects:
    for dag in lifecycle_dags(project, str(Path(FOLDER) / f"{project.name}.yaml")):
        globals()[dag.dag_id] = dag
for error in errors:
    for dag in broken(error):
        globals().setdefault(dag.dag_id, dag)  # a file with an odd name never takes the place of a project
