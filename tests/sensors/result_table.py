"""The table of the sensor's results in ``docs/sensor.md``, and how to bring each of its conditions about."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci.core.api.job_calls import get_job
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

if TYPE_CHECKING:
    import pytest

__all__ = ["CASES", "CONDITIONS", "Case", "each_with_one_of", "hasten_late_list", "names_its_place", "submit"]

_PAGE = Path(__file__).parents[2] / "docs" / "sensor.md"
_FLAGS = ("no flag", "soft_fail", "never_fail", "silent_fail")

# Arguments are texts of a DAG file. Limits that a case must not reach are far away, also on a slow machine.
_SHORT = "timeout=0.5"
_FAR = "timeout=120"


@dataclass(frozen=True)
class Condition:
    """
    A condition of the table.

    :param set_up: prepares the emulator before the job is submitted.
    :param happen: what happens to the submitted job, by its id.
    :param arguments: of the sensor.
    :param prefix: of the files that the job reads.
    """

    set_up: dict[str, Any] | None = None
    happen: Callable[[Emulator, str], object] = lambda _emulator, _job_id: None
    arguments: str = ""
    prefix: str = "media/"


def _fault(kind: str, operation: str = "list", **more: Any) -> Callable[[Emulator, str], object]:
    return lambda emulator, _job_id: emulator.inject(Fault(kind, operation=operation, **more))


_LONG = {"run_seconds": 3600}
_NO_ANSWER = _fault("internal_error", times=None, skip=1)

CONDITIONS = {
    "the job ends as `Success`": Condition(),
    "the job ends as `Failed`": Condition({"outcome": "fail", "failure_code": "TemplateNotFound"}),
    "the job ends as `Cancel`": Condition(_LONG, lambda emulator, job_id: emulator.cancel_job(job_id)),
    "too many files failed (`fail_on`)": Condition({"failing_every": 1}, arguments="fail_on='any'"),
    'there are no files, with `on_empty="fail"`': Condition(prefix="nothing/", arguments="on_empty='fail'"),
    'there are no files, with `on_empty="skip"`': Condition(prefix="nothing/", arguments="on_empty='skip'"),
    "`timeout` is over": Condition(_LONG, arguments=_SHORT),
    "`execution_timeout` is over": Condition(_LONG, arguments="execution_timeout=timedelta(seconds=1.5)"),
    "a poll in the middle of the wait gets 403": Condition(
        None, _fault("error", status=403, code="AccessDenied", skip=1)
    ),
    "a poll in the middle of the wait gets 404": Condition(
        None, _fault("error", status=404, code="NoSuchBucket", skip=1)
    ),
    "the first poll is refused, since the job is unknown": Condition(
        arguments="job_id='b0000000000000000000000000000000', contact_timeout=0.3"
    ),
    "no usable answer for `contact_timeout`": Condition(_LONG, _NO_ANSWER, "contact_timeout=0.3"),
    "`fail_on` or `on_empty` needs the files, and they cannot be counted": Condition(
        None, _fault("error", "executions", status=403, code="AccessDenied", times=None), "fail_on='any'"
    ),
    "there is no such connection": Condition(arguments="tencent_ci_conn_id='nowhere', contact_timeout=0.3"),
    "`job_id` is wrong": Condition(arguments="job_id='a b'"),
}


@dataclass(frozen=True)
class Case:
    """
    A cell of the table.

    :param result: the state of the task, or ``waits on``.
    :param error: the error of a task that fails; ``None`` if it does not fail.
    """

    condition: str
    flag: str
    result: str
    error: str | None

    def __str__(self) -> str:
        return f"{re.sub('[^a-z0-9_ =]', '', self.condition.lower())}, {self.flag}".replace(" ", "-")

    @property
    def state(self) -> str:
        return "failed" if self.result == "waits on" else self.result

    def arguments(self, job_id: str, mode: str) -> str:
        """The arguments of the sensor, as in a DAG file."""
        given = CONDITIONS[self.condition].arguments
        # execution_timeout limits each poll in this mode.
        is_over_soon = self.result == "waits on" or ("reschedule" in mode and "execution_timeout" in given)
        arguments = [
            mode,
            given,
            "poke_interval=0.2",
            "" if "job_id=" in given else f"job_id={job_id!r}",
            "" if _SHORT in given else "timeout=2" if is_over_soon else _FAR,
            "" if self.flag == "no flag" else f"{self.flag}=True",
        ]
        return ", ".join(filter(None, arguments))


def each_with_one_of(modes: Collection[str]) -> list[tuple[Case, str]]:
    """
    Give each case one of the modes, such that each condition and each flag meets each mode.

    The three are not all combined: one function decides about the flags in all modes (``sensors/failure_flags.py``).
    """
    row_and_flag = (divmod(number, len(_FLAGS)) for number in range(len(CASES)))
    return [(case, list(modes)[sum(place) % len(modes)]) for case, place in zip(CASES, row_and_flag, strict=True)]


def hasten_late_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the 14 s during which an unknown job is asked for again; ``tests/core/api`` has a clock for that."""
    monkeypatch.setattr(get_job, "__defaults__", (*get_job.__defaults__[:-1], (0, 0.1, 0.1, 0.1)))


def submit(emulator: Emulator, case: Case) -> str:
    """Submit the case's job, bring its condition about, and return the job's id."""
    condition = CONDITIONS[case.condition]
    emulator.configure(**(condition.set_up or {}))
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix=condition.prefix)
    condition.happen(emulator, job.job_id)
    return job.job_id


def _cases() -> list[Case]:
    cases = []
    for row in re.findall(r"^\|(.+)\|$", _PAGE.read_text("utf-8"), re.MULTILINE):
        condition, *results, error = (cell.strip() for cell in row.split("|"))
        if condition in CONDITIONS:
            for flag, result in zip(_FLAGS, results, strict=True):
                failure = "`AirflowSensorTimeout`" if result == "waits on" else error
                cases.append(Case(condition, flag, result, failure.strip("`") or None))
    return cases


CASES = _cases()


def names_its_place(case: Case, text: str) -> bool:
    """Whether the error of a failed task says where; only that of a wrong argument is the same in each place."""
    if case.condition == "`job_id` is wrong":
        return True
    if case.condition == "there is no such connection":
        return "nowhere" in text
    has_ended = any(words in case.condition for words in ("the job ends", "files")) and "Timeout" not in case.error
    reads = CONDITIONS[case.condition].prefix if has_ended else ""
    return text.count(f"Connection 'tencent_ci_default', bucket {BUCKET}: ") == 1 and reads in text
