"""Batch jobs and workflow executions as the service reports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import Element

from airflow_provider_tencent_ci.core.wire.service_times import format_time, parse_time
from airflow_provider_tencent_ci.core.wire.texts import readable, shortened, without_query
from airflow_provider_tencent_ci.core.wire.xml import Node, key_of, text_of, to_dict
from airflow_provider_tencent_ci.exceptions import JobCancelledError, JobFailedError


class JobState(StrEnum):
    """
    States of a batch job (docs/service.md, 4).

    An unknown word becomes a new member, which is not terminal: the service may add states, and a wait must not end
    on one.
    """

    SUBMITTED = "Submitted"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILED = "Failed"
    PAUSE = "Pause"
    CANCEL = "Cancel"

    @classmethod
    def _missing_(cls, value: object) -> JobState:
        member = str.__new__(cls, str(value))
        member._name_ = "UNKNOWN"
        member._value_ = str(value)
        return member

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended: ``Success``, ``Failed`` or ``Cancel``."""
        return self in _TERMINAL

    @property
    def is_known(self) -> bool:
        """Whether the API's documentation has this word."""
        return self.name != "UNKNOWN"


_TERMINAL = (JobState.SUCCESS, JobState.FAILED, JobState.CANCEL)

# A word is looked up in a tenth of the time that Enum needs.
_STATES = {state.value: state for state in JobState}


def state_of(word: str) -> JobState:
    """Return a state by its word, which may be unknown."""
    return _STATES.get(word) or JobState(word)


# The types that are documented (docs/service.md, 2.1). The service may learn others.
JOB_TYPES = ("Workflow", "Job")

# As the list endpoint takes them.
ACTIVE_STATES = (JobState.SUBMITTED.value, JobState.RUNNING.value, JobState.PAUSE.value)
ENDED_STATES = (JobState.SUCCESS.value, JobState.FAILED.value, JobState.CANCEL.value)


