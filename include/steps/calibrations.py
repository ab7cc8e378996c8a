"""What the scores of a project's annotators are worth, for the steps that go by scores."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.evaluation.calibration import Calibration, from_json
from include.lifecycle.predictions import Prediction
from include.projects.model import Project


class Calibrations:
    """A project's newest calibrations, by annotator version."""

    def __init__(self, project: Project, store: BulkStore, ledger: Ledger) -> None:
        self._project, self._store, self._ledger = project, store, ledger

    def applied(self, annotator: str, objects: Sequence[Prediction]) -> list[Prediction]:
        """The objects with the scores that they are worth; as they are where nothing is known or wanted."""
        found = self._newest.get(annotator)
        if found is None:
            return list(objects)
        return [replace(one, score=found.calibrated(one.shape.label, one.score)) for one in objects]

    @cached_property
    def _newest(self) -> dict[str, Calibration]:
        if not self._project.routing.calibrate:
            return {}
        records = self._ledger.calibrations.newest(self._project.name)
        return {name: from_json(self._store.read_text(record.uri)) for name, record in records.items()}
