"""Release: accepted revisions, pinned first, become a dataset version; its record is written last.

Each step takes what the one before it recorded, so that a run that was killed anywhere is completed by the next.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import TypeAdapter

from include.clients.bulk import BulkStore
from include.clients.experiments import Experiments
from include.clients.ledger import Ledger
from include.clients.ledger.releases import ReleaseRecord
from include.clients.ledger.reviews import RevisionRecord
from include.clients.tables import revision_from
from include.clients.versions import DatasetRepository
from include.datasets.checks import check_release
from include.datasets.contents import ReleaseContents, ReleasedImage, ReleaseSettings, contents_of
from include.datasets.release import write_release
from include.datasets.versions import format_tag, next_version, parse_tag
from include.evaluation.evaluation import from_json as evaluation_from_json
from include.evaluation.figures import flat_metrics
from include.lifecycle.labels import current_names, revision_today
from include.lifecycle.reviews import Annotation
from include.projects.model import Project
from include.steps.batches import log

_LEASE = timedelta(hours=2)


class GateError(Exception):
    """The dataset is not what the project wants to release."""


@dataclass(frozen=True, slots=True)
class Pin:
    """What a release holds, fixed before it is built: the revisions without the images whose objects had been replaced
    or were gone by then, and the names that labels had, by their former ones."""

    revisions: tuple[RevisionRecord, ...]
    contents: ReleaseContents
    evaluation_id: str | None
    renamed: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


_PIN: TypeAdapter[Pin] = TypeAdapter(Pin)


def pin_release(project: Project, store: BulkStore, ledger: Ledger, now: datetime) -> str | None:
    """The tag of the release to be made: one that was pinned and not completed, or a new one.

    None where nothing changed since the last. Raises GateError where the project's gate is not passed.
    """
    if (unfinished := _unfinished(project, ledger)) is not None:
        log.warning("project %s: completing %s, which an earlier run has pinned", project.name, unfinished.tag)
        return unfinished.tag
    due = _next_version(project, store, ledger)
    if due is None:
        return None
    tag, pin = due
    if reason := _held_back(project, tag, pin, store, ledger):
        raise GateError(reason)
    uri = store.write_text(f"pins/{project.name}", _PIN.dump_json(pin).decode())
    ledger.releases.pin(tag, project.name, pin.contents.digest, uri, now)
    return tag


@dataclass(frozen=True, slots=True)
class ReleasePreview:
    """What a release run would do: complete an unfinished version, make a new one, or nothing (no tag); with the
    images of that version by split, and why the gate holds it back, if it does."""

    tag: str | None
    unfinished: bool
    images: Mapping[str, int]
    held_back: str | None


def preview_release(project: Project, store: BulkStore, ledger: Ledger) -> ReleasePreview:
    """What `pin_release` would pin now. Writes nothing."""
    if (unfinished := _unfinished(project, ledger)) is not None:
        images = _PIN.validate_json(store.read_text(unfinished.pin)).contents.images
        return ReleasePreview(unfinished.tag, True, images, None)
    due = _next_version(project, store, ledger)
    if due is None:
        return ReleasePreview(None, False, {}, None)
    tag, pin = due
    return ReleasePreview(tag, False, pin.contents.images, _held_back(project, tag, pin, store, ledger))


def _unfinished(project: Project, ledger: Ledger) -> ReleaseRecord | None:
    """The oldest release that was pinned and not completed."""
    return next((release for release in ledger.releases.all(project.name) if release.released_at is None), None)


def _next_version(project: Project, store: BulkStore, ledger: Ledger) -> tuple[str, Pin] | None:
    """The tag of what is accepted now, and what it would hold; none where nothing changed since the last."""
    records = tuple(ledger.reviews.current(project.name))
    names = current_names(project)
    reviewed = list(_released_images(project, records, names, store, ledger))
    current = ledger.images.get(project.name, [released.image.id for released in reviewed], current=True)
    images = [released for released in reviewed if released.image.id in current]
    left_out = tuple(sorted({released.image.id for released in reviewed} - current.keys()))
    if not images:
        return None
    contents = contents_of(images, _labels(project), _settings(project))
    tag = _next_tag(project, ledger.releases.all(project.name), contents, store)
    if tag is None:
        return None
    evaluation = ledger.reviews.latest_evaluation(project.name)
    return tag, Pin(records, contents, evaluation.id if evaluation else None, names, left_out)


def publish_release(
    project: Project, tag: str, repository: DatasetRepository, store: BulkStore, ledger: Ledger, holder: str
) -> None:
    """Build what was pinned, push its data, then its commit and tag at once. A tag that exists is left as it is."""
    release = _pinned(tag, ledger)

    def write(folder: Path) -> None:
        build_release(project, tag, folder, store, ledger)

    with ledger.leases.hold(f"datasets/{project.release.connection}", holder, _LEASE):
        message = f"{project.name} {tag}\n\nLabelcycle-Digest: {release.digest}\n"
        published = repository.publish(tag, project.name, message, write)
        if published.already:
            _check_is_ours(release, repository)
    ledger.releases.published(tag, published.commit, published.dvc_md5)
    ledger.audit.add(project.name, "publish", tag, f"commit {published.commit}, data {published.dvc_md5}")


def build_release(project: Project, tag: str, folder: Path, store: BulkStore, ledger: Ledger) -> None:
    """Write what was pinned into an empty folder. Raises GateError where it cannot be had as it was."""
    release = _pinned(tag, ledger)
    pin = _PIN.validate_json(store.read_text(release.pin))
    reviewed, left_out = _released_images(project, pin.revisions, pin.renamed, store, ledger), set(pin.left_out)
    images = [released for released in reviewed if released.image.id not in left_out]
    contents = write_release(folder, images, pin.contents.labels, pin.contents.settings)
    problems = check_release(folder)
    if contents.digest != release.digest:
        problems.append(
            f"its digest is {contents.digest}, and {release.digest} was pinned: the ledger's store has changed"
        )
    if problems:
        raise GateError(f"{tag} cannot be released: " + "; ".join(problems[:5]))


def released_revisions(project: Project, store: BulkStore, ledger: Ledger) -> set[tuple[str, int, str]]:
    """Batch, job index and id of each revision in the newest version; none where there is no version."""
    done = [release for release in ledger.releases.all(project.name) if release.released_at]
    if not done:
        return set()
    pin = _PIN.validate_json(store.read_text(done[-1].pin))
    return {(record.batch_id, record.job_index, record.id) for record in pin.revisions}


def _check_is_ours(release: ReleaseRecord, repository: DatasetRepository) -> None:
    """A tag that was there must hold what was pinned: another ledger may have released under the same name."""
    found = [tag for tag in repository.tags(release.tag) if tag.name == release.tag]
    if not found or f"Labelcycle-Digest: {release.digest}" not in found[0].message:
        raise GateError(
            f"{release.tag} is in the repository with another content than the ledger has pinned ({release.digest}): "
            "another ledger made it; restore that one, or release into a repository of your own"
        )


def log_release(
    project: Project, tag: str, url: str, experiments: Experiments, store: BulkStore, ledger: Ledger
) -> None:
    """Log a published release in MLflow: its counts, the annotator's figures, and the dataset as an input."""
    release = _pinned(tag, ledger)
    pin = _PIN.validate_json(store.read_text(release.pin))
    counts = {f"images/{split}": float(count) for split, count in pin.contents.images.items()}
    metrics = {f"evaluation/{name}": value for name, value in _metrics(pin.evaluation_id, store, ledger).items()}
    run = experiments.log_release(
        f"labelcycle/{project.name}",
        key=f"release/{tag}",
        name=tag,
        params={"project": project.name, "tag": tag, "commit": release.commit or "", "dvc_md5": release.dvc_md5 or ""},
        metrics=counts | metrics,
        tags={"labelcycle.project": project.name, "labelcycle.release": tag},
        dataset_name=project.name,
        dataset_digest=release.digest[:36],
        dataset_source=url,
        at=release.pinned_at,
    )
    ledger.releases.logged(tag, run.id)


