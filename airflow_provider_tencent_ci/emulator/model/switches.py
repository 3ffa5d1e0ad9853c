"""
The switches of the emulator in small groups, one frozen dataclass for each theme.

A switch marked *assumed* decides a point that the service's documents leave open. The name of a switch is unique over
all groups: ``emulator.configure()`` and the control API take it without its group.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Literal, get_args

__all__ = [
    "AnswerForm",
    "Cancellation",
    "FileFailures",
    "IntervalBounds",
    "JobRun",
    "Lists",
    "RequestRules",
    "ServiceTime",
    "SignatureRules",
    "TemporaryKeys",
]

Outcome = Literal["success", "fail", "cancel", "pause"]
Verdict = Literal["success", "fail"]
NameFilter = Literal["exact", "prefix", "fuzzy"]
JobIdFilter = Literal["exact", "ignored"]
EndOfList = Literal["absent", "empty", "extra_page"]
CancelOfEnded = Literal["ignore", "refuse"]
UnknownJob = Literal["name", "refuse"]
PausedWorkflow = Literal["run", "refuse"]
NameLimit = Literal["characters", "bytes"]
IntervalBounds = Literal["both", "start", "end", "neither"]
FilesCreated = Literal["at_once", "at_turn"]
JobById = Literal["at_once", "with_list"]
SameName = Literal["accept", "refuse"]
PlainHttp = Literal["serve", "301", "302", "307", "308"]
DateHeader = Literal["every", "not_on_errors", "none"]
ControlCharacters = Literal["replaced", "reference", "bare"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "outcome": get_args(Outcome),
    "failed_files": get_args(Verdict),
    "no_objects": get_args(Verdict),
    "name_filter": get_args(NameFilter),
    "job_id_filter": get_args(JobIdFilter),
    "end_of_list": get_args(EndOfList),
    "cancel_of_ended": get_args(CancelOfEnded),
    "unknown_job": get_args(UnknownJob),
    "paused_workflow": get_args(PausedWorkflow),
    "name_limit": get_args(NameLimit),
    "interval_bounds": get_args(IntervalBounds),
    "files_created": get_args(FilesCreated),
    "job_by_id": get_args(JobById),
    "same_name": get_args(SameName),
    "plain_http": get_args(PlainHttp),
    "date_header": get_args(DateHeader),
    "control_characters": get_args(ControlCharacters),
}
_PATTERNS = {"wrong_signature": re.compile(r"4\d\d [A-Za-z]{1,64}", re.ASCII)}
_MAY_BE_NONE = frozenset({"run_seconds"})
_MAY_BE_NEGATIVE = frozenset({"clock_offset_seconds"})


@dataclass(frozen=True, slots=True)
class SwitchGroup:
    """A group of switches; it refuses a value that a switch cannot have with a ``ValueError``."""

    def __post_init__(self) -> None:
        for field in fields(self):
            _check(field.name, getattr(self, field.name), field.default)


@dataclass(frozen=True, slots=True)
class JobRun(SwitchGroup):
    """
    How jobs run. A job keeps the values that held when it was created.

    :param submitted_seconds: how long a job is ``Submitted``.
    :param run_seconds: how long it is ``Running``; its files are worked on one after another, each for an equal share.
        ``None``: as long as the files need.
    :param file_seconds: how long one file takes when ``run_seconds`` is ``None``.
    :param concurrency: how many files are worked on at once when ``run_seconds`` is ``None`` (samples of queues show
        10; docs/service.md, 2.9).
    :param outcome: how a job ends: ``success``; ``fail`` with ``failure_code`` and ``failure_message``; ``cancel``
        after half of its time, as if another client had cancelled it; ``pause``: it waits in ``Pause`` until it is
        resumed, then succeeds.
    :param failure_code: ``Code`` of a failed job; the service's values are not documented.
    :param failure_message: ``Message`` of a failed job.
    :param failed_files: how a job ends that has failed files (assumed: ``success``; docs/service.md, 4).
    :param no_objects: how a job ends that found no object (assumed: ``success``; docs/service.md, 4).
    :param files_created: when the executions or child jobs are created: all ``at_once`` (assumed; docs/service.md,
        3.1), or each ``at_turn``, when the work on it begins. With the latter their times of creation differ, so a
        window of ``startCreationTime`` and ``endCreationTime`` has a part of the list.
    """

    submitted_seconds: float = 1.0
    run_seconds: float | None = 5.0
    file_seconds: float = 1.0
    concurrency: int = 10
    outcome: Outcome = "success"
    failure_code: str = "InternalError"
    failure_message: str = "The batch was made to fail by the emulator."
    failed_files: Verdict = "success"
    no_objects: Verdict = "success"
    files_created: FilesCreated = "at_once"


@dataclass(frozen=True, slots=True)
class FileFailures(SwitchGroup):
    """
    Which files fail. A job keeps the values that held when it was created.

    :param failing_keys: files whose key matches one of these shell patterns fail (``*``: any characters). One pattern
        without a comma may stand without a list.
    :param failing_every: each file whose number in the job is a multiple of this fails; 0: none.
    :param failing_times: how often such a file fails before it succeeds; 0: always.
    :param file_failure_code: ``Code`` of a failed file.
    :param file_failure_message: ``Message`` of a failed file.
    """

    failing_keys: tuple[str, ...] = ()
    failing_every: int = 0
    failing_times: int = 0
    file_failure_code: str = "ResourceNotSupported"
    file_failure_message: str = "The file was made to fail by the emulator."

    def __post_init__(self) -> None:
        patterns: Any = self.failing_keys
        if isinstance(patterns, str) and "," in patterns:
            several = json.dumps([part.strip() for part in patterns.split(",")])
            raise ValueError(
                f"failing_keys={patterns!r} would be one pattern with a comma. For several patterns give a list, "
                f"{several}; for one with a comma a list of one, {json.dumps([patterns])}."
            )
        if isinstance(patterns, Iterable):  # JSON and the command line have no tuples
            patterns = (patterns,) if isinstance(patterns, str) else tuple(patterns)
            object.__setattr__(self, "failing_keys", patterns)
        SwitchGroup.__post_init__(self)


@dataclass(frozen=True, slots=True)
class Cancellation(SwitchGroup):
    """
    How a job is cancelled.

    :param cancel_seconds: how long a cancelled job goes on before it is ``Cancel``.
    :param cancel_of_ended: the answer to the cancellation of a job that has ended: 200 without effect (``ignore``,
        assumed) or ``InvalidArgument`` (``refuse``).
    """

    cancel_seconds: float = 0.0
    cancel_of_ended: CancelOfEnded = "ignore"


@dataclass(frozen=True, slots=True)
class Lists(SwitchGroup):
    """
    The content of lists, and of the answer to a request for one job.

    :param list_lag_seconds: how long a new job is missing from lists.
    :param job_by_id: when a request for a job by its id finds a new job: ``at_once`` (assumed; docs/service.md, 2.6),
        or ``with_list``, when lists show it.
    :param list_lag_answers: how many list answers leave a new job out.
    :param name_filter: how ``name`` is compared (assumed: ``exact``; docs/service.md, 2.7).
    :param job_id_filter: how ``jobId`` is compared in the list of jobs; ``ignored``: the list has all jobs.
    :param end_of_list: the last page has no ``NextToken`` (``absent``), an ``empty`` one, or one that leads to an
        ``extra_page`` without entries.
    :param short_pages: a page holds half of ``size``.
    :param repeat_token: the list never ends: each page is the first one and has the same ``NextToken``.
    :param unknown_job: the answer to a request for a job that does not exist: 200 with the job's id (``name``;
        documented, docs/service.md, 2.6) or ``ResourceNotFound`` (``refuse``).
    """

    list_lag_seconds: float = 0.0
    list_lag_answers: int = 0
    job_by_id: JobById = "at_once"
    name_filter: NameFilter = "exact"
    job_id_filter: JobIdFilter = "exact"
    end_of_list: EndOfList = "absent"
    short_pages: bool = False
    repeat_token: bool = False
    unknown_job: UnknownJob = "name"


@dataclass(frozen=True, slots=True)
class RequestRules(SwitchGroup):
    """
    Which requests are accepted, apart from their signature.

    :param exactly_one_input: ``Input`` needs exactly one child (assumed; docs/service.md, 2.2).
    :param several_workflows: ``WorkflowIds`` may name several, separated by commas (seen in the Java SDK;
        docs/service.md, 2.3).
    :param paused_workflow: a job may ``run`` a paused workflow (assumed), or is refused (``refuse``;
        docs/service.md, 11.4).
    :param interval_for_all: ``TimeInterval`` also filters an ``Object`` (assumed not to; docs/service.md, 2.3).
    :param interval_bounds: which of the two times of ``TimeInterval`` belong to it (assumed: ``both``;
        docs/service.md, 2.3).
    :param name_limit: the unit of the limit of 128 for a name (assumed: ``characters``; docs/service.md, 2.1).
    :param same_name: the answer to a job with the name of another job of the bucket: it is made (``accept``, assumed;
        docs/service.md, 2.1), or ``InvalidArgument`` (``refuse``).
    :param plain_http: the answer to a client that came without TLS: the same as with TLS (``serve``), or a redirect to
        HTTPS with this status (docs/service.md, 1.1). The emulator has no TLS. So a client has come without TLS only if
        a proxy in front of it says so (``X-Forwarded-Proto: http``).
    :param content_type_required: a POST with a body needs ``Content-Type``. A wrong value is always refused. A request
        without the header is accepted by default, since the official Python SDK sends none (docs/service.md, 7.1).
    :param max_object_bytes: the size of an object that can be written with one request; 5 GB, as COS documents.
    """

    exactly_one_input: bool = True
    several_workflows: bool = True
    paused_workflow: PausedWorkflow = "run"
    interval_for_all: bool = False
    interval_bounds: IntervalBounds = "both"
    name_limit: NameLimit = "characters"
    same_name: SameName = "accept"
    plain_http: PlainHttp = "308"
    content_type_required: bool = False
    max_object_bytes: int = 5 * 1024**3


@dataclass(frozen=True, slots=True)
class SignatureRules(SwitchGroup):
    """
    Which signatures are accepted.

    :param all_parameters_signed: a query parameter that the signature does not list is refused, except ``cancel``,
        which the official Python SDK does not list. The real service seems to check the listed ones only
        (docs/service.md, 6.2). The default is strict, so that a test notices a parameter that was added after signing.
    :param cos_token_accepted: the token of temporary keys may also come in ``x-cos-security-token`` (the official SDKs
        disagree; docs/service.md, 1.3).
    :param wrong_signature: status and code of the answer to a signature that does not match, on CI's hosts
        (docs/service.md, 5.2).
    :param skew_seconds: how far in the future a signature may begin (COS: 15 minutes; docs/service.md, 6.3).
    """

    all_parameters_signed: bool = True
    cos_token_accepted: bool = True
    wrong_signature: str = "401 InvalidAuthorization"
    skew_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class ServiceTime(SwitchGroup):
    """
    The service's clock.

    :param clock_offset_seconds: how far the service's clock is off. The service writes and compares all times by that
        clock: ``Date``, signatures, the ends of temporary keys, the times of objects and of jobs. A job keeps the
        offset that held when it was created, so that its times do not change afterwards.
    """

    clock_offset_seconds: float = 0.0

    @property
    def offset(self) -> timedelta:
        """How far the service's clock is off."""
        return timedelta(seconds=self.clock_offset_seconds)


