"""
The records of a batch's files.

A batch of type ``Workflow`` has an execution of the workflow for each file, one of type ``Job`` a child job (API
reference, 3.1 to 3.3). Both are a :class:`FileRun` here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

from airflow_provider_tencent_ci.core.api.job_records import JobState


class FileRun(NamedTuple):
    """
    The state of one file of a batch. A tuple, which is made in a third of the time of a frozen dataclass.

    :param run_id: the workflow execution's ``RunId``, or the child job's ``JobId``.
    :param key: the object's key.
    :param state: ``Running``, ``Success``, ``Failed`` or ``Cancel``; a child job's also ``Submitted`` or ``Pause``.
    :param created_at: when the work on it was created (aware); ``None`` if not known.
    :param code: why a child job failed; an execution's list does not say.
    :param message: the service's message, as for ``code``.
    :param ended_at: when a child job ended (aware); an execution's list does not say.
    """

    run_id: str
    key: str
    state: JobState
    created_at: datetime | None = None
    code: str = ""
    message: str = ""
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileFailure:
    """
    A file that failed, and why.

    :param key: the object's key.
    :param node: the workflow's node that failed, or the tag of the job.
    :param code: the service's code; empty if it gave none.
    :param message: its message; empty if it gave none.
    :param run_id: the workflow execution's ``RunId``, or the child job's ``JobId``.
    """

    key: str
    node: str
    code: str
    message: str
    run_id: str

    def to_dict(self) -> dict[str, str]:
        """Return it as one line of the failure list has it."""
        return asdict(self)
