"""CVAT as Labelcycle uses it."""

from include.clients.cvat.annotations import Content
from include.clients.cvat.canvas import Canvas
from include.clients.cvat.client import CvatClient
from include.clients.cvat.drawn import Annotations, Attribute, CvatShape, NewShape
from include.clients.cvat.errors import (
    BrokenError,
    ConflictError,
    CvatError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ThrottledError,
    UnauthorizedError,
    UnknownOutcomeError,
    UnreachableError,
)
from include.clients.cvat.records import (
    BucketAccess,
    CvatAccess,
    CvatJob,
    CvatTask,
    Frame,
    LabelRow,
    NewTask,
    ProjectLabels,
    Request,
)
from include.clients.cvat.uploads import UploadFile

__all__ = [
    "Annotations",
    "Attribute",
    "BrokenError",
    "BucketAccess",
    "Canvas",
    "ConflictError",
    "Content",
    "CvatAccess",
    "CvatClient",
    "CvatError",
    "CvatJob",
    "CvatShape",
    "CvatTask",
    "ForbiddenError",
    "Frame",
    "InvalidError",
    "LabelRow",
    "NewShape",
    "NewTask",
    "NotFoundError",
    "ProjectLabels",
    "Request",
    "ThrottledError",
    "UnauthorizedError",
    "UnknownOutcomeError",
    "UnreachableError",
    "UploadFile",
]
