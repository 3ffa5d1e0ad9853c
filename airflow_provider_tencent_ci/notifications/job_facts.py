"""The known facts about a failed task's batch job, for messages. Nothing here sends a request, or raises."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_tencent_ci.compat.task_context import own_xcom
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.wire.texts import shortened
from airflow_provider_tencent_ci.exceptions import ApiError, JobError
from airflow_provider_tencent_ci.links import JOB_URL_KEY
from airflow_provider_tencent_ci.notifications.advice import advice_for
from airflow_provider_tencent_ci.outcome.commands import CommandPlace
from airflow_provider_tencent_ci.outcome.human_units import counts_text

__all__ = ["JobFacts", "collect_job_facts"]

_log = logging.getLogger(__name__)

_MOST_OF_AN_ERROR = 1_000


@dataclass(frozen=True)
class JobFacts:
    """
    A batch job as texts; an unknown fact is empty.

    :param job_id: its JobId.
    :param name: its name.
    :param connection: the connection of the task.
    :param bucket: the bucket of the job.
    :param reads: which files it reads: its prefix, manifest, list or object.
    :param state: the service's word for its state.
    :param code: why it failed.
    :param message: the service's message for it.
    :param files: the results of its files, in one line.
    :param failure_list: where the list of failed files is.
    :param request_id: the service's id of the request that failed the task.
    :param console_url: the bucket's page in the console.
    :param error: the error of the task.
    :param advice: the advice.
    """

    job_id: str = ""
    name: str = ""
    connection: str = ""
    bucket: str = ""
    reads: str = ""
    state: str = ""
    code: str = ""
    message: str = ""
    files: str = ""
    failure_list: str = ""
    request_id: str = ""
    console_url: str = ""
    error: str = ""
    advice: str = ""


def collect_job_facts(task: Any, ti: Any, exception: Any) -> JobFacts:
    """
    Return the known facts about a task's job: from the error, from this process, and from XCom. Never raises.

    :param ti: the task instance, as callbacks have it in their context; ``None`` if there is none.
    :param exception: the error of the task, as callbacks have it in their context.
    """
    try:
        return _facts(task, ti, exception)
    except Exception as error:  # a message without these facts is better than none
        _log.warning("Could not collect the facts about the batch job: %s", error)
        return JobFacts(error=_error_text(exception))


# The arguments that say which files a job reads; one of them is given.
_INPUTS = ("prefix", "manifest", "url_file", "object_key")


def _facts(task: Any, ti: Any, exception: Any) -> JobFacts:
    errors = list(_with_causes(exception))
    record = _record(task, ti, next((error.job for error in errors if isinstance(error, JobError)), None))
    job = InventoryJob.from_dict(record)
    files = record.get("Files")
    files = files if isinstance(files, Mapping) else {}
    counts = FileCounts.from_dict(files) if files else None
    code, message = job.reason
    console_url = _text(_xcom(ti, JOB_URL_KEY))
    inputs = job.input.values() or (getattr(task, name, None) for name in _INPUTS)
    return JobFacts(
        job_id=job.job_id,
        name=job.name,
        connection=_text(getattr(task, "tencent_ci_conn_id", None)),
        bucket=_text(getattr(task, "bucket", None)) or _bucket_in(console_url),
        reads=", ".join(filter(None, map(_text, inputs))),
        state=_text(record.get("State")),
        code=code,
        message=message,
        files=counts_text(counts) if counts else "",
        failure_list=_text(files.get("FailureList")),
        request_id=next((error.request_id for error in errors if isinstance(error, ApiError)), ""),
        console_url=console_url,
        error=_error_text(exception),
        advice=_advice(job, counts, task, ti) if record.get("State") else "",
    )


def _advice(job: InventoryJob, counts: FileCounts | None, task: Any, ti: Any) -> str:
    place = (_text(getattr(task, name, None)) for name in ("tencent_ci_conn_id", "bucket", "region"))
    rounds = _xcom(ti, "rounds")
    last_round = _text(rounds[-1]) if isinstance(rounds, list) and rounds else ""
    return advice_for(job, counts.failed if counts else 0, CommandPlace(*place), last_round)


def _record(task: Any, ti: Any, failed: Any) -> dict[str, Any]:
    """Return the newest record, or the known part of one."""
    noted = getattr(task, "_job_record", None)
    if noted:
        return dict(noted)
    stored = _xcom(ti, "job")
    if failed is not None:
        files = stored.get("Files") if isinstance(stored, dict) and stored.get("JobId") == failed.job_id else None
        return {**failed.to_dict(), "Files": files}
    if isinstance(stored, dict):
        return stored
    job_id = _text(_xcom(ti, "job_id")) or _text(getattr(task, "job_id", None))
    return {"JobId": job_id, "Name": _text(_xcom(ti, "job_name"))}


def _xcom(ti: Any, key: str) -> Any:
    if ti is None:
        return None
    try:
        return own_xcom(ti, key)
    except Exception as error:  # a callback in the DAG processor may not be able to read XComs
        _log.debug("XCom %s is not known: %s", key, error)
        return None


def _bucket_in(console_url: str) -> str:
    return next(iter(parse_qs(urlsplit(console_url).query).get("bucket", ())), "")


def _with_causes(error: Any) -> Iterator[BaseException]:
    seen = set[int]()
    while isinstance(error, BaseException) and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _error_text(exception: Any) -> str:
    return shortened(str(exception or ""), _MOST_OF_AN_ERROR)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
