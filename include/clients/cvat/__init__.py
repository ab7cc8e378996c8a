"""CVAT as Labelcycle uses it."""

from include.clients.cvat.client import CvatClient
from include.clients.cvat.errors import (
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
    Attribute,
    BucketAccess,
    CvatAccess,
    CvatJob,
    CvatShape,
    CvatTask,
    Frame,
    NewShape,
    ProjectLabels,
    Request,
)

__all__ = [
    "Attribute",
    "BucketAccess",
    "ConflictError",
    "CvatAccess",
    "CvatClient",
    "CvatError",
    "CvatJob",
    "CvatShape",
    "CvatTask",
    "ForbiddenError",
    "Frame",
    "InvalidError",
    "NewShape",
    "NotFoundError",
    "ProjectLabels",
    "Request",
    "ThrottledError",
    "UnauthorizedError",
    "UnknownOutcomeError",
    "UnreachableError",
]