def complete_release(project: Project, tag: str, ledger: Ledger, now: datetime) -> None:
    """Write the release record. Everything else of the release exists."""
    release = _pinned(tag, ledger)
    if not (release.commit and release.mlflow_run_id):
        raise RuntimeError(f"{tag} is not published and logged yet: its record must come last")
    ledger.releases.complete(tag, now)
    ledger.audit.add(project.name, "release", tag, f"digest {release.digest}, run {release.mlflow_run_id}")


def _pinned(tag: str, ledger: Ledger) -> ReleaseRecord:
    release = ledger.releases.get(tag)
    if release is None:
        raise RuntimeError(f"{tag} was never pinned: run the release DAG from its first task")
    return release


def _labels(project: Project) -> list[str]:
    return [label.name for label in project.labels]


def _settings(project: Project) -> ReleaseSettings:
    release = project.release
    segments = "yolo" in release.formats and all(label.type == "polygon" for label in project.labels)
    return ReleaseSettings(project.name, release.splits, release.split_seed, release.formats, segments)


def _released_images(
    project: Project,
    records: tuple[RevisionRecord, ...],
    names: Mapping[str, str],
    store: BulkStore,
    ledger: Ledger,
) -> Iterator[ReleasedImage]:
    """The images of revisions with their annotations, whatever has become of their objects since."""
    for record in records:
        revision = revision_today(revision_from(store.read(record.uri)), names)
        known = ledger.images.get(project.name, revision.image_ids)
        drawn: dict[str, list[Annotation]] = defaultdict(list)
        for annotation in revision.annotations:
            drawn[annotation.image_id].append(annotation)
        for image_id in revision.image_ids:
            yield ReleasedImage(known[image_id], revision.accepted, revision.id, tuple(drawn[image_id]))


def _next_tag(
    project: Project, releases: list[ReleaseRecord], contents: ReleaseContents, store: BulkStore
) -> str | None:
    last = releases[-1] if releases else None
    previous = str(parse_tag(last.tag)[1]) if last else None
    before = _PIN.validate_json(store.read_text(last.pin)).contents if last else None
    version = next_version(previous, before, contents)
    return None if version is None else format_tag(project.name, version)


def _metrics(evaluation_id: str | None, store: BulkStore, ledger: Ledger) -> Mapping[str, float]:
    record = ledger.reviews.evaluation(evaluation_id) if evaluation_id else None
    return flat_metrics(evaluation_from_json(store.read_text(record.uri))) if record else {}


def _held_back(project: Project, tag: str, pin: Pin, store: BulkStore, ledger: Ledger) -> str | None:
    """Why the project's gate does not let a version pass; None where it does."""
    gate, images = project.release.gate, sum(pin.contents.images.values())
    if images < gate.min_images:
        return f"{tag} would have {images} images, and release.gate.min_images is {gate.min_images}"
    f1 = _metrics(pin.evaluation_id, store, ledger).get("f1/micro")
    if gate.min_f1_micro is not None and (f1 is None or f1 < gate.min_f1_micro):
        found = "was never measured" if f1 is None else f"is {f1:.3f}"
        return f"{tag}: the micro F1 {found}, and release.gate.min_f1_micro is {gate.min_f1_micro}"
    return None
