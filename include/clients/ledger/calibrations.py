"""The ledger's calibrations: what each annotator version's scores are worth."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from include.clients.ledger.database import change
from include.clients.ledger.quality_tables import calibrations


@dataclass(frozen=True, slots=True)
class CalibrationRecord:
    """Where a calibration is kept, and its run in MLflow once it is logged."""

    id: str
    annotator: str
    uri: str
    mlflow_run_id: str | None
    created_at: datetime


class CalibrationTable:
    """Calibrations by annotator; the newest counts."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, project: str, calibration_id: str, annotator: str, uri: str, now: datetime) -> None:
        """Record a calibration as its annotator's newest; one that is known becomes it again, and keeps its run."""
        values = {"annotator": annotator, "uri": uri, "created_at": now}
        known = update(calibrations).where(calibrations.c.id == calibration_id, calibrations.c.project == project)
        with self._engine.begin() as connection:
            if connection.execute(known.values(values)).rowcount == 0:
                connection.execute(insert(calibrations).values(id=calibration_id, project=project, **values))

    def newest(self, project: str) -> dict[str, CalibrationRecord]:
        """The newest of each annotator."""
        query = select(calibrations).where(calibrations.c.project == project)
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(calibrations.c.created_at, calibrations.c.id))
            return {
                row.annotator: CalibrationRecord(row.id, row.annotator, row.uri, row.mlflow_run_id, row.created_at)
                for row in rows
            }

    def set_run(self, project: str, calibration_id: str, run_id: str) -> None:
        """Record the MLflow run of a calibration."""
        with self._engine.begin() as connection:
            mine = update(calibrations).where(calibrations.c.id == calibration_id, calibrations.c.project == project)
            change(connection, mine.values(mlflow_run_id=run_id), f"calibration {calibration_id}")
