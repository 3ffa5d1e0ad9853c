"""The endpoints of workflows and queues, and the check that those of a job exist and are active."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Protocol, TypeVar
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.api.paginator import MAX_PAGE_SIZE
from airflow_provider_tencent_ci.core.api.query_parameters import given, joined
from airflow_provider_tencent_ci.core.wire.messages import Flow, Request, Response
from airflow_provider_tencent_ci.core.wire.request_retry import send_with_retry
from airflow_provider_tencent_ci.core.wire.service_times import parse_time
from airflow_provider_tencent_ci.core.wire.xml import read_xml, text_of
from airflow_provider_tencent_ci.exceptions import TargetUnusableError

_MAX_PAGES = 100

# An error names at most this many.
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class Workflow:
    """
    A workflow: the service's ``MediaWorkflowList`` (docs/service.md, 3.6).

    :param state: ``Active`` or ``Paused``.
    :param create_time: aware; ``None`` if not known.
    :param update_time: aware; ``None`` if not known.
    """

    workflow_id: str
    name: str = ""
    state: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None

    @property
    def target_id(self) -> str:
        """The id by which jobs name it."""
        return self.workflow_id


@dataclass(frozen=True, slots=True)
class Queue:
    """
    A queue: the service's ``QueueList`` (docs/service.md, 3.5).

    :param state: ``Active`` or ``Paused``.
    :param category: such as ``Transcoding``.
    :param max_size: how many jobs it takes; ``None`` if not known.
    :param max_concurrent: how many of them run at once; ``None`` if not known.
    """

    queue_id: str
    name: str = ""
    state: str = ""
    category: str = ""
    max_size: int | None = None
    max_concurrent: int | None = None

    @property
    def target_id(self) -> str:
        """The id by which jobs name it."""
        return self.queue_id


class _Target(Protocol):
    @property
    def target_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> str: ...


TargetT = TypeVar("TargetT", bound=_Target)


def list_workflows(*, ids: Sequence[str] | str = (), name: str = "") -> Flow[list[Workflow]]:
    """
    Read the workflows of the bucket.

    :param ids: only these; by default all.
    :param name: only those of this name.
    """
    criteria = given(("ids", joined(ids, "ids")), ("name", name))
    return (yield from _list("/workflow", criteria, "MediaWorkflowList", _workflow))


def list_queues(*, ids: Sequence[str] | str = (), state: str = "", category: str = "CateAll") -> Flow[list[Queue]]:
    """
    Read the queues of the bucket.

    :param ids: only these; by default all.
    :param state: ``Active`` or ``Paused``; by default both.
    :param category: ``CateAll`` (default: all), ``Transcoding``, ``SpeedTranscoding``.
    """
    criteria = given(("queueIds", joined(ids, "ids")), ("state", state), ("category", category))
    return (yield from _list("/queue", criteria, "QueueList", _queue))


def check_targets(specification: InventoryJobSpecification) -> Flow[None]:
    """
    Look whether the workflows, or the queue, that a job names exist and are active.

    :raises TargetUnusableError: one does not exist, with those that do and are called alike; or is paused.
    """
    operation = specification.operation
    if specification.type == "Workflow":
        yield from _check("workflow", str(operation["WorkflowIds"]).split(","), list_workflows)
    elif queue_id := operation.get("QueueId"):
        yield from _check("queue", [str(queue_id)], list_queues)


def _check(kind: str, ids: Sequence[str], list_targets: Callable[..., Flow[list[TargetT]]]) -> Flow[None]:
    found = {target.target_id: target for target in (yield from list_targets(ids=ids))}
    for target_id in ids:
        if target_id not in found:
            raise _missing(kind, target_id, (yield from list_targets()))
        if found[target_id].state == "Paused":
            raise TargetUnusableError(
                f"The {kind} {target_id} ({found[target_id].name}) is paused; nothing was submitted. Activate it in "
                "the CI console, or leave out validate to submit all the same."
            )


def _list(
    path: str, criteria: tuple[tuple[str, str | None], ...], node: str, read_entry: Callable[[Element], TargetT]
) -> Flow[list[TargetT]]:
    """Read all pages, which these lists number."""
    found: list[TargetT] = []
    for number in range(1, _MAX_PAGES + 1):
        page = (("pageNumber", str(number)), ("pageSize", str(MAX_PAGE_SIZE)))
        query = (*criteria, *page)

        def read(response: Response) -> tuple[list[TargetT], int]:
            root = read_xml(response.body, "Response")
            targets = map(read_entry, root.findall(node))
            # An empty list may have one empty entry, as an SDK's parser needs it (docs/service.md, 3.6).
            return [target for target in targets if target.target_id], _number(root, "TotalCount") or 0

        entries, total = yield from send_with_retry(Request("GET", path, query), read)
        found += entries
        if not entries or len(found) >= total:
            break
    return found


def _workflow(entry: Element) -> Workflow:
    return Workflow(
        workflow_id=text_of(entry, "WorkflowId"),
        name=text_of(entry, "Name"),
        state=text_of(entry, "State"),
        create_time=parse_time(text_of(entry, "CreateTime")),
        update_time=parse_time(text_of(entry, "UpdateTime")),
    )


def _queue(entry: Element) -> Queue:
    return Queue(
        queue_id=text_of(entry, "QueueId"),
        name=text_of(entry, "Name"),
        state=text_of(entry, "State"),
        category=text_of(entry, "Category"),
        max_size=_number(entry, "MaxSize"),
        max_concurrent=_number(entry, "MaxConcurrent"),
    )


def _number(element: Element, name: str) -> int | None:
    text = text_of(element, name)
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None


def _missing(kind: str, target_id: str, there: Sequence[TargetT]) -> TargetUnusableError:
    alike = get_close_matches(target_id, [one.target_id for one in there], n=_MAX_NAMED, cutoff=0.8)
    named = [one for one in there if one.target_id in alike] or there[:_MAX_NAMED]
    names = ", ".join(f"{one.target_id} ({one.name}, {one.state})" for one in named)
    left_out = f" and {len(there) - len(named)} more" if len(there) > len(named) else ""
    others = f"There is {names}{left_out}." if there else f"The bucket has no {kind} at all."
    return TargetUnusableError(f"There is no {kind} {target_id} in this bucket; nothing was submitted. {others}")
