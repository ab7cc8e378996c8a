"""What went wrong, in one sentence that names the connection or the file, and whether another try can mend it.

The one place where errors of the clients and steps become Airflow's. What is not listed here is a defect of
Labelcycle's own, and keeps its traceback.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from include.projects.files import ProjectError
from include.projects.model import Project
from labelcycle.hooks.fields import WrongConnection

log = logging.getLogger(__name__)
_LONGEST = 600  # characters of an error's own words; what is cut is in the middle, as advice stands at the end


class Whose(StrEnum):
    """Where to mend it: a connection, by its key in a project's file, or the file itself, or the worker."""

    CVAT = "cvat.connection"
    S3 = "images.connection"
    LEDGER = "ledger.connection"
    GIT = "release.connection"
    MLFLOW = "mlflow.connection"
    FILE = "file"
    WORKER = "worker"


@dataclass(frozen=True, slots=True)
class Failure:
    """A kind of error, and of those the ones whose words match; the advice is added where the words give none."""

    kind: type[Exception]
    whose: Whose
    mends: bool  # whether another try can mend it
    advice: str = ""
    words: str = ""


_DISK = "No space left on device|Disk quota exceeded|File too large"
_SERVER_REFUSED = (
    'password authentication failed|no password supplied|pg_hba.conf|role ".*" does not exist|database ".*" does not'
    " exist|permission denied|unable to open database file|readonly database"
)


@cache
def failures() -> tuple[Failure, ...]:
    """All kinds that are known, the first that fits counts. Imported late: DAG files must not pay for the clients."""
    return (*_configuration(), *_worker(), *_cvat(), *_storage(), *_ledger(), *_versions(), *_mlflow(), *_project())


def failure_of(error: BaseException) -> Failure | None:
    """What an error is; None where it is none of these."""
    return next((f for f in failures() if isinstance(error, f.kind) and re.search(f.words, _words(error))), None)


def told(error: BaseException, failure: Failure, name: str = "") -> str:
    """The sentence for people: whom it concerns, the error's own words on one line, what to do."""
    words = _words(error)
    named = words if not name or name in words else f"{name}: {words}"
    return f"{named.rstrip('.')}. {failure.advice}" if failure.advice else named


def airflow_error(error: BaseException, project: Project, file: str) -> AirflowException | None:
    """The error as a project's task raises it; None for one that is none of these."""
    connections = {
        Whose.CVAT: project.cvat.connection,
        Whose.S3: project.images.connection,
        Whose.LEDGER: project.ledger.connection,
        Whose.GIT: project.release.connection,
        Whose.MLFLOW: project.mlflow.connection,
    }
    return _raised(error, {whose: f"connection {conn_id!r}" for whose, conn_id in connections.items()}, file)


@contextmanager
def in_words(cvat_conn_id: str, aws_conn_id: str = "") -> Iterator[None]:
    """What an operator's work raises leaves as Airflow's exception, in one sentence that names the connection.

    Where it came from is in the log at level DEBUG.
    """
    names = {Whose.CVAT: f"connection {cvat_conn_id!r}", Whose.S3: f"connection {aws_conn_id!r}"}
    try:
        yield
    except Exception as error:
        known = _raised(error, names, "")
        if known is None:
            raise
        log.debug("the error's origin", exc_info=error)
        raise known from None


def _raised(error: BaseException, names: Mapping[Whose, str], file: str) -> AirflowException | None:
    """AirflowFailException, which is not retried, where another try cannot mend it.

    Whoever raises it does so while handling the error, which a retry policy then finds as its context.
    """
    failure = failure_of(error)
    if failure is None:
        return None
    sentence = told(error, failure, names.get(failure.whose, file if failure.whose is Whose.FILE else "this worker"))
    return (AirflowException if failure.mends else AirflowFailException)(sentence)


def tested(look: Callable[[], str]) -> tuple[bool, str]:
    """The answer of a hook's test_connection: what the look found, or what is wrong."""
    try:
        return True, look()
    except WrongConnection as error:
        return False, f"the connection {error.problem}"  # Airflow tests it under another name
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        return False, told(error, failure)


