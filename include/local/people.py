"""People at CVAT: annotators who log in with an account of their own and work through the jobs assigned to them.

They use CVAT's own client, as a person's browser uses the API; nothing of Labelcycle's clients is in between.
"""

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cvat_sdk import Client, models
from cvat_sdk.api_client.exceptions import ApiException
from cvat_sdk.core.proxies.annotations import AnnotationUpdateAction
from cvat_sdk.core.proxies.jobs import Job

from include.local.reviewer import Drawn, Edits, correct, frame_rng
from include.local.signs import TrueObject

TEXT = "text"  # the attribute that says what is written there


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account. CVAT wants 5 characters or more in a name and 8 or more in a password."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a person did: jobs completed, and objects kept, edited (box or text), relabelled, deleted, added; and ground
    truths, where nothing is drawn before, with the objects drawn in them."""

    jobs: int
    kept: int
    edited: int
    relabelled: int
    deleted: int
    added: int
    ground_truths: int = 0
    drawn: int = 0


def register(url: str, account: Account) -> int:
    """Make the account at the CVAT server, unless it is there, and answer its user id.

    Raises PermissionError if CVAT refuses it: the name is taken by somebody with another password.
    """
    with Client(url, check_server_version=False) as client:
        if not _log_in(client, account):
            _sign_up(client, account)
            _log_in(client, account)
        myself, _ = client.api_client.users_api.retrieve_self()
        return int(myself.id)


def review_jobs(url: str, account: Account, truth: Mapping[str, Sequence[TrueObject]], seed: int) -> Reviewed:
    """Complete all jobs of stage annotation that are assigned to this account and not completed yet.

    The truth of a frame is looked up by its name without folders. A person's slips hang on the seed and the frame's
    name only. Raises PermissionError if CVAT refuses the account, KeyError for a frame of which no truth is known.
    """
    with Client(url, check_server_version=False) as client:
        if not _log_in(client, account):
            raise PermissionError(f"CVAT at {url} does not let {account.username} in: register the account first")
        jobs = [
            job
            for job in client.jobs.list(assignee=account.username, stage="annotation")
            if job.state != "completed" and job.assignee.username == account.username
        ]
        done = [(job.type == "ground_truth", _complete(job, truth, seed)) for job in jobs]
    frames = [edits for is_blind, edited in done if not is_blind for edits in edited]
    return Reviewed(
        jobs=sum(not is_blind for is_blind, _ in done),
        kept=sum(len(edits.kept) for edits in frames),
        edited=sum(len(edits.edited) for edits in frames),
        relabelled=sum(len(edits.relabelled) for edits in frames),
        deleted=sum(len(edits.deleted) for edits in frames),
        added=sum(len(edits.added) for edits in frames),
        ground_truths=sum(is_blind for is_blind, _ in done),
        drawn=sum(len(edits.added) for is_blind, edited in done if is_blind for edits in edited),
    )


def _log_in(client: Client, account: Account) -> bool:
    try:
        client.login((account.username, account.password))
    except ApiException as refusal:
        if refusal.status != 400:  # CVAT's answer to an unknown name and to a wrong password
            raise
        return False
    return True


def _sign_up(client: Client, account: Account) -> None:
    request = models.RegisterSerializerExRequest(
        username=account.username,
        password1=account.password,
        password2=account.password,
        email=f"{account.username}@example.com",
    )
    try:
        client.api_client.auth_api.create_register(request)
    except ApiException as refusal:
        raise PermissionError(f"CVAT does not register {account.username}: {refusal.body}") from refusal


def _complete(job: Job, truth: Mapping[str, Sequence[TrueObject]], seed: int) -> list[Edits]:
    """Review the frames of a job, save what has changed, and set the job to completed; the stage stays. In a ground
    truth, where nothing is drawn yet, these are the frames that it is about: the others are placeholders."""
    job.update({"state": "in progress"})
    sheet = _Sheet(job)
    reviewed = []
    meta = job.get_meta()
    for number, frame in enumerate(meta.frames, meta.start_frame):
        if number not in meta.deleted_frames and number in (meta.included_frames or [number]):
            true = _truth_of(frame.name, truth)
            edits = correct(sheet.drawn(number), true, (frame.width, frame.height), frame_rng(seed, frame.name))
            sheet.note(number, edits)
            reviewed.append(edits)
    sheet.save()
    job.update({"state": "completed"})
    return reviewed


def _truth_of(frame_name: str, truth: Mapping[str, Sequence[TrueObject]]) -> Sequence[TrueObject]:
    name = posixpath.basename(frame_name)
    for photograph in (name, name.partition("_")[2]):  # a copied frame's name begins with its number
        if photograph in truth:
            return truth[photograph]
    raise KeyError(f"frame {frame_name} is no photograph of the demo: its truth is not known")


class _Sheet:
    """The rectangles of a job as CVAT has them, and the changes to them that are not saved yet."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._labels = {label.id: label for label in job.get_labels()}
        self._label_ids = {label.name: label.id for label in self._labels.values()}
        self._shapes = {shape.id: shape for shape in job.get_annotations().shapes if str(shape.type) == "rectangle"}
        self._updated: list[models.LabeledShapeRequest] = []
        self._deleted: list[models.LabeledShapeRequest] = []
        self._created: list[models.LabeledShapeRequest] = []

    def drawn(self, frame: int) -> list[Drawn]:
        """The rectangles on a frame."""
        return [self._as_drawn(shape) for shape in self._shapes.values() if shape.frame == frame]

    def note(self, frame: int, edits: Edits) -> None:
        """Take a frame's edits over, as CVAT's page does: what a person draws is `manual`; an `auto` shape becomes
        `semi-auto` when its place or label changes, but stays `auto` when only an attribute does."""
        for change in (*edits.edited, *edits.relabelled):
            before = self._shapes[change.id]
            same = list(before.points) == list(change.box) and before.label_id == self._label_ids[change.label]
            source = "semi-auto" if before.source == "auto" and not same else before.source
            self._updated.append(_request(before, source=source, **self._content(change)))
        self._deleted.extend(_request(self._shapes[shape_id]) for shape_id in edits.deleted)
        self._created.extend(
            models.LabeledShapeRequest(type="rectangle", frame=frame, source="manual", **self._content(new))
            for new in edits.added
        )

    def save(self) -> None:
        """Send the noted changes to CVAT."""
        for action, shapes in (
            (AnnotationUpdateAction.UPDATE, self._updated),
            (AnnotationUpdateAction.DELETE, self._deleted),
            (AnnotationUpdateAction.CREATE, self._created),
        ):
            if shapes:
                data = models.PatchedLabeledDataRequest(shapes=shapes, tags=[], tracks=[])
                self._job.update_annotations(data, action=action)

    def _as_drawn(self, shape: models.LabeledShape) -> Drawn:
        x1, y1, x2, y2 = shape.points
        text_id = self._text_id(shape.label_id)
        text = next((attribute.value for attribute in shape.attributes if attribute.spec_id == text_id), "")
        return Drawn(shape.id, self._labels[shape.label_id].name, text, (x1, y1, x2, y2))

    def _content(self, drawn: Drawn) -> dict[str, Any]:
        label_id = self._label_ids[drawn.label]
        attribute = {"spec_id": self._text_id(label_id), "value": drawn.text}
        return {"label_id": label_id, "points": list(drawn.box), "attributes": [attribute]}

    def _text_id(self, label_id: int) -> int:
        return next(int(spec.id) for spec in self._labels[label_id].attributes if spec.name == TEXT)


def _request(shape: models.LabeledShape, **changes: Any) -> models.LabeledShapeRequest:
    return models.LabeledShapeRequest(**{**shape.to_dict(), **changes})