@dataclass(frozen=True, slots=True)
class TemporaryKeys(SwitchGroup):
    """
    The keys that the metadata service and STS hand out.

    :param temporary_key_seconds: how long temporary keys live at most; 0: they have expired when they arrive. Keys of
        STS live for ``DurationSeconds`` if that is shorter. How long the keys of a real machine live is not
        documented.
    """

    temporary_key_seconds: float = 7200.0


@dataclass(frozen=True, slots=True)
class AnswerForm(SwitchGroup):
    """
    How answers are written.

    :param cos_style_errors: errors have COS's codes and ``Resource``. The error for a wrong signature has
        ``StringToSign`` and ``FormatString``.
    :param shuffle_nodes: the children of a record come in any order.
    :param object_as_url: ``Object`` of an execution is the object's URL, as in old samples, not its key.
    :param control_characters: how lists write a character that XML forbids: U+FFFD (``replaced``, assumed;
        docs/service.md, 3.1), a ``reference`` such as ``&#x3;``, or the character itself (``bare``).
    :param date_header: which answers of CI have ``Date``: ``every`` one (docs/service.md, 1.4), all that are no errors
        (``not_on_errors``), or ``none``.
    """

    cos_style_errors: bool = False
    shuffle_nodes: bool = False
    object_as_url: bool = False
    control_characters: ControlCharacters = "replaced"
    date_header: DateHeader = "every"


def _check(name: str, value: Any, default: Any) -> None:
    """Refuse a value that is not like its default: switches also come from the command line and from JSON."""
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError(f"{name}={value!r} is not one of {', '.join(_CHOICES[name])}.")
    elif isinstance(default, float) or type(default) is int:
        _check_number(name, value)
    elif not isinstance(value, type(default)):
        raise ValueError(f"{name}={value!r} is not a {type(default).__name__}.")
    elif name in _PATTERNS and not _PATTERNS[name].fullmatch(value):
        raise ValueError(f"{name}={value!r} is not a status and a code, such as {default!r}.")


def _check_number(name: str, value: Any) -> None:
    if value is None and name in _MAY_BE_NONE:
        return
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name}={value!r} is not a number.")
    if value < 0 and name not in _MAY_BE_NEGATIVE:
        raise ValueError(f"{name}={value!r} is negative.")
    if name == "concurrency" and value < 1:
        raise ValueError(f"{name}={value!r} lets no file be worked on.")
