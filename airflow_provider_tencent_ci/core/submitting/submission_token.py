"""
The token of a submission.

It distinguishes a retry, which must find its own job, from a clear, which must start a new one.

Airflow keeps ``ti.max_tries`` over the retries of one attempt series and raises it with every clear, so
``ti.max_tries - task.retries`` counts the clears. The try number and the task instance's id are useless here: both
are new with every retry (docs/airflow.md, 1.1).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskIdentity:
    """
    One attempt series of one task instance.

    :param map_index: -1 for a task that is not mapped.
    :param clear_generation: ``ti.max_tries - task.retries``.
    :param deployment: tells Airflows apart that run the same DAG on the same bucket.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    clear_generation: int
    deployment: str = ""


def submission_token(identity: TaskIdentity, body: bytes) -> str:
    """
    Return 16 hex digits that are the same for all tries of one submission and different for any other.

    :param body: the request body without its name: another request is another submission.
    """
    values = [getattr(identity, field) for field in TaskIdentity.__slots__]  # astuple() would copy each one deeply
    if not identity.deployment:
        values.pop()  # the token of the releases that knew no deployment: their retries find their jobs
    material = json.dumps(values, ensure_ascii=True).encode() + b"\n" + body
    return hashlib.sha256(material).hexdigest()[:16]
