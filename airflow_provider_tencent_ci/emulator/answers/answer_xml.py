"""The service's XML: records, lists and errors, in the shapes of docs/service.md, 2.5 to 3.6 and 5.1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from random import Random
from typing import TypeAlias, Union
from xml.etree.ElementTree import Element, SubElement

from airflow_provider_tencent_ci.core.wire.xml import NOT_XML_1_0, element_bytes
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, Queue, Workflow
from airflow_provider_tencent_ci.emulator.model.job_store import FileRecord, JobRecord
from airflow_provider_tencent_ci.emulator.model.jobs import Status
from airflow_provider_tencent_ci.emulator.model.list_pages import Page, read_number
from airflow_provider_tencent_ci.emulator.model.switches import AnswerForm
from airflow_provider_tencent_ci.emulator.protocol.answer_times import with_colon, without_colon
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError

__all__ = [
    "Nodes",
    "child_job",
    "error_body",
    "execution",
    "execution_detail",
    "job_detail",
    "numbered_page",
    "queue",
    "response_body",
    "token_page",
    "workflow",
]

Content: TypeAlias = Union[str, Element, "Nodes"]
# Names and contents in the order in which they are written; a name may repeat.
Nodes: TypeAlias = Sequence[tuple[str, Content]]

_USUAL = AnswerForm()
_NOT_UTF_8 = re.compile("[\ud800-\udfff]")
_SHUFFLE = Random(20_220_627)  # noqa: S311 - an order of nodes, the same in every run


def response_body(nodes: Nodes, form: AnswerForm = _USUAL) -> bytes:
    """Return a document below the root ``Response``."""
    return _document("Response", nodes, form)


def error_body(error: ServiceError, form: AnswerForm, *, path: str, request_id: str, trace_id: str) -> bytes:
    """Return an error document; only COS's errors have ``Resource`` (docs/service.md, 5.1)."""
    nodes = [("Code", error.code), ("Message", error.message)]
    if form.cos_style_errors:
        nodes += [*error.details.items(), ("Resource", path)]
    return _document("Error", [*nodes, ("RequestId", request_id), ("TraceId", trace_id)], form)


def token_page(
    request_id: str,
    name: str,
    entries: Iterable[Nodes],
    page: Page[JobRecord] | Page[FileRecord],
    form: AnswerForm = _USUAL,
) -> bytes:
    """Return a list that is paged by ``NextToken``."""
    nodes: list[tuple[str, Content]] = [("RequestId", request_id), *((name, entry) for entry in entries)]
    if page.next_token is not None:
        nodes.append(("NextToken", page.next_token))
    return response_body(nodes, form)


def numbered_page(
    request_id: str, name: str, entries: Sequence[Nodes], query: Mapping[str, str], *, entries_first: bool = False
) -> bytes:
    """
    Return a list that is paged by ``pageNumber`` and ``pageSize``.

    :param entries_first: the entries are the first nodes, and a page without entries has one empty entry. The official
        Java SDK reads the list of workflows only in this form (docs/service.md, 3.6).
    """
    number, size = _positive(query.get("pageNumber", ""), 1), _positive(query.get("pageSize", ""), 10)
    shown: list[tuple[str, Content]] = [(name, entry) for entry in entries[(number - 1) * size : number * size]]
    head: list[tuple[str, Content]] = [
        ("RequestId", request_id),
        ("TotalCount", str(len(entries))),
        ("PageNumber", str(number)),
        ("PageSize", str(size)),
    ]
    return response_body([*(shown or [(name, "")]), *head] if entries_first else [*head, *shown])


def job_detail(record: JobRecord, form: AnswerForm) -> Nodes:
    """Return ``JobsDetail`` of a batch, with ``Input`` and ``Operation`` of the request."""
    job, status = record.job, record.status
    nodes: Nodes = [
        *_code_and_message(status),
        ("Type", job.request.type),
        ("Name", job.request.name),
        ("JobId", job.job_id),
        ("State", status.state),
        ("CreationTime", without_colon(record.created_at)),
        ("StartTime", without_colon(_shown(record, status.started_at))),
        ("EndTime", without_colon(_shown(record, status.ended_at))),
        ("Input", job.request.input_node),
        ("Operation", job.request.operation_node),
    ]
    return _in_some_order(nodes, form)


def execution(record: FileRecord, bucket: Bucket, form: AnswerForm) -> Nodes:
    """Return ``WorkflowExecutionList``: an execution as lists show it."""
    key = record.work.key
    nodes: Nodes = [
        ("RunId", record.work.work_id),
        ("WorkflowId", record.work.workflow_id),
        ("Object", bucket.object_url(key) if form.object_as_url else key),
        ("CreateTime", with_colon(record.created_at)),
        ("State", record.status.state),
    ]
    return _in_some_order(nodes, form)


