"""Each invariant can fail: a faulty task breaks it, in a history that the product passes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api.file_lists import file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.job_calls import create_job, list_jobs_page
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter
from airflow_provider_tencent_ci.core.files.file_counts import CountBuilder
from airflow_provider_tencent_ci.core.polling.cancel_decision import CancelDecision
from airflow_provider_tencent_ci.core.submitting.duplicate_jobs import DuplicateSearch
from airflow_provider_tencent_ci.core.submitting.submit_once import Submission
from airflow_provider_tencent_ci.exceptions import LostContactError
from tests.simulation import tasks
from tests.simulation.history import Act, History
from tests.simulation.invariants import INVARIANTS
from tests.simulation.runs import run
from tests.simulation.steps import Sleep
from tests.simulation.tasks import TaskProgram

SPECIFICATION = tasks._ROUNDS[0]
GIVEN_UP = (Act("reset", 20),)
MARKED = (Act("mark_failed", 20),)


class SubmitsAgain(TaskProgram):
    def submit(self, number):
        job = yield from self.ask(create_job("nightly", SPECIFICATION))
        return Submission(job, adopted=False, posts=1, series=DuplicateSearch("nightly"))


class TakesAnyJob(TaskProgram):
    def submit(self, number):
        page = yield from self.ask(list_jobs_page(JobFilter()))
        return Submission(page.items[0], adopted=True, posts=0, series=DuplicateSearch("nightly"))


class AlwaysCancels(TaskProgram):
    def on_kill(self):
        yield from self._cancel_if(CancelDecision.CANCEL, self._job_id)


class NeverCancels(TaskProgram):
    def on_kill(self):
        yield from ()


class ForgetsItsJob(TaskProgram):
    def submit(self, number):
        yield from self.ask(create_job("nightly", SPECIFICATION))
        raise LostContactError("forgotten")


class IsAlwaysGlad(TaskProgram):
    def judge(self, job):
        pass


class HasNoDeadline(TaskProgram):
    def wait(self, job_id, _deadline_at):
        return (yield from super().wait(job_id, None))


class AsksWithoutPause(TaskProgram):
    def wait(self, job_id, deadline_at):
        for _ in range(200):
            yield from self.ask(list_jobs_page(JobFilter(job_id=job_id)))
        return (yield from super().wait(job_id, deadline_at))


class CountsTheFirstPageOnly(TaskProgram):
    def count(self, job):
        files, builder = file_lists_of(job)[0], CountBuilder()
        builder.add_all((yield from list_files_page(files, "", states_only=True)).items)
        return builder.counts


class Breaks(TaskProgram):
    def submit(self, number):
        yield from ()
        raise KeyError("unforeseen")


class NeverEnds(TaskProgram):
    def main(self):
        while True:
            yield Sleep(1)


class HasOldKeys(TaskProgram):
    def wait(self, job_id, deadline_at):
        keys, now = self._place.machine.shared["keys"], self._place.machine.now()
        held = keys.current(now)
        keys.current = lambda _now: held
        keys.discard = lambda _used, _now: False
        return (yield from super().wait(job_id, deadline_at))


@pytest.mark.parametrize(
    ("invariant", "program", "history"),
    [
        ("one job left", SubmitsAgain, History(acts=GIVEN_UP)),
        ("one job made", SubmitsAgain, History(acts=GIVEN_UP)),
        ("own job", TakesAnyJob, History(strangers=1, job_seconds=7200)),
        ("wanted job not cancelled", AlwaysCancels, History(acts=GIVEN_UP)),
        ("job known", ForgetsItsJob, History(retries=0)),
        ("reported as ended", IsAlwaysGlad, History(outcomes=("Failed",))),
        ("unwanted job not left", NeverCancels, History(job_seconds=400, acts=MARKED, heartbeat_timeout=300)),
        ("wait in time", HasNoDeadline, History(job_seconds=1500, wait_timeout=60)),
        ("keys valid", HasOldKeys, History(job_seconds=1500, keys_last=300)),
        ("requests bounded", AsksWithoutPause, History()),
        ("files counted", CountsTheFirstPageOnly, History(files=9, files_page=5, kinds=True)),
        ("nothing unforeseen", Breaks, History()),
        ("history ends", NeverEnds, History()),
    ],
)
def test_a_faulty_task_breaks_its_invariant_and_the_product_does_not(invariant, program, history):
    assert invariant in INVARIANTS
    assert run(history)[1] == []
    assert invariant in [violation.name for violation in run(history, task=program)[1]]


def test_each_invariant_is_broken_once():
    broken = test_a_faulty_task_breaks_its_invariant_and_the_product_does_not.pytestmark[0].args[1]
    assert [name for name, _, _ in broken] == list(INVARIANTS)


def test_a_deadline_is_measured_with_the_clock_of_the_machine():
    limit = timedelta(seconds=60).total_seconds()
    history = History(mode="deferred", job_seconds=1500, wait_timeout=limit, clocks=(3600, 0, 3600, 3600, 0, 0))
    assert run(history)[1] == []
