"""What a task instance remembers of its submission from one try to the next, where Airflow can (3.3 and later)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat import task_state_store

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["Memory", "SubmissionMemory"]

_KEY = "tencent_ci_submission"


@dataclass(frozen=True, slots=True)
class Memory:
    """
    What an earlier try of this attempt series left.

    :param token: the token that it used.
    :param job_id: the job that it submitted or found; ``None`` if it ended before it knew.
    """

    token: str
    job_id: str | None


class SubmissionMemory:
    """
    The task state store, read and written around a submission.

    It survives retries, as XCom does not. It also survives a clear, after which it must not count any more: a record
    belongs to one attempt series, which ``max_tries`` tells apart, and to one request.

    :param series: ``ti.max_tries``.
    :param request: a digest of the request.
    :param round_number: which submission of the task it is, where failed files are submitted again.
    """

    def __init__(self, store: Any, series: int, request: str, round_number: int = 0) -> None:
        self._store = store
        self._series = series
        self._request = request
        self._key = f"{_KEY}_{round_number}" if round_number else _KEY

    @classmethod
    def of(cls, context: Context, request: str, round_number: int = 0) -> SubmissionMemory:
        """Return the memory of the running task instance; an empty one that keeps nothing before 3.3."""
        ti: Any = context["ti"]
        return cls(task_state_store(context), int(ti.max_tries), request, round_number)

    @property
    def is_reliable(self) -> bool:
        """Whether nothing remembered means that nothing was submitted."""
        return self._store is not None

    def recall(self) -> Memory | None:
        """Return what an earlier try left, if there is anything of this attempt series and request."""
        record = self._store.get(self._key) if self._store is not None else None
        if not isinstance(record, dict) or not isinstance(record.get("token"), str):
            return None
        if (record.get("series"), record.get("request")) != (self._series, self._request):
            return None
        job_id = record.get("job_id")
        return Memory(record["token"], job_id if isinstance(job_id, str) else None)

    def intend(self, token: str) -> None:
        """Note that a job with this token may be submitted from now on. Raises if it cannot, before anything is."""
        self._write(token, None)

    def withdraw(self) -> None:
        """Take back the intention: nothing was submitted."""
        if self._store is not None:
            self._store.delete(self._key)

    def keep(self, token: str, job_id: str) -> None:
        """Note the job. The list would find it as well, so this may fail: the caller decides."""
        self._write(token, job_id)

    def _write(self, token: str, job_id: str | None) -> None:
        if self._store is not None:
            record = {"series": self._series, "request": self._request, "token": token, "job_id": job_id}
            self._store.set(self._key, record)
