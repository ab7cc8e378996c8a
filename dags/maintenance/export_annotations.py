"""
### Export annotations
Write the annotations of a project, a task or a job into a file, in any format that the server writes, without images.

The file has its name only when it is whole and checked; one of that name is replaced. COCO carries neither the source
of an object nor tags, and YOLO leaves out images without boxes. A version of the dataset is made by the release DAGs,
not here.
"""

from airflow.sdk import Param

from labelcycle.operators.exports import CvatExportOperator
from labelcycle.operators.forms import address, bucket, choose_target, connection, maintenance_dag

FORM = {
    **choose_target("project", "task", "job"),
    "format": Param("COCO 1.0", type="string", title="Format", description="As CVAT lists it, with its version."),
    "to": address("Where the file goes"),
    **bucket(),
    **connection(),
}

with maintenance_dag("export_annotations", "Write annotations in CVAT into a file", __doc__, FORM):
    CvatExportOperator(
        task_id="export",
        cvat_conn_id="{{ params.cvat_conn_id }}",
        target="{{ params.target }}",
        target_id="{{ params.target_id }}",
        format="{{ params.format }}",
        to="{{ params.to }}",
        aws_conn_id="{{ params.aws_conn_id }}",
    )
