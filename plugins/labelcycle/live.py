"""The live systems of a project, asked one by one with its own connections: does each do what the project needs of it?

Objects of a few bytes are put where Labelcycle will write, and deleted again; nothing else is changed anywhere.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from include.lifecycle.images import split_uri
from labelcycle.hooks.cvat import CvatHook
from labelcycle.hooks.failures import airflow_error
from labelcycle.hooks.project import ProjectClients

log = logging.getLogger(__name__)


def ask(project_file: str) -> Iterator[tuple[str, str, bool]]:
    """For each question its name, the answer in a sentence, and whether it is a good one."""
    with ProjectClients(project_file) as clients:
        for name, question in _QUESTIONS.items():
            try:
                yield name, question(clients), True
            except Exception as error:
                log.debug("%s", name, exc_info=True)
                known = airflow_error(error, clients.project, project_file)
                yield name, str(known or f"{type(error).__name__}: {error}"), False


def _images(clients: ProjectClients) -> str:
    uri = clients.project.images.uri
    found = next(clients.bucket.list(uri), None)
    return f"{uri} can be listed" + ("" if found else ", and is empty")


def _manifests(clients: ProjectClients) -> str:
    if clients.project.cvat.data == "copy":
        return "none are needed: CVAT gets copies"
    return _writable(clients, f"s3://{split_uri(clients.project.images.uri)[0]}")


def _store(clients: ProjectClients) -> str:
    return _writable(clients, clients.project.ledger.store)


def _data(clients: ProjectClients) -> str:
    return _writable(clients, clients.project.release.remote)


def _writable(clients: ProjectClients, folder: str) -> str:
    from include.clients.storage import check_writable

    check_writable(clients.s3, folder)
    return f"{folder} can be written"


def _cvat(clients: ProjectClients) -> str:
    from include.clients.cvat.standing import standing

    return standing(CvatHook(clients.project.cvat.connection).access()).sentence(datetime.now(UTC))


def _assignees(clients: ProjectClients) -> str:
    from include.clients.cvat import NotFoundError
    from include.steps.route import UnknownAssignee

    people = clients.project.cvat.assignees
    try:
        for name in people:
            clients.cvat.user_id(name)
    except NotFoundError as error:
        raise UnknownAssignee(f"{error}: correct cvat.assignees, or add the user there") from error
    return f"CVAT knows {', '.join(people)}" if people else "jobs are given to nobody"


def _labels(clients: ProjectClients) -> str:
    from include.steps.labels import plan_labels

    changes = plan_labels(clients.project, clients.cvat)
    return "; ".join(map(str, changes)) or "CVAT has all of them"


def _annotators(clients: ProjectClients) -> str:
    from include.annotators.driver import ask_blank
    from include.annotators.registry import UnknownAnnotator

    annotators = [clients.annotator(place) for place in range(len(clients.project.annotators))]
    for annotator in annotators:
        if not annotator.loaded.deferred and (wrong := ask_blank(annotator)):
            raise UnknownAnnotator(wrong)
    names = ", ".join(annotator.id for annotator in annotators)
    return f"{names}: loaded and answering, and nothing that they say is unknown to the project"


def _functions(clients: ProjectClients) -> str:
    from include.steps.functions import check_functions

    found = check_functions(clients.project, clients.cvat)
    return f"CVAT has {', '.join(found)}, with the labels that are mapped" if found else "none is used"


def _ledger(clients: ProjectClients) -> str:
    return f"{clients.ledger.engine.url.render_as_string(hide_password=True)} has this release's tables"


def _repository(clients: ProjectClients) -> str:
    clients.repository.check()
    return f"git reads {clients.repository.url}"


def _mlflow(clients: ProjectClients) -> str:
    clients.experiments.check()
    return f"MLflow answers at {clients.experiments.tracking_uri}"


_QUESTIONS: Mapping[str, Callable[[ProjectClients], str]] = {
    "images": _images,
    "manifests": _manifests,
    "ledger": _ledger,
    "ledger's store": _store,
    "annotators": _annotators,
    "cvat": _cvat,
    "functions in cvat": _functions,
    "labels": _labels,
    "assignees": _assignees,
    "dataset repository": _repository,
    "dvc remote": _data,
    "mlflow": _mlflow,
}
