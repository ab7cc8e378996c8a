"""
### Import annotations
Put the annotations of a file into a task or a job. Where people may have worked already nothing is overwritten: the run
fails and says so.

Annotations that come this way have the source `file`. What the lifecycle itself predicts needs no import.
"""

from airflow.sdk import Param

from labelcycle.operators.forms import address, bucket, choose_target, connection, maintenance_dag
from labelcycle.operators.imports import CvatImportAnnotationsOperator

FORM = {
    **choose_target("task", "job"),
    "source": address("Where the file is"),
    "format": Param("COCO 1.0", type="string", title="Format", description="As CVAT lists it, with its version."),
    **bucket(),
    **connection(),
}

with maintenance_dag("import_annotations", "Put annotations from a file into CVAT", __doc__, FORM):
    CvatImportAnnotationsOperator(
        task_id="import",
        cvat_conn_id="{{ params.cvat_conn_id }}",
        target="{{ params.target }}",
        target_id="{{ params.target_id }}",
        source="{{ params.source }}",
        format="{{ params.format }}",
        aws_conn_id="{{ params.aws_conn_id }}",
    )
