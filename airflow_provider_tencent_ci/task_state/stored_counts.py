"""The counts that the tries of a task have made of a job that has ended, on Airflow 3.3 and later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import task_state_store
from airflow_provider_tencent_ci.core.files.settled_files import SettledFiles

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["StoredCounts"]

_log = logging.getLogger(__name__)

_KEY = "tencent_ci_counts"

# A task with rounds counts several jobs. Airflow warns of a value above 64 KB.
_MOST_JOBS = 20


class StoredCounts:
    """
    The task state store, read and written by the count of a job that has ended; see :class:`.CountMemory`.

    The settled counts of a job are facts of the service, and do not change. So it does not matter which try has written
    them, nor whether the task was cleared since: they belong to the id of their job, and count for no other one.

    :param store: Airflow's store; ``None`` before 3.3, and then nothing is kept.
    :param is_retry: whether an earlier try may have written anything.
    """

    def __init__(self, store: Any, *, is_retry: bool) -> None:
        self._store = store
        self._is_retry = is_retry

    @classmethod
    def of(cls, context: Context) -> StoredCounts:
        """Return those of the running task instance."""
        try_number = getattr(context.get("ti"), "try_number", 1)  # a test may run a task without a task instance
        return cls(task_state_store(context), is_retry=try_number > 1)

    def read(self, job_id: str) -> list[SettledFiles]:
        """Return what was settled of a job's lists; empty if nothing is known. Never raises."""
        if self._store is None or not self._is_retry:
            return []
        try:
            return [SettledFiles.from_dict(one) for one in self._jobs().get(job_id, [])]
        except Exception as error:  # a count from the beginning has the same result
            _log.warning("The counts of an earlier try could not be read, so all files are counted: %s", error)
            return []

    def write(self, job_id: str, settled: list[SettledFiles]) -> None:
        """Keep it. Never raises."""
        if self._store is None or not any(one.until for one in settled):
            return
        try:
            others = [(other, counts) for other, counts in self._jobs().items() if other != job_id]
            jobs = dict([*others, (job_id, [one.to_dict() for one in settled])][-_MOST_JOBS:])
            self._store.set(_KEY, jobs)
        except Exception as error:
            _log.warning("The counts so far could not be written to the task state store: %s", error)

    def _jobs(self) -> dict[str, Any]:
        jobs = self._store.get(_KEY)
        return jobs if isinstance(jobs, dict) else {}