def execution_detail(record: FileRecord, bucket: Bucket, form: AnswerForm) -> Nodes:
    """Return ``WorkflowExecution``: an execution with its topology and tasks."""
    flow = bucket.workflows[record.work.workflow_id]
    tasks: Nodes = [
        ("Tasks", _task(record, node, task_id)) for node, task_id in zip(flow.nodes, record.work.task_ids, strict=True)
    ]
    return [("Name", flow.name), *execution(record, bucket, form), ("Topology", _topology(flow)), *tasks]


def child_job(record: FileRecord, bucket: Bucket, form: AnswerForm) -> Nodes:
    """Return ``JobsDetail`` of a child job."""
    status = record.status
    nodes: Nodes = [
        *_code_and_message(status),
        ("JobId", record.work.work_id),
        ("State", status.state),
        ("Progress", "100" if status.state == "Success" else "0"),
        ("CreationTime", without_colon(record.created_at)),
        ("StartTime", without_colon(_shown(record, status.started_at))),
        ("EndTime", without_colon(_shown(record, status.ended_at))),
        ("QueueId", record.job.queue_id),
        ("Tag", record.job.request.tag),
        ("Input", [("BucketId", bucket.name), ("Object", record.work.key), ("Region", bucket.region)]),
        ("Operation", record.job.request.operation_node),
    ]
    return _in_some_order(nodes, form)


def queue(entry: Queue) -> Nodes:
    """Return ``QueueList``, with the sizes of the documents' samples (docs/service.md, 2.9)."""
    notify: Nodes = [("Url", ""), ("State", "Off"), ("Type", "Url"), ("Event", "")]
    return [
        ("QueueId", entry.queue_id),
        ("Name", entry.name),
        ("State", entry.state),
        ("MaxSize", "10000"),
        ("MaxConcurrent", "10"),
        ("Category", "Transcoding"),
        ("NotifyConfig", notify),
        ("CreateTime", with_colon(entry.created_at)),
        ("UpdateTime", with_colon(entry.created_at)),
    ]


def workflow(entry: Workflow) -> Nodes:
    """Return ``MediaWorkflowList``."""
    return [
        ("Name", entry.name),
        ("WorkflowId", entry.workflow_id),
        ("State", entry.state),
        ("CreateTime", with_colon(entry.created_at)),
        ("UpdateTime", with_colon(entry.created_at)),
        ("Topology", _topology(entry)),
    ]


def _task(record: FileRecord, node: str, task_id: str) -> Nodes:
    status = record.status
    return [
        ("Type", node),
        ("JobId", task_id),
        ("Name", f"{node}_1"),
        ("State", status.state),
        ("CreateTime", with_colon(record.created_at)),
        ("StartTime", with_colon(_shown(record, status.started_at))),
        ("EndTime", with_colon(_shown(record, status.ended_at))),
        *_code_and_message(status),
    ]


def _topology(flow: Workflow) -> Nodes:
    """Return the workflow as a chain that begins with ``Start``; its steps name XML nodes (docs/service.md, 3.2)."""
    names = ["Start", *(f"{node}_1" for node in flow.nodes)]
    dependencies: Nodes = list(pairwise(names))
    nodes: Nodes = [(f"{node}_1", [("Type", node)]) for node in flow.nodes]
    return [("Dependencies", dependencies), ("Nodes", [("Start", [("Type", "Start")]), *nodes])]


def _code_and_message(status: Status) -> Nodes:
    if status.failure is None:
        return [("Code", "Success"), ("Message", "")]
    return [("Code", status.failure.code), ("Message", status.failure.message)]


def _shown(record: JobRecord | FileRecord, moment: datetime | None) -> datetime | None:
    """Return a time of a batch or a file by the service's clock."""
    return moment + record.job.behaviour.clock.offset if moment else None


def _in_some_order(nodes: Nodes, form: AnswerForm) -> Nodes:
    return _SHUFFLE.sample(nodes, len(nodes)) if form.shuffle_nodes else nodes


def _positive(text: str, default: int) -> int:
    return read_number(text) or default


def _document(root: str, nodes: Nodes, form: AnswerForm) -> bytes:
    element = Element(root)
    _append(element, nodes, NOT_XML_1_0 if form.control_characters == "replaced" else _NOT_UTF_8)
    written = element_bytes(element)
    return _with_references(written) if form.control_characters == "reference" else written


def _append(parent: Element, nodes: Nodes, replaced: re.Pattern[str]) -> None:
    """
    Add nodes.

    :param replaced: the characters that become U+FFFD. Go's ``encoding/xml`` does this with all that XML forbids.
    """
    for name, content in nodes:
        if isinstance(content, Element):
            parent.append(content)
            continue
        child = SubElement(parent, name)
        if isinstance(content, str):
            child.text = replaced.sub("\ufffd", content)
        else:
            _append(child, content, replaced)


def _with_references(written: bytes) -> bytes:
    """Write each character that XML forbids as a reference, which XML 1.0 forbids, too, and S3's lists have."""
    return NOT_XML_1_0.sub(lambda found: f"&#x{ord(found[0]):x};", written.decode()).encode()
