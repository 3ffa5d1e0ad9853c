"""The advice about a batch job, in one or two sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.wire.error_codes import CODES
from airflow_provider_tencent_ci.outcome.commands import CommandPlace

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob

__all__ = ["advice_for"]

_BY_STATE = {
    JobState.SUBMITTED: "It has not begun yet. Follow it with `{tail}`.",
    JobState.RUNNING: "Follow it with `{tail}`.",
    JobState.PAUSE: "Its queue is paused: it goes on when the queue is resumed in the CI console.",
    JobState.FAILED: "When the cause is removed, clear the task: that submits the whole job again, and the files that "
    "were processed before are billed again.",
    JobState.CANCEL: "To process the files after all, clear the task: that submits the whole job again, and the files "
    "that were processed before are billed again.",
}

_SOME_FILES_FAILED = (
    "Clearing the task would process all files again. `{resubmit}` submits only those that failed, as "
    "resubmit_rounds=1 does."
)

_SUBMITTED_AGAIN = "Its failed files were submitted again, as batch job {job_id} ({state}): `{show}`."

_DEFAULT_PLACE = CommandPlace()


def advice_for(
    job: InventoryJob,
    failed_files: int = 0,
    place: CommandPlace = _DEFAULT_PLACE,
    last_round: str = "",
    again: InventoryJob | None = None,
) -> str:
    """
    Return the advice about a job; empty if none is needed.

    :param failed_files: the number of its failed files, if known.
    :param place: the arguments of the commands in it.
    :param last_round: the job that has the files which failed to the end; by default this one.
    :param again: the job with which its failed files were submitted again, if that is known.
    """
    if again is not None:
        show = place.command("show", again.job_id)
        return _SUBMITTED_AGAIN.format(job_id=again.job_id, state=again.state.value, show=show)
    if job.state is JobState.SUCCESS:
        return _some_files_failed(place, last_round or job.job_id) if failed_files else ""
    code, _ = job.reason
    meaning = CODES.get(code)
    by_state = _BY_STATE.get(job.state, "").format(tail=place.command("tail", job.job_id))
    return " ".join(filter(None, (meaning.advice if meaning else "", by_state)))


def _some_files_failed(place: CommandPlace, job_id: str) -> str:
    return _SOME_FILES_FAILED.format(resubmit=place.command("resubmit", job_id))
