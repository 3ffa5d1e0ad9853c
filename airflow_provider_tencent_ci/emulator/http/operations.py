"""The operations of CI: their method and path, the permissions that they need, and their answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_tencent_ci.emulator.answers import answer_xml
from airflow_provider_tencent_ci.emulator.auth.permissions import check_permission
from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.service import Service
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError, invalid_argument
from airflow_provider_tencent_ci.emulator.protocol.http_messages import WireRequest

__all__ = ["OPERATION_NAMES", "UNKNOWN_OPERATION", "Call", "Operation", "find_operation", "operation_name"]

UNKNOWN_OPERATION = "unknown"


@dataclass(frozen=True, slots=True)
class Call:
    """
    An authenticated request to one bucket.

    :param resource_id: the id in the path, of a batch or an execution; empty: the path has none.
    :param late_seconds: how many seconds later the service acts on a create request; 0: at once.
    """

    service: Service
    bucket: Bucket
    behaviour: Behaviour
    key: AccessKey
    request: WireRequest
    request_id: str
    resource_id: str
    late_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One row of the API.

    :param name: the name for faults and counters.
    :param path: the first part of the path.
    :param has_id: whether an id follows the path.
    :param actions: the CAM actions that it needs, except those that depend on the body.
    """

    name: str
    method: str
    path: str
    has_id: bool
    actions: tuple[str, ...]
    answer: Callable[[Call], bytes]


def operation_name(request: WireRequest) -> str:
    """Return the name of a request's operation; ``unknown`` if the service has no such operation."""
    try:
        return find_operation(request)[0].name
    except ServiceError:
        return UNKNOWN_OPERATION


def find_operation(request: WireRequest) -> tuple[Operation, str]:
    """
    Return the operation of a request and the id in its path.

    :raises ServiceError: the service does not have this path, or does not have this method for it (the latter is
        assumed).
    """
    path, slash, resource_id = request.path.removeprefix("/").partition("/")
    there = [operation for operation in _OPERATIONS if operation.path == path and operation.has_id is bool(slash)]
    if not there or (slash and not resource_id):
        raise ServiceError(404, "InvalidUrl", f"There is no path {request.path!r}.")
    for operation in there:
        if operation.method == request.method:
            return operation, resource_id
    raise ServiceError(405, "MethodNotAllowed", f"{request.method} is not allowed for {request.path!r}.")


def _create(call: Call) -> bytes:
    request = call.service.read_create(call.bucket, call.request.body)
    check_permission(call.key, _CREATE_ACTIONS[request.type])
    if call.late_seconds:
        call.service.create_job_late(call.bucket, request, call.late_seconds)
        return b""
    record = call.service.create_job(call.bucket, request)
    detail = answer_xml.job_detail(record, call.behaviour.answers)
    return answer_xml.response_body([("RequestId", call.request_id), ("JobsDetail", detail)])


def _list(call: Call) -> bytes:
    page = call.service.list_jobs(call.bucket, call.request.query)
    details = [answer_xml.job_detail(record, call.behaviour.answers) for record in page.entries]
    return answer_xml.token_page(call.request_id, "JobsDetail", details, page)


def _get(call: Call) -> bytes:
    record = call.service.read_job(call.bucket, call.resource_id)
    if record is None:
        if call.behaviour.lists.unknown_job == "refuse":
            raise ServiceError(404, "ResourceNotFound", f"There is no batch {call.resource_id!r}.")
        return answer_xml.response_body([("RequestId", call.request_id), ("NonExistJobIds", call.resource_id)])
    detail = answer_xml.job_detail(record, call.behaviour.answers)
    return answer_xml.response_body([("RequestId", call.request_id), ("JobsDetail", detail)])


def _cancel(call: Call) -> bytes:
    if "cancel" not in call.request.query:
        raise invalid_argument("A PUT on a batch needs the parameter cancel.")
    call.service.cancel_job(call.bucket, call.resource_id)
    return b""


def _executions(call: Call) -> bytes:
    page = call.service.list_executions(call.bucket, call.request.query)
    entries = [answer_xml.execution(record, call.bucket, call.behaviour.answers) for record in page.entries]
    return answer_xml.token_page(call.request_id, "WorkflowExecutionList", entries, page, call.behaviour.answers)


def _execution(call: Call) -> bytes:
    record = call.service.get_execution(call.bucket, call.resource_id)
    detail = answer_xml.execution_detail(record, call.bucket, call.behaviour.answers)
    nodes: answer_xml.Nodes = [("RequestId", call.request_id), ("WorkflowExecution", detail)]
    return answer_xml.response_body(nodes, call.behaviour.answers)


def _jobs(call: Call) -> bytes:
    return _child_jobs(call, pictures=False)


def _pic_jobs(call: Call) -> bytes:
    return _child_jobs(call, pictures=True)


def _child_jobs(call: Call, *, pictures: bool) -> bytes:
    page = call.service.list_child_jobs(call.bucket, call.request.query, pictures=pictures)
    entries = [answer_xml.child_job(record, call.bucket, call.behaviour.answers) for record in page.entries]
    return answer_xml.token_page(call.request_id, "JobsDetail", entries, page, call.behaviour.answers)


def _queues(call: Call) -> bytes:
    entries = [answer_xml.queue(queue) for queue in call.service.list_queues(call.bucket, call.request.query)]
    return answer_xml.numbered_page(call.request_id, "QueueList", entries, call.request.query)


def _workflows(call: Call) -> bytes:
    entries = [answer_xml.workflow(flow) for flow in call.service.list_workflows(call.bucket, call.request.query)]
    return answer_xml.numbered_page(
        call.request_id, "MediaWorkflowList", entries, call.request.query, entries_first=True
    )


def _trigger(call: Call) -> bytes:
    run_id = call.service.trigger_workflow(call.bucket, call.request.query)
    return answer_xml.response_body([("RequestId", call.request_id), ("InstanceId", run_id)])


# For workflows the API's page and the table of permissions name different actions. Both are needed (assumed;
# docs/service.md, 2).
_CREATE_ACTIONS = {
    "Workflow": ("ci:TriggerMediaWorkflow", "ci:CreateInventoryTriggerJob"),
    "Job": ("ci:CreateInventoryTriggerJob",),
}
_OPERATIONS = (
    Operation("create", "POST", "inventorytriggerjob", False, (), _create),
    Operation("list", "GET", "inventorytriggerjob", False, ("ci:DescribeInventoryTriggerJobs",), _list),
    Operation("get", "GET", "inventorytriggerjob", True, ("ci:DescribeInventoryTriggerJob",), _get),
    Operation("cancel", "PUT", "inventorytriggerjob", True, ("ci:CancelInventoryTriggerJob",), _cancel),
    Operation("executions", "GET", "workflowexecution", False, ("ci:DescribeMediaWorkflowExecutions",), _executions),
    Operation("execution", "GET", "workflowexecution", True, ("ci:DescribeMediaWorkflowExecutions",), _execution),
    Operation("jobs", "GET", "jobs", False, ("ci:DescribeMediaJobs",), _jobs),
    Operation("pic_jobs", "GET", "pic_jobs", False, ("ci:DescribePicProcessJobs",), _pic_jobs),
    Operation("queues", "GET", "queue", False, ("ci:DescribeMediaQueues",), _queues),
    Operation("workflows", "GET", "workflow", False, ("ci:DescribeMediaWorkflows",), _workflows),
    Operation("trigger", "POST", "triggerworkflow", False, ("ci:TriggerMediaWorkflow",), _trigger),
)
OPERATION_NAMES = (*(operation.name for operation in _OPERATIONS), UNKNOWN_OPERATION)
