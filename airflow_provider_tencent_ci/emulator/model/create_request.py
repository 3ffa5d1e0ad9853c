"""The body of a create request, read and checked (docs/service.md, 2.1 to 2.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket
from airflow_provider_tencent_ci.emulator.model.switches import RequestRules
from airflow_provider_tencent_ci.emulator.protocol.answer_times import read_time
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError, invalid_argument

__all__ = ["JobRequest", "read_create_request"]

INPUT_KINDS = ("Manifest", "UrlFile", "Prefix", "Object")

# "Chinese, A-Z a-z 0-9 _ and a dash": the characters that Unicode calls Han (assumed), and both dashes.
_NAME = re.compile(
    "[A-Za-z0-9_\\-\u2014\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]{1,128}"
)
_MAX_NAME = 128
# The page requires JobParam and Output of these. The SDKs send other tags without them.
_TAGS_WITH_OUTPUT = frozenset(
    {
        *("Animation", "Animatin", "SmartCover", "Transcode", "Snapshot", "SpeechRecognition", "Concat"),
        *("VoiceSeparate", "VoiceSpearte", "VideoMontage", "SDRtoHDR", "SDR2HDR", "VideoProcess", "SuperResolution"),
        *("Segment", "PicProcess", "DigitalWatermark", "StreamExtract", "Tts", "NoiseReduction"),
    }
)
_TAGS_WITHOUT_OUTPUT_OBJECT = frozenset({"Snapshot", "VoiceSeparate", "StreamExtract"})
_WORDS: Mapping[str, tuple[str, ...]] = {
    "JobLevel": ("0", "1", "2"),
    "CallBackFormat": ("JSON", "XML", "json", "xml"),
}
_MAX_WATERMARK_LENGTH = 64


@dataclass(frozen=True, slots=True)
class JobRequest:
    """
    The request for a batch, after all checks.

    :param name: ``Name``.
    :param type: ``Workflow`` or ``Job``.
    :param inputs: the children of ``Input``, kind to value.
    :param input_node: ``Input`` as it was sent, for answers.
    :param operation_node: ``Operation`` as it was sent, for answers.
    :param workflow_ids: the workflows that it runs; empty for ``Job``.
    :param tag: the kind of job; empty for ``Workflow``.
    :param queue_id: ``QueueId``; empty when not given.
    :param interval: bounds of the objects' upload time, ``None`` where open.
    """

    name: str
    type: str
    inputs: Mapping[str, str]
    input_node: Element
    operation_node: Element
    workflow_ids: tuple[str, ...] = ()
    tag: str = ""
    queue_id: str = ""
    interval: tuple[datetime | None, datetime | None] = (None, None)


def read_create_request(body: bytes, bucket: Bucket, rules: RequestRules) -> JobRequest:
    """
    Read the body of ``POST /inventorytriggerjob``.

    :raises ServiceError: the body is not XML, or a node is missing or wrong; the message names the node.
    """
    root = _read_xml(body)
    job_type = _text(root, "Type") or "Workflow"
    if job_type not in ("Workflow", "Job"):
        raise invalid_argument(f"Request.Type {job_type!r} is neither Workflow nor Job.")
    operation = _container(root, "Request", "Operation")
    request = JobRequest(
        name=_name(root, rules),
        type=job_type,
        inputs=_inputs(root, rules.exactly_one_input),
        input_node=_container(root, "Request", "Input"),
        operation_node=operation,
        workflow_ids=_workflow_ids(operation, bucket, rules) if job_type == "Workflow" else (),
        tag=_text(operation, "Tag") if job_type == "Job" else "",
        queue_id=_text(operation, "QueueId") if job_type == "Job" else "",
        interval=_interval(operation),
    )
    if job_type == "Job":
        _check_independent_node(operation, bucket)
    return request


def _read_xml(body: bytes) -> Element:
    if not body.strip():
        raise ServiceError(400, "MissingContent", "The request body is missing.")
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ServiceError(
            400, "InvalidContent", f"The request body is not well-formed: {error}", cos=(400, "MalformedXML")
        ) from None
    if root.tag != "Request":
        raise invalid_argument(f"The root node is {root.tag!r}, not 'Request'.")
    return root


def _name(root: Element, rules: RequestRules) -> str:
    name = _required(root, "Request", "Name")
    too_long = rules.name_limit == "bytes" and len(name.encode()) > _MAX_NAME
    if too_long or not _NAME.fullmatch(name):
        raise invalid_argument(
            f"Request.Name {name[:140]!r} has more than {_MAX_NAME} {rules.name_limit}, or others than Chinese, "
            "Latin letters, digits, '-' and '_'."
        )
    return name


def _inputs(root: Element, exactly_one: bool) -> dict[str, str]:
    container = _container(root, "Request", "Input")
    given = [child.tag for child in container if child.tag in INPUT_KINDS]
    if exactly_one and len(given) != 1:
        raise invalid_argument(
            f"Request.Input needs exactly one of {', '.join(INPUT_KINDS)}; it has {', '.join(given) or 'none'}."
        )
    inputs = {kind: container.findtext(kind) or "" for kind in given}  # a key may begin or end with white space
    for kind in (kind for kind, key in inputs.items() if not key):
        raise invalid_argument(f"Request.Input.{kind} is required.")
    return inputs


def _workflow_ids(operation: Element, bucket: Bucket, rules: RequestRules) -> tuple[str, ...]:
    """Read one id, or several with commas as in a sample of the Java SDK (assumed to work)."""
    text = _required(operation, "Request.Operation", "WorkflowIds")
    ids = tuple(text.split(",")) if rules.several_workflows else (text,)
    for workflow_id in ids:
        if workflow_id not in bucket.workflows:
            raise invalid_argument(f"Request.Operation.WorkflowIds: there is no workflow {workflow_id!r}.")
        if rules.paused_workflow == "refuse" and not bucket.workflows[workflow_id].active:
            raise invalid_argument(f"Request.Operation.WorkflowIds: the workflow {workflow_id!r} is paused.")
    return ids


def _interval(operation: Element) -> tuple[datetime | None, datetime | None]:
    """Read ``TimeInterval``; an empty one is accepted, since the Go SDK sends it."""
    start_at, end_at = _bound(operation, "Start"), _bound(operation, "End")
    if start_at and end_at and start_at > end_at:
        raise invalid_argument("Request.Operation.TimeInterval.Start is later than End.")
    return start_at, end_at


def _bound(operation: Element, name: str) -> datetime | None:
    text = _text(operation, f"TimeInterval/{name}")
    return read_time(f"Request.Operation.TimeInterval.{name}", text) if text else None


def _check_independent_node(operation: Element, bucket: Bucket) -> None:
    tag = _required(operation, "Request.Operation", "Tag")
    queue_id = _text(operation, "QueueId")
    if queue_id and queue_id not in bucket.queues:
        raise invalid_argument(f"Request.Operation.QueueId: there is no queue {queue_id!r}.")
    for name, words in _WORDS.items():
        value = _text(operation, name)
        if value and value not in words:
            raise invalid_argument(f"Request.Operation.{name} {value!r} is not one of {', '.join(words)}.")
    _check_watermark(operation)
    if tag in _TAGS_WITH_OUTPUT:
        _check_job_param(operation)
        _check_output(operation, tag)
    _check_callback(operation)


def _check_job_param(operation: Element) -> None:
    if len(_container(operation, "Request.Operation", "JobParam")) == 0:
        raise invalid_argument("Request.Operation.JobParam needs TemplateId or the container of the Tag.")


def _check_watermark(operation: Element) -> None:
    message = operation.findtext("JobParam/DigitalWatermark/Message") or ""
    if len(message) > _MAX_WATERMARK_LENGTH:
        raise invalid_argument("Request.Operation.JobParam.DigitalWatermark.Message has more than 64 characters.")


def _check_output(operation: Element, tag: str) -> None:
    output = _container(operation, "Request.Operation", "Output")
    needed = ("Region", "Bucket") if tag in _TAGS_WITHOUT_OUTPUT_OBJECT else ("Region", "Bucket", "Object")
    _require_all(output, "Request.Operation.Output", needed)


def _check_callback(operation: Element) -> None:
    if _text(operation, "CallBackType") == "TDMQ":
        config = _container(operation, "Request.Operation", "CallBackMqConfig")
        _require_all(config, "Request.Operation.CallBackMqConfig", ("MqRegion", "MqName"))


def _require_all(parent: Element, path: str, names: Iterable[str]) -> None:
    for name in names:
        _required(parent, path, name)


def _required(parent: Element, path: str, name: str) -> str:
    text = _text(parent, name)
    if not text:
        raise invalid_argument(f"{path}.{name} is required.")
    return text


def _container(parent: Element, path: str, name: str) -> Element:
    node = parent.find(name)
    if node is None:
        raise invalid_argument(f"{path}.{name} is required.")
    return node


def _text(parent: Element, name: str) -> str:
    return (parent.findtext(name) or "").strip()
