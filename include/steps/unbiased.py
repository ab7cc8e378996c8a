"""Unbiased: an annotator's figures on what people drew without seeing its predictions, beside the flattering ones."""

from collections.abc import Mapping
from dataclasses import replace

from include.clients.bulk import BulkStore
from include.clients.ledger import Ledger
from include.evaluation.detection import detection_figures
from include.evaluation.doubled import BlindImage
from include.evaluation.reviewed import ReviewedImage
from include.evaluation.snapshot import Blind
from include.evaluation.tally import tally_of
from include.lifecycle.labels import completed, default_values
from include.lifecycle.reviews import Acceptance
from include.projects.model import Project
from include.steps.doubled import blind_images
from include.steps.evaluate import settings_of
from include.steps.predict import read_predictions
from include.steps.reviewed import finished_by_annotator, reviewed_images


def unbiased(project: Project, store: BulkStore, ledger: Ledger) -> dict[str, Blind]:
    """The figures of each annotator version on the finished ground truths, by version; none without any.

    An image of a ground truth weighs the inverse of its probability of being in one. What reviews that began with the
    predictions say is of the same images with the same weights, where their jobs are finished.
    """
    truth = {image.image_id: image for image in blind_images(project, store, ledger)}
    if not truth:
        return {}
    names = {one.id for batch in ledger.batches.get(_batches(project, ledger)) for one in batch.asked}
    found = ((name, _blind(project, name, truth, store, ledger)) for name in sorted(names))
    return {name: one for name, one in found if one}


def _batches(project: Project, ledger: Ledger) -> list[str]:
    return sorted({job.key.batch_id for job in ledger.blind.of_project(project.name) if job.uri})


def _blind(
    project: Project, annotator: str, truth: Mapping[str, BlindImage], store: BulkStore, ledger: Ledger
) -> Blind | None:
    answers = read_predictions(project, annotator, sorted(truth), store, ledger)
    if not answers:
        return None
    headers = {id_: image.header for id_, image in ledger.images.get(project.name, sorted(answers)).items()}
    defaults = default_values(project)
    drawn = [
        ReviewedImage(
            image_id=image_id,
            predictions=tuple(replace(one, shape=completed(one.shape, defaults)) for one in answer.objects),
            annotations=truth[image_id].annotations,
            applied={},
            weight=1 / truth[image_id].probability,
            accepted=Acceptance.PERSON,
            size=(headers[image_id].width, headers[image_id].height),
        )
        for image_id, answer in answers.items()
    ]
    seen = _reviewed(project, annotator, truth, store, ledger)
    settings = settings_of(project)
    ids = {image.image_id for image in seen}
    beside = [image for image in drawn if image.image_id in ids]
    return Blind(
        images=len(drawn),
        unbiased=detection_figures(tally_of(drawn, settings)),
        images_reviewed=len(seen),
        reviewed=detection_figures(tally_of(seen, settings)) if seen else None,
        beside=detection_figures(tally_of(beside, settings)) if beside else None,
    )


def _reviewed(
    project: Project, annotator: str, truth: Mapping[str, BlindImage], store: BulkStore, ledger: Ledger
) -> list[ReviewedImage]:
    """The same images as people left them who saw the predictions."""
    batches = set(_batches(project, ledger))
    for finished in finished_by_annotator(project, ledger):
        if finished.annotator == annotator:
            records = tuple(record for record in finished.records if record.batch_id in batches)
            images = reviewed_images(project, replace(finished, records=records), store, ledger)
            return [
                replace(image, weight=1 / truth[image.image_id].probability)
                for image in images
                if image.image_id in truth
            ]
    return []
