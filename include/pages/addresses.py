"""Addresses: where links of a page lead to."""

from dataclasses import dataclass
from urllib.parse import quote

from include.evaluation.snapshot import ImageLink


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Labelcycle's pages, Airflow's UI, CVAT and MLflow's UI are, without a slash at the end; None where there is
    no page to lead to. A report that is opened from a file knows at most the last two."""

    pages: str | None = None
    airflow: str | None = None
    cvat: str | None = None
    mlflow: str | None = None

    def static(self, name: str) -> str:
        """A style or a script."""
        return f"{self.pages}/static/{name}"

    def overview(self) -> str | None:
        """All projects."""
        return self.pages and f"{self.pages}/quality"

    def project(self, name: str, annotator: str | None = None) -> str | None:
        """A project's page, as one annotator version has it."""
        return self.pages and f"{self.pages}/quality/{quote(name, safe='')}{_asked(annotator)}"

    def report(self, name: str, annotator: str) -> str | None:
        """A project's report, to be kept."""
        return self.pages and f"{self.pages}/quality/{quote(name, safe='')}/report{_asked(annotator)}"

    def image(self, project: str, image_id: str, annotator: str | None = None) -> str | None:
        """An image's page."""
        folder = f"{self.pages}/quality/{quote(project, safe='')}/images"
        return self.pages and f"{folder}/{quote(image_id, safe='')}{_asked(annotator)}"

    def picture(self, project: str, image_id: str) -> str | None:
        """An image's file, which leads on to the bucket."""
        found = self.image(project, image_id)
        return found and f"{found}/file"

    def dag(self, dag_id: str) -> str | None:
        """A DAG's runs."""
        return None if self.airflow is None else f"{self.airflow}/dags/{quote(dag_id, safe='')}/runs"

    def job(self, link: ImageLink | None) -> str | None:
        """An image's job in CVAT, at its frame."""
        if not (self.cvat and link and link.task and link.job):
            return None
        at = "" if link.frame is None else f"?frame={link.frame}"
        return f"{self.cvat}/tasks/{link.task}/jobs/{link.job}{at}"

    def task(self, task: int) -> str | None:
        """A task in CVAT."""
        return self.cvat and f"{self.cvat}/tasks/{task}"

    def run(self, run_id: str | None) -> str | None:
        """A run in MLflow."""
        return self.mlflow and run_id and f"{self.mlflow}/#/runs/{quote(run_id, safe='')}"


def _asked(annotator: str | None) -> str:
    return f"?annotator={quote(annotator, safe='')}" if annotator else ""
