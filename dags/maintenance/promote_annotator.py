"""
### Promote an annotator
Make a version of an annotator the baseline that the others are held against: the gates, the alarms and the quality
page compare with it from the next evaluate run on. In MLflow it is the version of the model
`labelcycle.<project>.<name>` with the alias `baseline`.

1. **compare** puts the version's figures beside the baseline's.
2. **approve** waits for a person, who sees them under Required Actions; after a week it counts as rejected.
3. **promote** moves the alias, and the ledger's audit says who approved.

Promote the baseline itself to have it count with its newest figures. Run again, nothing changes. A version that was
promoted is not an alarm any more for what it does worse than the one before.
"""

from datetime import timedelta
from typing import cast

from airflow.providers.standard.operators.hitl import ApprovalOperator

from labelcycle.operators.forms import maintenance_dag
from labelcycle.stages.promote import compare, promote, promote_form

with maintenance_dag("promote_annotator", "Make an annotator version the baseline", __doc__, promote_form()):
    compared = compare("{{ params.project }}", "{{ params.annotator }}")
    approve = ApprovalOperator(
        task_id="approve",
        subject="Make {{ params.annotator }} the baseline of {{ params.project }}?",
        body="{{ ti.xcom_pull(task_ids='compare')['comparison'] }}",
        defaults=ApprovalOperator.REJECT,
        response_timeout=timedelta(days=7),
    )
    compared >> approve  # type: ignore[operator]
    promote("{{ params.project }}", cast("dict[str, str]", compared), approve.output)
