"""Predictions and revisions as Arrow tables, and back without loss."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json

from include.lifecycle.predictions import ImagePredictions, Prediction
from include.lifecycle.reviews import Acceptance, Annotation, Revision
from include.lifecycle.shapes import Shape, ShapeType

_ATTRIBUTE = pa.struct([pa.field("name", pa.string(), nullable=False), pa.field("value", pa.string(), nullable=False)])
_SHAPE = [
    pa.field("label", pa.string(), nullable=False),
    pa.field("type", pa.string(), nullable=False),
    pa.field("points", pa.list_(pa.float64()), nullable=False),
    pa.field("rotation", pa.float64(), nullable=False),
    pa.field("occluded", pa.bool_(), nullable=False),
    pa.field("attributes", pa.list_(_ATTRIBUTE), nullable=False),
]
_OBJECT = pa.struct(
    [pa.field("id", pa.string(), nullable=False), *_SHAPE, pa.field("score", pa.float64(), nullable=False)]
)

PREDICTIONS = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("annotator", pa.string(), nullable=False),
        pa.field("objects", pa.list_(_OBJECT), nullable=False),
    ]
)
"""A row an image and annotator; an image without objects has an empty list."""

REVISION = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        *_SHAPE,
        pa.field("source", pa.string(), nullable=False),
        pa.field("shape_id", pa.int64(), nullable=False),
    ]
)
"""A row an annotation; what concerns the whole revision, its images too, is JSON in the metadata's `revision`."""


def predictions_table(predictions: Sequence[ImagePredictions]) -> pa.Table:
    """A table of PREDICTIONS' schema. Raises ValueError where an object is of another image or annotator."""
    return _table([_image_row(image) for image in predictions], PREDICTIONS)


def predictions_from(table: pa.Table) -> list[ImagePredictions]:
    """What predictions_table was given. Raises ValueError where the table has another schema."""
    _check_schema(table, PREDICTIONS, "predictions")
    return [_image_predictions(row) for row in table.to_pylist()]


def revision_table(revision: Revision) -> pa.Table:
    """A table of REVISION's schema, with the revision's own fields in its metadata."""
    rows = [
        {"image_id": a.image_id, **_shape_row(a.shape), "source": a.source, "shape_id": a.shape_id}
        for a in revision.annotations
    ]
    scalars = {
        "id": revision.id,
        "batch_id": revision.batch_id,
        "job_index": revision.job_index,
        "image_ids": revision.image_ids,
        "accepted": revision.accepted,
        "probability": revision.probability,
        "finished_by": revision.finished_by,
        "finished_at": revision.finished_at,
    }
    return _table(rows, REVISION.with_metadata({"revision": json.dumps(scalars)}))


def revision_from(table: pa.Table) -> Revision:
    """What revision_table was given. Raises ValueError where the table has another schema or no such metadata."""
    _check_schema(table, REVISION, "a revision")
    scalars = json.loads((table.schema.metadata or {}).get(b"revision", b"null"))
    if scalars is None:
        raise ValueError("the table has a revision's columns, but no `revision` in its metadata")
    annotations = tuple(
        Annotation(row["image_id"], _shape(row), row["source"], row["shape_id"]) for row in table.to_pylist()
    )
    image_ids, accepted = tuple(scalars.pop("image_ids")), Acceptance(scalars.pop("accepted"))
    return Revision(**scalars, image_ids=image_ids, accepted=accepted, annotations=annotations)


def _image_row(image: ImagePredictions) -> dict[str, Any]:
    for found in image.objects:
        if (found.image_id, found.annotator) != (image.image_id, image.annotator):
            raise ValueError(
                f"prediction {found.id} is of image {found.image_id} by {found.annotator}, but stands among those of"
                f" image {image.image_id} by {image.annotator}"
            )
    objects = [{"id": found.id, **_shape_row(found.shape), "score": found.score} for found in image.objects]
    return {"image_id": image.image_id, "annotator": image.annotator, "objects": objects}


def _image_predictions(row: dict[str, Any]) -> ImagePredictions:
    image_id, annotator = row["image_id"], row["annotator"]
    objects = (Prediction(o["id"], image_id, annotator, _shape(o), o["score"]) for o in row["objects"])
    return ImagePredictions(image_id, annotator, tuple(objects))


def _shape_row(shape: Shape) -> dict[str, Any]:
    return {
        "label": shape.label,
        "type": shape.type,
        "points": shape.points,
        "rotation": shape.rotation,
        "occluded": shape.occluded,
        "attributes": [{"name": name, "value": value} for name, value in shape.attributes],
    }


def _shape(row: dict[str, Any]) -> Shape:
    attributes = tuple((attribute["name"], attribute["value"]) for attribute in row["attributes"])
    points = tuple(row["points"])
    return Shape(row["label"], ShapeType(row["type"]), points, row["rotation"], row["occluded"], attributes)


def _table(rows: Sequence[Mapping[str, object]], schema: pa.Schema) -> pa.Table:
    """A table of rows. Raises ValueError where a number is not finite.

    It is made by way of JSON: Arrow imports pandas before it makes anything of Python's own objects, which takes a
    worker a second or two and 50 MB.
    """
    if not rows:
        return schema.empty_table()
    lines = "\n".join(json.dumps(row, allow_nan=False) for row in rows).encode()
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(lines) + 1)
    parsing = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    return pyarrow.json.read_json(pa.BufferReader(lines), reading, parsing).cast(schema)


def _check_schema(table: pa.Table, schema: pa.Schema, what: str) -> None:
    if not table.schema.equals(schema, check_metadata=False):
        raise ValueError(f"the table does not hold {what}: its columns are {', '.join(table.column_names) or 'none'}")
