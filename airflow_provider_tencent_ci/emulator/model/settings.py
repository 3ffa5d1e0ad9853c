"""How the emulated service behaves: every switch, with the default that the documentation suggests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any, Literal, get_args

__all__ = ["Behaviour"]

Outcome = Literal["success", "fail", "cancel", "pause"]
Verdict = Literal["success", "fail"]
NameFilter = Literal["exact", "prefix", "fuzzy"]
EndOfList = Literal["absent", "empty", "extra_page"]
CancelOfEnded = Literal["ignore", "refuse"]
UnknownJob = Literal["name", "refuse"]
PausedWorkflow = Literal["run", "refuse"]
NameLimit = Literal["characters", "bytes"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "outcome": get_args(Outcome),
    "failed_files": get_args(Verdict),
    "no_objects": get_args(Verdict),
    "name_filter": get_args(NameFilter),
    "end_of_list": get_args(EndOfList),
    "cancel_of_ended": get_args(CancelOfEnded),
    "unknown_job": get_args(UnknownJob),
    "paused_workflow": get_args(PausedWorkflow),
    "name_limit": get_args(NameLimit),
}
_MAY_BE_NEGATIVE = frozenset({"clock_offset_seconds"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    Switches of a server, or of one bucket. Those marked *assumed* decide what the documentation leaves open.

    How jobs run, fixed for a job when it is created:

    :param submitted_seconds: how long a job is ``Submitted``.
    :param run_seconds: how long it is ``Running``, its files being worked on one after another in equal shares;
        ``None``: as long as the files need.
    :param file_seconds: how long one file takes when ``run_seconds`` is ``None``.
    :param concurrency: how many files are worked on at once when ``run_seconds`` is ``None`` (queue samples show
        10; API reference, 2.9).
    :param outcome: how a job ends: ``success``; ``fail`` with ``failure_code`` and ``failure_message``; ``cancel``,
        by somebody else, half-way; ``pause``: it waits in ``Pause`` until it is resumed, then succeeds.
    :param failure_code: ``Code`` of a failed job; the service's values are not documented.
    :param failure_message: ``Message`` of a failed job.
    :param failing_keys: files whose key matches one of these shell patterns fail.
    :param failing_every: every so many-th file fails; 0: none.
    :param failing_times: how often such a file fails before it is well; 0: always.
    :param file_failure_code: ``Code`` of a failed file.
    :param file_failure_message: ``Message`` of a failed file.
    :param failed_files: how a job ends that has failed files (assumed: ``success``; API reference, 4).
    :param no_objects: how a job ends that found no object (assumed: ``success``; API reference, 4).

    How it is stopped:

    :param cancel_seconds: how long a cancelled job goes on before it is ``Cancel``.
    :param cancel_of_ended: cancelling a job that has ended is a 200 without effect (``ignore``, assumed) or
        ``InvalidArgument`` (``refuse``).

    What lists show:

    :param list_lag_seconds: how long a new job is missing from lists; getting it by its id is not affected.
    :param list_lag_answers: from how many list answers that would hold it a new job is missing.
    :param name_filter: how ``name`` is compared (assumed: ``exact``; API reference, 2.7).
    :param end_of_list: the last page has no ``NextToken`` (``absent``), an ``empty`` one, or one that leads to an
        ``extra_page`` without entries.
    :param short_pages: a page holds half of ``size``.
    :param repeat_token: the list never ends: each page is the first one and has the same ``NextToken``.
    :param unknown_job: getting a job that is not there is a 200 that names it (``name``; documented, 2.6), or
        ``ResourceNotFound`` (``refuse``).

    What is accepted:

    :param exactly_one_input: ``Input`` needs exactly one child (assumed; API reference, 2.2).
    :param several_workflows: ``WorkflowIds`` may name several, with commas (seen in the Java SDK; reference, 2.3).
    :param paused_workflow: a batch may run a paused workflow (assumed: ``run``), or is refused (reference, 11.4).
    :param interval_for_all: ``TimeInterval`` counts for an ``Object``, too (assumed not to; reference, 2.3).
    :param name_limit: what the 128 of a name are (assumed: ``characters``; API reference, 2.1).
    :param content_type_required: a POST with a body needs ``Content-Type``. A wrong one is always refused; its
        absence is accepted by default, since the official Python SDK sends none (API reference, 7.1).
    :param all_parameters_signed: a query parameter that the signature does not list is refused, ``cancel`` apart,
        which the official Python SDK does not list. The real service evidently checks the listed ones only
        (API reference, 6.2); the default is strict so that an added parameter is noticed.
    :param cos_token_accepted: temporary keys' token may also come in ``x-cos-security-token`` (the official SDKs
        disagree; API reference, 1.3).
    :param skew_seconds: how far in the future a signature may begin (COS: 15 minutes; API reference, 6.3).
    :param clock_offset_seconds: how far the service's clock is off. All that it writes and compares goes by that clock:
        ``Date``, signatures, the ends of temporary keys, the times of objects and of jobs. A job keeps the offset of
        the time when it was created, so that what is written of it does not change afterwards.

    What the metadata service and STS hand out:

    :param temporary_key_seconds: how long temporary keys live at most; 0: they have expired when they arrive. STS
        makes them live for ``DurationSeconds`` if that is shorter; how long a machine's real keys live is not
        documented.

    How answers look:

    :param cos_style_errors: errors have COS's codes and ``Resource``, and a wrong signature is explained by
        ``StringToSign`` and ``FormatString``.
    :param shuffle_nodes: the children of a record come in any order.
    :param object_as_url: an execution's ``Object`` is the object's URL, as in old samples, not its key.
    """

    submitted_seconds: float = 1.0
    run_seconds: float | None = 5.0
    file_seconds: float = 1.0
    concurrency: int = 10
    outcome: Outcome = "success"
    failure_code: str = "InternalError"
    failure_message: str = "The batch was made to fail by the emulator."
    failing_keys: tuple[str, ...] = ()
    failing_every: int = 0
    failing_times: int = 0
    file_failure_code: str = "ResourceNotSupported"
    file_failure_message: str = "The file was made to fail by the emulator."
    failed_files: Verdict = "success"
    no_objects: Verdict = "success"

    cancel_seconds: float = 0.0
    cancel_of_ended: CancelOfEnded = "ignore"

    list_lag_seconds: float = 0.0
    list_lag_answers: int = 0
    name_filter: NameFilter = "exact"
    end_of_list: EndOfList = "absent"
    short_pages: bool = False
    repeat_token: bool = False
    unknown_job: UnknownJob = "name"

    exactly_one_input: bool = True
    several_workflows: bool = True
    paused_workflow: PausedWorkflow = "run"
    interval_for_all: bool = False
    name_limit: NameLimit = "characters"
    content_type_required: bool = False
    all_parameters_signed: bool = True
    cos_token_accepted: bool = True
    skew_seconds: float = 900.0
    clock_offset_seconds: float = 0.0

    temporary_key_seconds: float = 7200.0

    cos_style_errors: bool = False
    shuffle_nodes: bool = False
    object_as_url: bool = False

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}={getattr(self, name)!r} is none of {', '.join(choices)}.")
        for field in fields(self):
            _check_type(field.name, getattr(self, field.name), field.default)
        if self.concurrency < 1:
            raise ValueError(f"concurrency={self.concurrency!r} lets no file be worked on.")

    @property
    def clock_offset(self) -> timedelta:
        """How far the service's clock is off."""
        return timedelta(seconds=self.clock_offset_seconds)

    def changed(self, **changes: Any) -> Behaviour:
        """
        Return a copy with other values.

        :raises ValueError: there is no such switch, or it has no such value.
        """
        known = {field.name for field in fields(self)}
        if unknown := sorted(changes.keys() - known):
            raise ValueError(f"No such switch: {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")
        if "failing_keys" in changes:
            patterns = changes["failing_keys"]
            changes["failing_keys"] = (patterns,) if isinstance(patterns, str) else tuple(patterns)
        return replace(self, **changes)


def _check_type(name: str, value: Any, default: Any) -> None:
    """Refuse a value that is not like its default: switches also come from the command line and from JSON."""
    if isinstance(default, float) or type(default) is int:
        if name == "run_seconds" and value is None:
            return
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise ValueError(f"{name}={value!r} is no number.")
        if value < 0 and name not in _MAY_BE_NEGATIVE:
            raise ValueError(f"{name}={value!r} is negative.")
    elif not isinstance(value, type(default)):
        raise ValueError(f"{name}={value!r} is no {type(default).__name__}.")
