"""Each row of the table of two tries, under each clock: the observed result must match the table."""

from __future__ import annotations

from functools import partial

import pytest

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import cancel_duplicates
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import SubmitOutcomeUnknownError
from airflow_provider_tencent_ci.hooks import tencent_ci as hooks
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from tests.core.submitting.attempts import Notes, submitting
from tests.faults.two_tries import CLOCK_OFFSETS, PLACES, TWO_TRIES, End, Retried

SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, prefix="media/")


class Killed(BaseException):
    """The end of a process."""


class Mortal(BlockingTransport):
    """A transport whose process ends around a request of one method."""

    dies_at = ""

    def _send(self, action):
        if f"before {action.request.method}" == self.dies_at:
            raise Killed
        try:
            return super()._send(action)
        finally:
            if f"after {action.request.method}" == self.dies_at:
                raise Killed


class MortalNotes(Notes):
    """A record whose process ends as soon as the job is recorded."""

    dies_knowing = False

    def try_to_write(self, note, kept):
        super().try_to_write(note, kept)
        if note.job_id and self.dies_knowing:
            raise Killed
        return True


@pytest.fixture
def hook(clock, emulator, monkeypatch):
    emulator.reset()
    clock.reset()
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
    monkeypatch.setattr(hooks, "BlockingTransport", partial(Mortal, now=clock.now, sleep=clock.sleep))
    with hooks.TencentCIHook() as hook:
        yield hook


def first_try(hook, notes, end):
    transport = hook.get_conn()
    transport.dies_at = {End.BEFORE_ALL: "before GET", End.AFTER_POST: "after POST"}.get(end, "")
    notes.dies_knowing = end is End.KNOWING
    with pytest.raises(SubmitOutcomeUnknownError if end is End.ERROR else Killed):
        hook.run(submitting(SPECIFICATION, notes))
    transport.dies_at, notes.dies_knowing = "", False


@pytest.mark.parametrize("offset", CLOCK_OFFSETS)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.words)
@pytest.mark.parametrize("row", TWO_TRIES, ids=str)
def test_a_retry_handles_each_fault(row, place, offset, hook, emulator, clock):
    emulator.configure(clock_offset_seconds=offset, list_lag_seconds=row.lag_seconds)
    if row.fault:
        emulator.inject(row.fault)
    notes = MortalNotes(reliable=place.has_store)
    first_try(hook, notes, row.first)
    clock.sleep(place.delay_seconds)
    began_at = clock.now()
    submission = hook.run(submitting(SPECIFICATION, notes, is_first=False))
    took = clock.now() - began_at
    clock.sleep(600)  # by then the list shows all jobs
    kept, duplicates = hook.run(cancel_duplicates(submission.series, submission.job))
    seen = Retried(submission.adopted, round(took.total_seconds()), len(emulator.jobs))
    assert seen == row.outcomes[PLACES.index(place)]
    check_jobs(emulator, kept, duplicates)


def check_jobs(emulator, kept, duplicates):
    """The oldest job belongs to the task, and every other job is cancelled."""
    oldest, *others = emulator.jobs
    assert (kept.job_id, oldest.state) == (oldest.job_id, "Running")
    assert [job.state for job in others] == ["Cancel"] * len(duplicates)