@dataclass(frozen=True, slots=True)
class InventoryJob:
    """
    One batch job, the service's ``JobsDetail``. Each node may be missing from an answer.

    :param job_id: ``JobId``; empty only in a record read by :meth:`from_dict` that has none.
    :param name: ``Name``.
    :param type: one of :data:`JOB_TYPES`, or a word that is not known yet; ``Workflow`` where the service says nothing
        (docs/service.md, 2.1).
    :param state: ``State``.
    :param code: ``Code``, which has a meaning only when the state is ``Failed``.
    :param message: ``Message``, which has a meaning only when the state is ``Failed``.
    :param creation_time: ``CreationTime`` (aware), ``None`` while not known.
    :param start_time: ``StartTime`` (aware), ``None`` while not known.
    :param end_time: ``EndTime`` (aware), ``None`` while not known. A running job may have one: it never means that the
        job has ended.
    :param input: ``Input`` as nested names and texts.
    :param operation: ``Operation`` as nested names and texts.
    """

    job_id: str
    name: str = ""
    type: str = "Workflow"
    state: JobState = JobState.SUBMITTED
    code: str = ""
    message: str = ""
    creation_time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    input: Mapping[str, Node] = field(default_factory=dict)
    operation: Mapping[str, Node] = field(default_factory=dict)

    @property
    def ended_at(self) -> datetime | None:
        """When the job ended (aware), as far as the service says; ``None`` while it has not."""
        return self.end_time if self.state.is_terminal else None

    @property
    def reason(self) -> tuple[str, str]:
        """Code and message of a job that failed; empty for every other one, where they mean nothing."""
        return (self.code, self.message) if self.state is JobState.FAILED else ("", "")

    @property
    def reads(self) -> str:
        """Which files it reads: its prefix, manifest, list or object."""
        return ", ".join(without_query(value) for value in self.input.values() if value and isinstance(value, str))

    @property
    def title(self) -> str:
        """The job at the beginning of a sentence: its id, its name and which files it reads."""
        reads = f", reads {readable(self.reads, 200)}" if self.reads else ""
        return f"Batch job {self.job_id} ({shortened(self.name, 128)}{reads})"

    @property
    def time_interval(self) -> tuple[str, str]:
        """From and to which time its files were modified, as the service writes both; each is empty without a limit."""
        interval = self.operation.get("TimeInterval")
        limits = interval if isinstance(interval, Mapping) else {}
        return str(limits.get("Start") or ""), str(limits.get("End") or "")

    @property
    def modified(self) -> str:
        """Within which times its files were modified, as the service writes them; empty if there is no limit."""
        start, end = self.time_interval
        return " ".join(part for part in (f"from {start}" if start else "", f"to {end}" if end else "") if part)

    def raise_for_state(self) -> InventoryJob:
        """
        Return this job, unless it ended badly.

        :raises JobFailedError: it failed; with the service's code and message.
        :raises JobCancelledError: it was cancelled.
        """
        if self.state is JobState.FAILED:
            code = shortened(self.code, 200) or "no code"
            message = shortened(self.message.rstrip("."), 1_000) or "the service gave no message"
            raise JobFailedError(f"{self.title} failed: {code}: {message}.", job=self)
        if self.state is JobState.CANCEL:
            raise JobCancelledError(f"{self.title} was cancelled.", job=self)
        return self

    @classmethod
    def from_xml(cls, detail: Element) -> InventoryJob:
        """Read one ``JobsDetail``. White space around its words has no meaning; around an object key it has."""
        record = to_dict(detail)
        return cls.from_dict(
            {name: value.strip() if isinstance(value, str) else value for name, value in record.items()}
        )

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> InventoryJob:
        """Read what :meth:`to_dict` wrote; names that are missing or of another type count as not known."""
        texts = {name: value for name, value in record.items() if isinstance(value, str)}
        return cls(
            job_id=texts.get("JobId", ""),
            name=texts.get("Name", ""),
            type=texts.get("Type") or "Workflow",
            state=state_of(texts.get("State", "")),
            code=texts.get("Code", ""),
            message=texts.get("Message", ""),
            creation_time=parse_time(texts.get("CreationTime")),
            start_time=parse_time(texts.get("StartTime")),
            end_time=parse_time(texts.get("EndTime")),
            input=_mapping(record, "Input"),
            operation=_mapping(record, "Operation"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON-safe record with the service's node names; times as text, ``None`` if not known."""
        return {
            "JobId": self.job_id,
            "Name": self.name,
            "Type": self.type,
            "State": self.state.value,
            "Code": self.code,
            "Message": self.message,
            "CreationTime": _written(self.creation_time),
            "StartTime": _written(self.start_time),
            "EndTime": _written(self.end_time),
            "Input": dict(self.input),
            "Operation": dict(self.operation),
        }


@dataclass(frozen=True, slots=True)
class WorkflowExecution:
    """
    The execution of a workflow for one file: the service's ``WorkflowExecutionList``.

    :param run_id: ``RunId``.
    :param workflow_id: ``WorkflowId``.
    :param object_key: ``Object``: a key, in old answers the object's URL.
    :param state: ``State``, of the same words as a job's, without ``Submitted`` and ``Pause``.
    :param create_time: ``CreateTime`` (aware), ``None`` if not known.
    """

    run_id: str
    workflow_id: str = ""
    object_key: str = ""
    state: JobState = JobState.RUNNING
    create_time: datetime | None = None

    @classmethod
    def from_xml(cls, entry: Element) -> WorkflowExecution:
        """Read one ``WorkflowExecutionList``."""
        return cls(
            run_id=text_of(entry, "RunId"),
            workflow_id=text_of(entry, "WorkflowId"),
            object_key=key_of(entry, "Object"),
            state=JobState(text_of(entry, "State")),
            create_time=parse_time(text_of(entry, "CreateTime", "CreationTime")),
        )


def has_several_workflows(operation: Mapping[str, Any]) -> bool:
    """Whether each file of a job is run through more than one workflow, from the job's ``Operation``."""
    return "," in str(operation.get("WorkflowIds", ""))


def _mapping(record: Mapping[str, Any], name: str) -> dict[str, Node]:
    value = record.get(name)
    return dict(value) if isinstance(value, dict) else {}


def _written(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
