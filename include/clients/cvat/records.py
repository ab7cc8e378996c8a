"""What CVAT answers and is told, as compact typed records (msgspec); fields that nobody reads are left out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from include.clients.cvat.errors import CvatError

T = TypeVar("T")
_PORTS = {"http": 80, "https": 443}


class WrongAccess(ValueError):
    """What no call could be made with. The words never repeat a secret."""


@dataclass(frozen=True, slots=True)
class CvatAccess:
    """Where CVAT is and who asks: a personal access token, or a user and a password. `interactive`: a person waits for
    the answer, and would rather hear soon that there is none.

    Raises WrongAccess for a token or an organization that no header of HTTP can hold: libraries would show it whole.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    organization: str = ""
    verify_tls: bool = True
    interactive: bool = False

    def __post_init__(self) -> None:
        for what, value in (("a token", self.token or ""), ("an organization", self.organization)):
            if not (value.isascii() and value.isprintable()) or value != value.strip():
                raise WrongAccess(f"has {what} with line breaks, outer blanks or characters that are not ASCII")

    @property
    def server(self) -> str:
        """What names the server, however its address was written."""
        parts = urlsplit(self.url)
        port = f":{parts.port}" if parts.port and parts.port != _PORTS.get(parts.scheme) else ""
        return f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}"


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task without data to be: of a project, or with labels of its own in CVAT's form. A job has at most
    `segment_size` frames (0: all), of which `overlap` are in the next one too (None: as CVAT likes), and so many
    consensus replicas (none, or 2 to 11)."""

    name: str
    project_id: int | None
    labels: tuple[Mapping[str, Any], ...] = ()
    segment_size: int = 0
    overlap: int | None = None
    subset: str = ""
    replicas: int = 0

    @property
    def form(self) -> Mapping[str, Any]:
        """As it is sent: only what was chosen."""
        chosen: dict[str, Any] = {
            "project_id": self.project_id,
            "labels": list(self.labels) or None,
            "overlap": self.overlap,
            "subset": self.subset or None,
            "consensus_replicas": self.replicas or None,
        }
        given = {key: value for key, value in chosen.items() if value is not None}
        return {"name": self.name, "segment_size": self.segment_size, **given}


@dataclass(frozen=True, slots=True)
class NotSupported:
    """What a server does not have, or not for this account, in its own words: an answer, not a failure."""

    reason: str


class CvatTask(msgspec.Struct, frozen=True):
    """A task. A task without data has no size in CVAT's answer, and 0 here."""

    id: int
    name: str
    project_id: int | None
    size: int = 0
    data: int | None = None
    segment_size: int = 0
    overlap: int | None = None
    subset: str = ""

    @property
    def has_data(self) -> bool:
        """Whether data was attached, or is being attached."""
        return self.data is not None


class User(msgspec.Struct, frozen=True):
    """A CVAT user."""

    id: int
    username: str


class CvatJob(msgspec.Struct, frozen=True):
    """A job: frames start to stop, inclusive as CVAT counts. Dates are text as CVAT wrote them, for comparison. The
    assignee's is that of the last change of who it is; a replica has the job that it is a copy of."""

    id: int
    task_id: int
    stage: str
    state: str
    start_frame: int
    stop_frame: int
    updated_date: str
    type: str
    created_date: str
    assignee: User | None = None
    assignee_updated_date: str | None = None
    parent_job_id: int | None = None


class Operation(msgspec.Struct, frozen=True):
    """What a request does, and to which task."""

    type: str
    task_id: int | None = None


class Request(msgspec.Struct, frozen=True):
    """A background request: queued, started, failed or finished. Dates are by the server's clock.

    A finished export has the address of its file, a restored backup the id of what it became.
    """

    id: str
    status: str
    message: str = ""
    operation: Operation | None = None
    created_date: datetime | None = None
    started_date: datetime | None = None
    finished_date: datetime | None = None
    expiry_date: datetime | None = None
    result_id: int | None = None
    result_url: str | None = None


class Frame(msgspec.Struct, frozen=True):
    """A frame of a task. CVAT names it by its key in the bucket, or as the file was named that was uploaded."""

    name: str
    width: int
    height: int


class Meta(msgspec.Struct, frozen=True):
    """A task's or job's frames, and the numbers in the task of those that people took out, and of those that a ground
    truth job is about (None for other jobs, and for tasks)."""

    frames: list[Frame]
    deleted_frames: frozenset[int] = frozenset()
    included_frames: tuple[int, ...] | None = None


class AttributeSpec(msgspec.Struct, frozen=True):
    """An attribute of a label, with the value that CVAT shows where none was set."""

    id: int
    name: str
    default_value: str = ""
    input_type: str = "text"
    values: tuple[str, ...] = ()


class LabelRow(msgspec.Struct, frozen=True):
    """A label of a project."""

    id: int
    name: str
    type: str
    attributes: list[AttributeSpec]
    color: str = ""


class Named(msgspec.Struct, frozen=True):
    """Anything with an id and a name."""

    id: int
    name: str


class Storage(msgspec.Struct, frozen=True):
    """A cloud storage."""

    id: int
    resource: str
    specific_attributes: str = ""


class Submitted(msgspec.Struct, frozen=True):
    """The answer to what CVAT does in the background."""

    rq_id: str


class About(msgspec.Struct, frozen=True):
    """What the server says of itself."""

    version: str


class ProjectLabels:
    """A project's labels and their attributes, by name and by CVAT's ids."""

    def __init__(self, rows: Iterable[LabelRow]) -> None:
        self._by_name = {row.name: row for row in rows}
        self._by_id = {row.id: row for row in self._by_name.values()}

    def __iter__(self) -> Iterator[LabelRow]:
        return iter(self._by_name.values())

    @property
    def names(self) -> list[str]:
        """The labels' names, sorted."""
        return sorted(self._by_name)

    def named(self, name: str) -> LabelRow | None:
        """The label of that name."""
        return self._by_name.get(name)

    def by_id(self, label_id: int) -> LabelRow | None:
        """The label of that id; None for one of another project, or that was deleted."""
        return self._by_id.get(label_id)


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """How CVAT itself reads a bucket."""

    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    endpoint_url: str | None
    region: str

    @property
    def attributes(self) -> str:
        """CVAT's `specific_attributes`."""
        endpoint = f"endpoint_url={self.endpoint_url}&" if self.endpoint_url else ""
        return f"{endpoint}region={self.region}"


def decode(data: bytes | msgspec.Raw, form: type[T], call: str) -> T:
    """An answer's JSON as a record. Raises CvatError where it is of another form: another version, or no CVAT."""
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.DecodeError as error:
        raise CvatError(f"{call}: the answer is not of CVAT's form: {error}") from error
