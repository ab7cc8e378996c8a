"""Renew: one waiting job, from what is drawn in it to the newer version's shapes, by a plan that is kept beforehand.

CVAT cannot take shapes out and put others in at once. So the new ones come first: a kill leaves too much, never too
little, and whoever takes a shape out meanwhile takes it out for good. Before each call its intent is recorded, after it
the outcome, with CVAT's `updated_date`; any other date than the recorded one says that somebody else was in the job.
"""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from include.clients.cvat import CvatClient, CvatJob, CvatShape, NewShape
from include.clients.cvat.writing import PeopleWereThere, look, parts_of
from include.clients.ledger import Ledger
from include.clients.ledger.batches import Batch, Job
from include.clients.ledger.refreshes import Refresh
from include.lifecycle.assignment import Asked
from include.projects.model import Project
from include.steps.batches import log, seconds_left, words
from include.steps.draw import create_shapes, cvat_job


class Addition(msgspec.Struct, frozen=True):
    """A shape that is to be made, and the prediction that it is."""

    prediction: str
    shape: NewShape


class RenewalPlan(msgspec.Struct, frozen=True):
    """What is to be done in a job so that it shows the predictions of these annotators. What is kept is there already:
    shape ids by prediction."""

    asked: tuple[Asked, ...]
    add: list[Addition]
    remove: list[CvatShape]
    keep: dict[str, int]


class NotWaiting(Exception):
    """Somebody was in the job before anything was done to it: it stays as it is."""


def is_waiting(job: CvatJob) -> bool:
    """Whether nobody has begun a job, as far as CVAT says."""
    return (job.stage, job.state) == ("annotation", "new")


class Renewal:
    """One job on its way. What a killed run left is gone on with."""

    def __init__(
        self,
        project: Project,
        batch: Batch,
        job: Job,
        refresh: Refresh,
        plan: RenewalPlan,
        cvat: CvatClient,
        ledger: Ledger,
    ) -> None:
        self._project, self._batch, self._job, self._plan = project, batch, job, plan
        self._cvat, self._ledger, self._id = cvat, ledger, cvat_job(job)
        self._known, self._called_at = refresh.known_update, refresh.called_at
        self._written, self._removed = ledger.refreshes.applied(batch.id, job.index), False

    def carry_out(self) -> None:
        """Bring the job to its plan; until `finish` it may be asked for again. Raises NotWaiting or PeopleWereThere
        where somebody else was in it, before or after something was done; UnknownOutcomeError where an answer is lost:
        the next run looks, and goes on."""
        if self._called_at is not None:
            self._settle(self._called_at)
        missing = self._missing()
        for part in parts_of([one.shape for one in missing]):
            self._add(missing[part.start : part.stop])
        self._remove()

    def finish(self) -> None:
        """Record that the job shows its plan."""
        plan = self._plan
        self._ledger.refreshes.finish(
            self._batch.id, self._job.index, plan.asked, [one.id for one in plan.remove], plan.keep
        )

    def _missing(self) -> list[Addition]:
        return [one for one in self._plan.add if one.prediction not in self._written]

    def _settle(self, called_at: datetime) -> None:
        """Find out what came of the call that a lost answer or a kill left open."""
        time.sleep(seconds_left(called_at, self._project))  # the server may still be working on it
        now = self._cvat.job(self._id)
        if now.updated_date == self._known:
            self._called_at = None  # it never came
            return
        drawn = self._cvat.annotations.read(self._id).objects
        if not is_waiting(now):
            raise PeopleWereThere(f"was the newer version brought in? The job is {now.stage} {now.state} by now")
        missing = self._missing()
        if missing:
            first = parts_of([one.shape for one in missing])[0]
            self._came(self._found(missing[first.start : first.stop], drawn), now.updated_date)
        elif self._standing(drawn):
            raise PeopleWereThere("was the older version taken out? Some of it is there, but the job was changed")
        else:
            self._removed = True

    def _found(self, part: Sequence[Addition], drawn: Sequence[CvatShape]) -> dict[str, int]:
        """The shape ids of a part whose outcome was unknown, by prediction: all of it came or nothing."""
        strays: dict[object, deque[int]] = defaultdict(deque)
        for one in self._strays(drawn):
            strays[look(one)].append(one.id)
        wanted = Counter(look(one.shape) for one in part)
        if any(len(strays[key]) < count for key, count in wanted.items()):
            raise PeopleWereThere("was the newer version brought in? The job was changed, but not all of it is there")
        return {one.prediction: strays[look(one.shape)].popleft() for one in part}

    def _strays(self, drawn: Sequence[CvatShape]) -> list[CvatShape]:
        """What is drawn and not known to the ledger, oldest first."""
        ours = set(self._written.values())
        return sorted((one for one in drawn if one.id not in ours), key=lambda one: abs(one.id))

    def _standing(self, drawn: Sequence[CvatShape]) -> list[CvatShape]:
        """What is to be taken out, as far as it is there and untouched."""
        there = {one.id: look(one) for one in drawn}
        return [one for one in self._plan.remove if there.get(one.id) == look(one)]

    def _add(self, part: Sequence[Addition]) -> None:
        self._call()
        created = create_shapes(words(self._batch, self._job), self._id, [one.shape for one in part], self._cvat)
        ids = {one.prediction: shape.id for one, shape in zip(part, created, strict=True)}
        self._came(ids, self._cvat.job(self._id).updated_date)

    def _remove(self) -> None:
        """Take the older version out, and with it what came twice of the newer one."""
        if self._removed or not (self._plan.add or self._plan.remove):
            return
        drawn = self._cvat.annotations.read(self._id).objects
        standing, ours = self._standing(drawn), {look(one.shape) for one in self._plan.add}
        twins = [one for one in self._strays(drawn) if look(one) in ours]
        if len(standing) < len(self._plan.remove):
            raise self._somebody("Some of the older version is gone or changed")
        if standing or twins:
            self._call()
            self._cvat.annotations.delete(self._id, [*standing, *twins])
            log.info("%s: %d shapes taken out", words(self._batch, self._job), len(standing) + len(twins))

    def _call(self) -> None:
        """Record that CVAT is about to be asked, unless somebody else was in the job."""
        now = self._cvat.job(self._id)
        if now.updated_date != self._known or not is_waiting(now):
            raise self._somebody(f"The job is {now.stage} {now.state}, and was changed at {now.updated_date}")
        self._ledger.refreshes.call(self._batch.id, self._job.index, datetime.now(UTC))

    def _came(self, ids: dict[str, int], updated: str) -> None:
        self._ledger.refreshes.came(self._batch.id, self._job.index, ids, updated)
        self._written |= ids
        self._known, self._called_at = updated, None

    def _somebody(self, how: str) -> Exception:
        if any(one.prediction in self._written for one in self._plan.add):
            return PeopleWereThere(f"the shapes of the older and of the newer version are both in the job. {how}")
        return NotWaiting(how)
