"""The reason of a failed file: the node of its workflow that failed first."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.core.wire.service_times import parse_time
from airflow_provider_tencent_ci.core.wire.xml import read_xml, text_of

_LAST = datetime.max.replace(tzinfo=UTC)


def read_failed_task(response: Response) -> tuple[str, str, str]:
    """
    Return name, code and message of the node that failed first: it is the one that fails the execution.

    The nodes may come in any order. Those without a time count as the last ones.
    """
    root = read_xml(response.body, "Response")
    failed = [task for task in root.iterfind("WorkflowExecution/Tasks") if text_of(task, "State") == JobState.FAILED]
    if not failed:
        return "", "", ""
    task = min(failed, key=lambda one: parse_time(text_of(one, "EndTime")) or _LAST)
    return text_of(task, "Name") or text_of(task, "Type"), text_of(task, "Code"), text_of(task, "Message")
