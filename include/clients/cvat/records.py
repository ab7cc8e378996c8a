"""What CVAT answers and is told, as compact typed records (msgspec); fields that nobody reads are left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class CvatAccess:
    """Where CVAT is and who asks: a personal access token, or a user and a password."""

    url: str
    token: str | None = field(default=None, repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    organization: str = ""
    verify_tls: bool = True


class CvatTask(msgspec.Struct, frozen=True):
    """A task. A task without data has no size in CVAT's answer, and 0 here."""

    id: int
    name: str
    project_id: int | None
    size: int = 0
    data: int | None = None

    @property
    def has_data(self) -> bool:
        """Whether data was attached, or is being attached."""
        return self.data is not None


class User(msgspec.Struct, frozen=True):
    """A CVAT user."""

    id: int
    username: str


class CvatJob(msgspec.Struct, frozen=True):
    """A job: frames start to stop, inclusive as CVAT counts. The date is text as CVAT wrote it, for comparison."""

    id: int
    task_id: int
    stage: str
    state: str
    start_frame: int
    stop_frame: int
    updated_date: str
    type: str
    assignee: User | None = None


class Attribute(msgspec.Struct, frozen=True):
    """An attribute's value, by the id of its specification."""

    spec_id: int
    value: str


class NewShape(msgspec.Struct, frozen=True):
    """A shape to be created. Points are in pixels; the frame is the task's."""

    frame: int
    label_id: int
    type: str
    points: tuple[float, ...]
    source: str
    score: float
    rotation: float = 0.0
    occluded: bool = False
    attributes: tuple[Attribute, ...] = ()


class CvatShape(msgspec.Struct, frozen=True):
    """A shape as CVAT holds it."""

    id: int
    frame: int
    label_id: int
    type: str
    points: tuple[float, ...]
    source: str
    score: float = 1.0
    rotation: float = 0.0
    occluded: bool = False
    attributes: tuple[Attribute, ...] = ()


class Annotations(msgspec.Struct, frozen=True):
    """A job's annotations; tags and tracks are kept as they came."""

    shapes: list[CvatShape]
    tags: list[msgspec.Raw]
    tracks: list[msgspec.Raw]


class Operation(msgspec.Struct, frozen=True):
    """What a request does, and to which task."""

    type: str
    task_id: int | None = None


class Request(msgspec.Struct, frozen=True):
    """A background request: queued, started, failed or finished."""

    id: str
    status: str
    message: str = ""
    operation: Operation | None = None


class Frame(msgspec.Struct, frozen=True):
    """A frame of a task, by the name that its image has in the bucket."""

    name: str
    width: int
    height: int


class Meta(msgspec.Struct, frozen=True):
    """A task's frames."""

    frames: list[Frame]
    deleted_frames: list[int] = []


class AttributeSpec(msgspec.Struct, frozen=True):
    """An attribute of a label."""

    id: int
    name: str


class LabelRow(msgspec.Struct, frozen=True):
    """A label of a project."""

    id: int
    name: str
    type: str
    attributes: list[AttributeSpec]


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


@dataclass(frozen=True, slots=True)
class ProjectLabels:
    """A project's labels: ids by name, and attribute ids by label and attribute name; and the way back."""

    ids: Mapping[str, int]
    attribute_ids: Mapping[tuple[str, str], int]

    def name(self, label_id: int) -> str:
        """A label's name by its id. Raises KeyError for an id of another project."""
        return {id_: name for name, id_ in self.ids.items()}[label_id]

    def attribute_name(self, spec_id: int) -> str:
        """An attribute's name by its id."""
        return {id_: name for (_, name), id_ in self.attribute_ids.items()}[spec_id]


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
