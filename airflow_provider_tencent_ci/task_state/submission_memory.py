"""The record that the tries of a task instance keep about their submission, on Airflow 3.3 and later."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.compat.task_context import task_state_store
from airflow_provider_tencent_ci.core.submitting.changed_request import describe_changed_request, node_texts
from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote, TwoClockTime

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification

__all__ = ["SubmissionMemory"]

_log = logging.getLogger(__name__)

_KEY = "tencent_ci_submission"


class SubmissionMemory:
    """
    The task state store, read and written around a submission.

    It survives retries, as XCom does not. It also survives a clear, after which it must not count any more: a note
    belongs to one attempt series, which ``max_tries`` tells apart, and to one request. A task may make several
    requests, such as a loop in a subclass, so each has a key of its own. The key without a digest has the newest one.

    :param store: Airflow's store; ``None`` before 3.3, and then nothing is kept.
    :param series: ``ti.max_tries``.
    :param request: a digest of the request.
    :param label: which submission of the task it is, where failed files are submitted again; see
        :attr:`.InventoryJobSpecification.label`.
    :param nodes: the request's nodes as texts, so that a later try with another request can say what differs.
    """

    def __init__(
        self, store: Any, series: int, request: str, label: str = "", nodes: Mapping[str, str] | None = None
    ) -> None:
        self._store = store
        self._nodes = dict(nodes or {})
        self._identity = {"series": series, "request": request}
        self._newest_key = f"{_KEY}_{label}" if label else _KEY
        self._is_newest = False

    @classmethod
    def of(cls, context: Context, specification: InventoryJobSpecification) -> SubmissionMemory:
        """Return the memory of the running task instance for a request."""
        ti: Any = context["ti"]
        request = hashlib.sha256(specification.identity).hexdigest()
        nodes = node_texts({"Type": specification.type, **specification.input, **specification.operation})
        return cls(task_state_store(context), int(ti.max_tries), request, specification.label, nodes)

    @property
    def is_reliable(self) -> bool:
        """Whether no note means that nothing was sent."""
        return self._store is not None

    def read(self) -> SubmissionNote | None:
        """Return what an earlier try noted, if there is anything of this attempt series and request."""
        own, _ = self._own_and_other()
        return None if own is None else _note(own)

    def describe_other_request(self, own_try: str) -> str:
        """
        Say what an earlier try of this series submitted with another request, if this try has never sent its own.

        :param own_try: see :func:`.try_key`: a task may make several requests in one try.
        :return: empty if there is nothing to say. Never raises.
        """
        try:
            own, other = self._own_and_other()
            if own is not None or other is None:
                return ""
            record = self._record(self._key_of(other.get("request"))) or other
        except Exception as error:  # a warning must not fail a task
            _log.debug("The note of an earlier try could not be read: %s", error)
            return ""
        note = _note(record)
        if note.noted_by == own_try or not (note.posts or note.job_id):
            return ""
        return describe_changed_request(note, record.get("nodes"), self._nodes)

    def write(self, note: SubmissionNote) -> None:
        """Keep a note; raises if that fails."""
        if self._store is None:
            return
        record = {**self._identity, **_note_record(note), "nodes": self._nodes}
        self._store.set(self._key_of(self._identity["request"]), record)
        if not self._is_newest:
            self._store.set(self._newest_key, record)
            self._is_newest = True

    def _key_of(self, request: Any) -> str:
        return f"{self._newest_key}_{str(request)[:16]}"

    def _own_and_other(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """
        Return the record of this request. If there is none, return that of the newest other request of this series.

        A former release wrote its only record under the key without a digest.
        """
        own = self._record(self._key_of(self._identity["request"]))
        if own and self._identity.items() <= own.items():
            return own, None
        newest = self._record(self._newest_key)
        if newest is None or newest.get("series") != self._identity["series"]:
            return None, None
        return (newest, None) if newest.get("request") == self._identity["request"] else (None, newest)

    def _record(self, key: str) -> dict[str, Any] | None:
        record = self._store.get(key) if self._store is not None else None
        return record if isinstance(record, dict) and isinstance(record.get("token"), str) else None

    def try_to_write(self, note: SubmissionNote, kept: SubmissionNote | None) -> bool:
        """Keep a note that only saves time, since the list would tell the same; return whether it is kept."""
        try:
            if self.is_reliable and self.read() != kept:
                return False  # another try has gone on, and knows more
            self.write(note)
        except Exception as error:
            _log.warning("Could not note batch job %s in the task state store: %s", note.job_id, error)
            return False
        return True


def _note_record(note: SubmissionNote) -> dict[str, Any]:
    posted_at = note.posted_at
    return {
        "token": note.token,
        "job_id": note.job_id,
        "posts": note.posts,
        "posted_at": (
            {"machine": _written(posted_at.machine), "service": _written(posted_at.service)} if posted_at else None
        ),
        "foreign_ids": list(note.foreign_ids),
        "noted_by": note.noted_by,
        "answered": note.answered,
    }


def _note(record: dict[str, Any]) -> SubmissionNote:
    """
    Read what :func:`_note_record` wrote.

    Where something is missing, a request is assumed of unknown time and outcome.
    """
    job_id, posts, answered, foreign = (record.get(name) for name in ("job_id", "posts", "answered", "foreign_ids"))
    posted_at = record.get("posted_at", {})
    return SubmissionNote(
        token=record["token"],
        job_id=job_id if isinstance(job_id, str) else None,
        posts=posts if isinstance(posts, int) else 1,
        answered=answered if isinstance(answered, int) else 0,
        posted_at=_moment(posted_at) if isinstance(posted_at, dict) else None,
        foreign_ids=tuple(foreign) if isinstance(foreign, list) else (),
        noted_by=str(record.get("noted_by") or ""),
    )


def _moment(written: dict[str, Any]) -> TwoClockTime:
    machine, service = written.get("machine"), written.get("service")
    if not machine or not service:
        return TwoClockTime(datetime.min.replace(tzinfo=UTC), None)
    return TwoClockTime(datetime.fromisoformat(machine), datetime.fromisoformat(service))


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
