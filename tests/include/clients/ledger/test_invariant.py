"""Invariant 1: whatever happens, every discovered image is in exactly one batch, waiting, or in quarantine with a
reason, and the ledger's counts add up."""

from collections import Counter
from itertools import count

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select

from include.clients.ledger import Ledger, NotWaitingError
from include.clients.ledger.images import Discovered
from include.clients.ledger.tables import images
from include.lifecycle.batches import Stage
from include.lifecycle.discovery import Changed, Missing, discover
from include.lifecycle.images import Reason, StoredObject, image_id
from tests.include.clients.ledger.records import ANNOTATOR, HEADER, NOW, PREFIX, batch

KEYS = st.sampled_from(["a", "A", "a-b", "a/b"])
CONTENTS = st.sampled_from(["1", "2", "no image"])  # by etag: the same etag is a copy
_numbers = count()


class Lifecycle(RuleBasedStateMachine):
    """A bucket that is another one at every look; the ledger beside it; and a model of what must be where."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.project = f"birds_{next(_numbers)}"
        self.bucket: dict[str, str] = {}
        self.state: dict[str, str] = {}
        self.batch_of: dict[str, tuple[str, int]] = {}

    @rule(bucket=st.dictionaries(KEYS, CONTENTS))
    def discover(self, bucket: dict[str, str]) -> None:
        self.bucket = {PREFIX + key: etag for key, etag in bucket.items()}
        for _ in range(2):  # copies of what was set aside are found as new in the second look
            listing = [StoredObject(uri, etag, 10) for uri, etag in sorted(self.bucket.items())]
            findings = list(discover(listing, self.ledger.images.known(self.project, PREFIX)))
            lost = [finding.image_id for finding in findings if isinstance(finding, Missing)]
            replaced = [finding.replaces for finding in findings if isinstance(finding, Changed)]
            looked_at = self._look([finding.object for finding in findings if not isinstance(finding, Missing)])
            self.ledger.images.add(self.project, looked_at, replaced, NOW)
            self.ledger.images.lose(self.project, lost)
            for id_ in (*lost, *replaced):
                self._move(id_, "quarantined")
            for item in looked_at:
                self._move(image_id(item.object.uri, item.object.etag), "quarantined" if item.reason else "waiting")

    def _look(self, objects: list[StoredObject]) -> list[Discovered]:
        contents = {(found.etag, found.size) for found in objects}
        originals = self.ledger.images.originals(self.project, contents)
        looked_at = []
        for found in objects:
            if found.etag == "no image":
                looked_at.append(Discovered(found, None, Reason.NOT_AN_IMAGE, "it is not"))
            elif originals.setdefault((found.etag, found.size), found.uri) != found.uri:
                looked_at.append(Discovered(found, None, Reason.DUPLICATE, "it is"))
            else:
                looked_at.append(Discovered(found, HEADER))
        return looked_at

    def _move(self, id_: str, state: str) -> None:
        if self.state.get(id_) != "batched":
            self.state[id_] = state

    @precondition(lambda self: self.state)
    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(sorted(self.state)))
        self.ledger.images.quarantine(self.project, id_, Reason.UNDECODABLE, "it is truncated")
        self._move(id_, "quarantined")

    @rule(data=st.data(), limit=st.integers(1, 3))
    def predict_and_plan(self, data: st.DataObject, limit: int) -> None:
        found = self.ledger.images.unpredicted(self.project, ANNOTATOR, "", limit)
        answers = [image.id for image in found]
        self.ledger.predictions.record(self.project, ANNOTATOR, "s3://l/p", answers)
        waiting = sorted(image.image_id for image in self.ledger.images.waiting(self.project, [ANNOTATOR]))
        assert all(self.state[id_] == "waiting" for id_ in waiting)
        if waiting:
            self._batch(data.draw(st.lists(st.sampled_from(waiting), min_size=1, unique=True)))

    @precondition(lambda self: any(state != "waiting" for state in self.state.values()))
    @rule(data=st.data())
    def plan_what_must_not_be_planned(self, data: st.DataObject) -> None:
        ids = data.draw(st.permutations(sorted(self.state)))
        with pytest.raises(NotWaitingError):
            self._batch(ids)

    def _batch(self, ids: list[str]) -> None:
        digest = f"{next(_numbers):x}"
        self.ledger.batches.add(self.project, 2, [batch(digest, ids)], NOW)
        for frame, id_ in enumerate(ids):
            self.state[id_], self.batch_of[id_] = "batched", (f"{self.project}-{digest}", frame)

    @invariant()
    def every_image_is_where_it_must_be(self) -> None:
        with self.ledger.engine.connect() as connection:
            rows = connection.execute(select(images).where(images.c.project == self.project)).all()
        assert {row.id: row.state for row in rows} == self.state
        assert all(row.reason for row in rows if row.state == "quarantined")
        assert {row.id: (row.batch_id, row.frame) for row in rows if row.batch_id} == self.batch_of
        current = [row for row in rows if row.current]
        originals = {row.etag for row in current if row.reason != Reason.DUPLICATE}
        assert {row.etag for row in current} == originals  # no content is lost as a copy of nothing

    @invariant()
    def batches_hold_what_they_were_made_of(self) -> None:
        found = {
            image.id: (planned.id, frame)
            for planned in self.ledger.batches.at(self.project, Stage.PLANNED)
            for frame, image in enumerate(self.ledger.images.of_batch(planned.id))
        }
        assert found == self.batch_of

    @invariant()
    def counts_add_up(self) -> None:
        counted = Counter[str]()
        for (state, _), number in self.ledger.images.counts(self.project).items():
            counted[state] += number
        assert counted == Counter(self.state.values())

    @invariant()
    def what_is_known_is_what_is_there(self) -> None:
        known = {image.uri: image.etag for image in self.ledger.images.known(self.project, PREFIX)}
        assert known == self.bucket


def test_every_image_is_in_exactly_one_place(ledger: Ledger) -> None:
    check = HealthCheck.too_slow, HealthCheck.filter_too_much
    run_state_machine_as_test(
        lambda: Lifecycle(ledger),
        settings=settings(max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=check),
    )
