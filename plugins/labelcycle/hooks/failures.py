"""What went wrong, in one sentence that names the connection or the file, and whether another try can mend it.

The one place where errors of the clients and steps become Airflow's. They are listed by name, so that nothing need be
imported to recognize one. What is not listed here is a defect of Labelcycle's own, and keeps its traceback.
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from airflow.sdk.exceptions import AirflowException, AirflowFailException

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

    kind: str  # the full name of the class, or of one that it derives from
    whose: Whose
    mends: bool  # whether another try can mend it
    advice: str = ""
    words: str = ""


_DISK = "No space left on device|Disk quota exceeded|File too large"
_SERVER_REFUSED = (
    'password authentication failed|no password supplied|pg_hba.conf|role ".*" does not exist|database ".*" does not'
    " exist|permission denied|unable to open database file|readonly database"
)


def _each(package: str, names: str, whose: Whose, mends: bool) -> tuple[Failure, ...]:
    """Kinds whose own words say what to do."""
    return tuple(Failure(f"{package}.{name}", whose, mends) for name in names.split())


def _configuration() -> tuple[Failure, ...]:
    define = "Define the connection (docs/connections.md), or name another one"
    correct = "Correct the connection (docs/connections.md)"
    return (
        Failure("include.projects.files.ProjectError", Whose.FILE, False),
        Failure("include.clients.archives.WrongAddress", Whose.FILE, False),
        Failure("labelcycle.hooks.fields.WrongConnection", Whose.FILE, False, correct),
        Failure("airflow.sdk.exceptions.AirflowNotFoundException", Whose.FILE, False, define, "conn_id"),
    )


def _worker() -> tuple[Failure, ...]:
    free = "Free space in its folder for temporary files (TMPDIR names another)"
    return (Failure("builtins.OSError", Whose.WORKER, True, free, _DISK),)


def _cvat() -> tuple[Failure, ...]:
    """Refusals, which no other try mends, and then the rest."""
    account = "Give it an account that may: a read-only token cannot write, and a user sees only what is theirs"
    certificate = (
        "Let the worker trust the server's certificate (SSL_CERT_FILE names the file of those it trusts), or set"
        " verify_tls to false in the extra"
    )
    organization = "Correct the organization in the extra (its slug), or leave it out; the user must be a member"
    plain = "Write http:// before the host: this server does not speak TLS"
    writable = "Make a token that is not read-only: CVAT makes them so by default"
    address = "See that the host is CVAT's URL, and what was deleted there"

    def refused(name: str, advice: str = "", words: str = "") -> Failure:
        return Failure(f"include.clients.cvat.{name}", Whose.CVAT, False, advice, words)

    return (
        Failure("include.clients.cvat.labels.WrongLabels", Whose.FILE, False),
        refused("errors.UnauthorizedError", "Give it a valid token, or the right login and password"),
        refused("standing.ReadOnlyError", writable),
        refused("errors.ForbiddenError", organization, "in the organization"),
        refused("errors.ForbiddenError", account),
        refused("versions.UnsupportedError", "Upgrade CVAT, or use another release of Labelcycle"),
        refused("errors.UnreachableError", certificate, "CERTIFICATE_VERIFY_FAILED"),
        refused("errors.UnreachableError", plain, "WRONG_VERSION_NUMBER|record layer failure"),
        refused("errors.NotFoundError", organization, "organization does not exist"),
        refused("errors.NotFoundError", "Name a user whom CVAT has and this account may see", "has no user"),
        refused("errors.NotFoundError", address),
        refused("errors.InvalidError", "Correct what CVAT was given"),
        *_cvat_later(),
    )


def _cvat_later() -> tuple[Failure, ...]:
    def later(name: str, advice: str = "") -> Failure:
        return Failure(f"include.clients.cvat.{name}", Whose.CVAT, True, advice)

    return (
        later("errors.ConflictError", "Wait until what is under way in CVAT has ended"),
        later("errors.ThrottledError", "Let fewer tasks call CVAT at a time"),
        later("downloads.OverdueError", "Give it more time"),
        later("downloads.DamagedError", "See what lies between the worker and CVAT if it is damaged again"),
        later("downloads.ExpiredError"),
        later("serverless.FunctionFailed", "Look at the function's own log"),
        later("errors.CvatError", "See that CVAT runs, and that the connection's host is its URL"),
    )


def _ledger() -> tuple[Failure, ...]:
    kind, database = "include.clients.ledger.database.LedgerError", "sqlalchemy.exc.DBAPIError"
    login = "Correct its login, password and database, or make them"
    answers = "See that the database runs, and that the connection's host and port are right"
    free = "Free space on the database's disk"
    return (
        Failure(kind, Whose.LEDGER, False, login, _SERVER_REFUSED),
        Failure(kind, Whose.LEDGER, False, "", "ledger upgrade|newer release|changed by hand"),
        Failure(kind, Whose.LEDGER, True, free, "disk is full|disk I/O"),
        Failure(kind, Whose.LEDGER, True, answers, "does not answer"),
        Failure(kind, Whose.LEDGER, True),
        Failure(database, Whose.LEDGER, True, free, "disk is full|disk I/O|No space"),
        Failure(database, Whose.LEDGER, True, answers, "connect|clos|terminat|shutdown|shutting|locked"),
    )


def _mlflow() -> tuple[Failure, ...]:
    free, package = "Free space on the disk of MLflow's artifacts", "include.clients.experiments"
    return (
        Failure(f"{package}.ExperimentsRefusedError", Whose.MLFLOW, False),
        Failure(f"{package}.ExperimentsError", Whose.MLFLOW, True, free, _DISK),
        Failure(f"{package}.ExperimentsError", Whose.MLFLOW, True),
    )


def _project() -> tuple[Failure, ...]:
    wrong = "registry.UnknownAnnotator weights.WrongWeights labels.UnknownLabels"
    decide = "release.GateError discover.TooManyFailuresError batches.BatchError aside.SetAsideError"
    return (
        *_each("include.annotators", wrong, Whose.FILE, False),
        *_each("include.lifecycle", "labels.TypeChangedError routing.NoScoresError", Whose.FILE, False),
        *_each("include.steps", f"route.UnknownAssignee {decide}", Whose.FILE, False),
        *_each("include.annotators", "registry.AnnotatorUnavailable", Whose.FILE, True),
    )


# The first that fits counts.
FAILURES = (
    *_configuration(),
    *_worker(),
    *_cvat(),
    *_each("include.clients.storage", "BucketNotFound AccessDenied WrongRegion NotS3", Whose.S3, False),
    *_each("include.clients.storage", "StorageError", Whose.S3, True),
    *_ledger(),
    *_each("include.clients.versions.errors", "BucketRefusedError", Whose.S3, False),
    *_each("include.clients.versions.errors", "RepositoryRefusedError", Whose.GIT, False),
    *_each("include.clients.versions.errors", "VersionsError", Whose.GIT, True),
    *_mlflow(),
    *_project(),
)


def failure_of(error: BaseException) -> Failure | None:
    """What an error is; None where it is none of these."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    return next((f for f in FAILURES if f.kind in kinds and re.search(f.words, _words(error))), None)


def told(error: BaseException, failure: Failure, name: str = "") -> str:
    """The sentence for people: whom it concerns, the error's own words on one line, what to do."""
    words = _words(error)
    named = words if not name or name in words else f"{name}: {words}"
    ended = named if named.endswith(("?", "!")) else f"{named.rstrip('.')}."
    return f"{ended} {failure.advice}" if failure.advice else named


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