def _words(error: BaseException) -> str:
    """The error's own words, on one line; of SQLAlchemy's errors the database's, without the statement."""
    words = " ".join(str(getattr(error, "orig", None) or error).split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST // 2]} … {words[-_LONGEST // 2 :]}"


def _configuration() -> tuple[Failure, ...]:
    from include.clients.archives import WrongAddress

    define = "Define the connection (docs/connections.md), or name another one in the file"
    return (
        Failure(ProjectError, Whose.FILE, False),
        Failure(WrongAddress, Whose.FILE, False),
        Failure(WrongConnection, Whose.FILE, False, "Correct the connection (docs/connections.md)"),
        Failure(AirflowNotFoundException, Whose.FILE, False, define, "conn_id"),
    )


def _worker() -> tuple[Failure, ...]:
    free = "Free space in its folder for temporary files (TMPDIR names another)"
    return (Failure(OSError, Whose.WORKER, True, free, _DISK),)


def _cvat() -> tuple[Failure, ...]:
    from include.clients import cvat
    from include.clients.cvat.labels import WrongLabels
    from include.clients.cvat.standing import ReadOnlyError
    from include.clients.cvat.versions import UnsupportedError

    account = "Give it an account that may: a read-only token cannot write, and a user sees only what is theirs"
    certificate = "Let the worker trust the server's certificate, or set verify_tls to false in the extra"
    organization = "Correct the organization in the extra (its slug), or leave it out; the user must be a member"
    answers = "See that CVAT runs, and that the connection's host is its URL"
    return (
        Failure(WrongLabels, Whose.FILE, False),
        Failure(cvat.UnauthorizedError, Whose.CVAT, False, "Give it a valid token, or the right login and password"),
        Failure(ReadOnlyError, Whose.CVAT, False, "Make a token that is not read-only: CVAT makes them so by default"),
        Failure(cvat.ForbiddenError, Whose.CVAT, False, organization, "in the organization"),
        Failure(cvat.ForbiddenError, Whose.CVAT, False, account),
        Failure(UnsupportedError, Whose.CVAT, False, "Upgrade CVAT, or use another release of Labelcycle"),
        Failure(cvat.UnreachableError, Whose.CVAT, False, certificate, "CERTIFICATE_VERIFY_FAILED"),
        Failure(cvat.NotFoundError, Whose.CVAT, False, organization, "organization does not exist"),
        Failure(cvat.NotFoundError, Whose.CVAT, False, "See that the host is CVAT's URL, and what was deleted there"),
        Failure(cvat.InvalidError, Whose.CVAT, False, "Correct what CVAT was given"),
        Failure(cvat.CvatError, Whose.CVAT, True, answers),
    )


def _storage() -> tuple[Failure, ...]:
    from include.clients import storage

    refusals = (storage.BucketNotFound, storage.AccessDenied, storage.WrongRegion, storage.NotS3)
    return (
        *(Failure(kind, Whose.S3, False) for kind in refusals),
        Failure(storage.StorageError, Whose.S3, True),
    )


def _ledger() -> tuple[Failure, ...]:
    from sqlalchemy.exc import DBAPIError

    from include.clients.ledger import LedgerError

    login = "Correct its login, password and database, or make them"
    answers = "See that the database runs, and that the connection's host and port are right"
    return (
        Failure(LedgerError, Whose.LEDGER, False, login, _SERVER_REFUSED),
        Failure(LedgerError, Whose.LEDGER, False, "", "ledger upgrade|newer release|changed by hand"),
        Failure(LedgerError, Whose.LEDGER, True, "Free space on the database's disk", "disk is full|disk I/O"),
        Failure(LedgerError, Whose.LEDGER, True, answers, "does not answer"),
        Failure(LedgerError, Whose.LEDGER, True),
        Failure(DBAPIError, Whose.LEDGER, True, "Free space on the database's disk", "disk is full|disk I/O|No space"),
        Failure(DBAPIError, Whose.LEDGER, True, answers, "connect|clos|terminat|shutdown|shutting|locked"),
    )


def _versions() -> tuple[Failure, ...]:
    from include.clients import versions

    return (
        Failure(versions.BucketRefusedError, Whose.S3, False),
        Failure(versions.RepositoryRefusedError, Whose.GIT, False),
        Failure(versions.VersionsError, Whose.GIT, True),
    )


def _mlflow() -> tuple[Failure, ...]:
    from include.clients import experiments

    free = "Free space on the disk of MLflow's artifacts"
    return (
        Failure(experiments.ExperimentsRefusedError, Whose.MLFLOW, False),
        Failure(experiments.ExperimentsError, Whose.MLFLOW, True, free, _DISK),
        Failure(experiments.ExperimentsError, Whose.MLFLOW, True),
    )


def _project() -> tuple[Failure, ...]:
    from include.annotators.labels import UnknownLabels
    from include.annotators.registry import AnnotatorUnavailable, UnknownAnnotator
    from include.annotators.weights import WrongWeights
    from include.lifecycle.labels import TypeChangedError
    from include.lifecycle.routing import NoScoresError
    from include.steps.aside import SetAsideError
    from include.steps.batches import BatchError
    from include.steps.discover import TooManyFailuresError
    from include.steps.release import GateError
    from include.steps.route import UnknownAssignee

    wrong = (UnknownAnnotator, WrongWeights, UnknownLabels, UnknownAssignee, TypeChangedError, NoScoresError)
    decide = (GateError, TooManyFailuresError, BatchError, SetAsideError)
    return (
        *(Failure(kind, Whose.FILE, False) for kind in (*wrong, *decide)),
        Failure(AnnotatorUnavailable, Whose.FILE, True),
    )
