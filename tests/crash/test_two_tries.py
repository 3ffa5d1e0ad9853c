"""
Two tries of one task, for any clock of the service and any delay of its actions and lists.

The service's clock is off, it executes the request long after the client has disconnected, its list lags, and the retry
starts at once or minutes later, on an Airflow with a task state store and on one without.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.submitting.submit_attempt import RECONCILE_TIMEOUT_SECONDS
from airflow_provider_tencent_ci.emulator import Emulator
from tests.crash.tries import Kept, Tries

OFFSETS = (-3600, -720, 0, 720, 3600)
LAGS = (0, 10, 40, 90)
LATE = (0, 31, 45, 100, 250)
RETRY_DELAYS = (0, 30, 120, 280, 600)
# How the first try ends: killed before any answer; by an error, as soon as it waits; once it has its job.
ENDINGS = ({"kill_at": "after the POST"}, {"fail_at": "before a pause"}, {"kill_at": "after the XCom job_id"})
PLACES = tuple((has_store, deferrable) for has_store in (True, False) for deferrable in (True, False))

LONG_RUN_SECONDS = 1500

stores = pytest.mark.parametrize("has_store", [True, False], ids=["with store", "without store"])


@dataclass(frozen=True)
class Case:
    """One combination of choices."""

    offset: int
    late: int
    lag: int
    retry_delay: int
    ending: dict[str, str]
    has_store: bool
    deferrable: bool

    def __str__(self):
        end = " ".join(*self.ending.items())
        place = ("deferred" if self.deferrable else "blocking") + (", with store" if self.has_store else "")
        return (
            f"clock {self.offset:+}, late {self.late}, lag {self.lag}, retry after {self.retry_delay}, {end}, {place}"
        )

    @property
    def jobs(self):
        """The number of jobs in the end: two if the first is listed only after the search has ended."""
        if "XCom job_id" in str(self.ending):
            watched_until = RECONCILE_TIMEOUT_SECONDS
        elif self.has_store:
            watched_until = max(RECONCILE_TIMEOUT_SECONDS, self.retry_delay)
        else:
            watched_until = self.retry_delay + RECONCILE_TIMEOUT_SECONDS
        return 1 if self.late + self.lag <= watched_until else 2


def pairs():
    """
    Return cases among which each pair of choices occurs: an orthogonal array of 25 rows and six columns.

    A list of fewer than five choices starts again.
    """
    choices = (OFFSETS, LATE, LAGS, RETRY_DELAYS, ENDINGS, PLACES)
    for row in range(25):
        one, two = divmod(row, 5)
        levels = (one, two, *((one + factor * two) % 5 for factor in range(1, 5)))
        *chosen, place = (some[level % len(some)] for some, level in zip(choices, levels, strict=True))
        yield Case(*chosen, *place)


@pytest.fixture(scope="module")
def server():
    with Emulator() as emulator:
        yield emulator


def new_tries(server, folder, has_store, *, deferrable=True, offset=0, lag=0, run_seconds=LONG_RUN_SECONDS):
    server.reset()
    server.configure(clock_offset_seconds=offset, list_lag_seconds=lag, submitted_seconds=5, run_seconds=run_seconds)
    waiting = {"wait_for_completion": True, "deferrable": deferrable, "poll_interval": 60}
    return Tries(server, Kept(folder, has_store), waiting)


def check_try(tries, outcome="deferred", **end):
    assert tries.run(**end) == outcome, tries.kept.read("error")


@pytest.mark.parametrize("case", list(pairs()), ids=str)
def test_two_tries_leave_one_job_or_two_if_the_first_is_listed_too_late(server, tmp_path, case):
    tries = new_tries(server, tmp_path, case.has_store, deferrable=case.deferrable, offset=case.offset, lag=case.lag)
    if case.late:
        server.inject("late", seconds=case.late)
    tries.run(**case.ending)
    server.advance(case.retry_delay)
    check_try(tries, "deferred" if case.deferrable else "done")
    server.advance(case.late + case.lag)
    assert len(server.jobs) == case.jobs
    assert server.count("create") - len(refused(server)) == case.jobs
    assert tries.kept.read("xcom-job_id") in [job.job_id for job in server.jobs]


def refused(server):
    """Requests whose signature was refused, since the client did not know the service's time yet."""
    return [request for request in server.requests if request.operation == "create" and request.status == 401]


def test_every_pair_of_choices_is_among_the_cases():
    columns = [[str(value) for value in vars(case).values()] for case in pairs()]
    by_factor = list(zip(*columns, strict=True))
    for number, one in enumerate(by_factor):
        for other in by_factor[number + 1 :]:
            if {one, other} & {by_factor[5], by_factor[6]} and {one, other} != {by_factor[5], by_factor[6]}:
                continue  # these two are one column
            assert len(set(zip(one, other, strict=True))) == len(set(one)) * len(set(other))


@stores
@pytest.mark.parametrize("offset", [-720, 3600])
@pytest.mark.parametrize(("late", "lag"), [(250, 90), (340, 0)])
def test_of_two_jobs_the_older_is_kept_and_the_younger_cancelled_and_named(
    server, tmp_path, has_store, offset, late, lag
):
    tries = new_tries(server, tmp_path, has_store, offset=offset, lag=lag)
    server.inject("late", seconds=late)
    check_try(tries)  # it searches for five minutes, finds nothing, and submits again
    server.advance(late + lag)
    check_try(tries)
    older, younger = server.jobs
    assert (older.state, younger.state) == ("Running", "Cancel")
    assert tries.kept.read("xcom-job_id") == older.job_id
    assert f"Batch job {younger.job_id} is a second one of this submission" in tries.kept.log
    assert f"It was told to stop. Batch job {older.job_id} is kept." in tries.kept.log


@stores
def test_a_second_ended_job_is_logged_at_the_end_of_the_task(server, tmp_path, has_store):
    tries = new_tries(server, tmp_path, has_store, deferrable=False, run_seconds=20)
    server.inject("late", seconds=308)  # after the second submission, also on a slow machine
    check_try(tries, "done")
    other, kept = sorted(server.jobs, key=lambda job: job.job_id == tries.kept.read("xcom-job_id"))
    assert f"Batch job {other.job_id} is a second one of this submission" in tries.kept.log
    assert f"Batch job {kept.job_id} is kept. Files that both have processed are billed twice." in tries.kept.log


@stores
@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "blocking"])
@pytest.mark.parametrize("late", [31, 250])
def test_a_try_killed_while_the_service_is_silent_leaves_one_job(server, tmp_path, has_store, deferrable, late):
    tries = new_tries(server, tmp_path, has_store, deferrable=deferrable, lag=40)
    server.inject("late", seconds=late, silent_seconds=30)
    pid = tries.start()
    while not server.count("create"):
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    assert tries.finish(pid) == "killed"
    check_try(tries, "deferred" if deferrable else "done")
    [job] = server.jobs
    assert tries.kept.read("xcom-job_id") == job.job_id


@stores
def test_the_record_of_the_first_request_limits_the_wait_of_the_retry(server, tmp_path, has_store):
    tries = new_tries(server, tmp_path, has_store, offset=3600)
    server.inject("reset", operation="create")
    tries.run(kill_at="after the POST")
    server.advance(200)
    began_at = server.now()
    check_try(tries)
    waited = (server.now() - began_at).total_seconds()
    left = 100 if has_store else RECONCILE_TIMEOUT_SECONDS  # without a store the time of the request is unknown
    assert left - 5 < waited < left + 10
    assert len(server.jobs) == 1


@pytest.mark.parametrize("offset", OFFSETS)
def test_a_job_of_known_id_is_read_by_id_while_the_list_lags(server, tmp_path, offset):
    tries = new_tries(server, tmp_path, has_store=True, offset=offset, lag=40)
    tries.run(kill_at="after the XCom job_id")
    began_at = server.now()
    check_try(tries)
    [job] = server.jobs
    assert tries.kept.read("xcom-job_id") == job.job_id
    assert server.count("get") == 1
    assert server.now() - began_at < timedelta(seconds=30), "it does not wait for the list"


@stores
@pytest.mark.parametrize("offset", [-720, 3600])
def test_a_recreated_run_submits_once_its_old_job_has_ended(server, tmp_path, has_store, offset):
    deleted = new_tries(server, tmp_path / "deleted", has_store, offset=offset, run_seconds=20)
    check_try(deleted)
    server.advance(60)
    made_again = Tries(server, Kept(tmp_path / "made again", has_store), deleted.arguments)
    check_try(made_again, kill_at="before the XCom job_id", outcome="killed")
    check_try(made_again)
    first, second = server.jobs
    assert first.name == second.name
    assert made_again.kept.read("xcom-job_id") == second.job_id


@pytest.mark.parametrize(("has_store", "jobs"), [(True, 2), (False, 1)], ids=["with store", "without store"])
def test_a_later_try_of_a_recreated_run_adopts_an_ended_job_only_without_a_store(server, tmp_path, has_store, jobs):
    deleted = new_tries(server, tmp_path / "deleted", has_store, run_seconds=20)
    check_try(deleted)
    server.advance(60)
    made_again = Tries(server, Kept(tmp_path / "made again", has_store), deleted.arguments)
    check_try(made_again, "killed", kill_at="before the GET")
    check_try(made_again, "deferred" if has_store else "done")
    assert len(server.jobs) == jobs
    assert made_again.kept.read("xcom-job_id") == server.jobs[-1].job_id


@stores
@pytest.mark.parametrize("offset", [-720, 3600])
def test_a_recreated_run_adopts_its_live_job_and_logs_it(server, tmp_path, has_store, offset):
    deleted = new_tries(server, tmp_path / "deleted", has_store, offset=offset)
    check_try(deleted)
    made_again = Tries(server, Kept(tmp_path / "made again", has_store), deleted.arguments)
    check_try(made_again)
    [job] = server.jobs
    assert made_again.kept.read("xcom-job_id") == job.job_id
    assert "This is the first try of the task, and its batch job was there already" in made_again.kept.log


@stores
@pytest.mark.parametrize(("run_seconds", "outcome"), [(20, "done"), (LONG_RUN_SECONDS, "deferred")])
def test_a_cleared_neighbour_task_takes_no_job_from_a_later_try(server, tmp_path, has_store, run_seconds, outcome):
    tries = new_tries(server, tmp_path, has_store, run_seconds=run_seconds)
    tries.run(kill_at="after the POST")
    server.advance(120)
    tries.run_started_at = server.now()  # later than the job was created
    check_try(tries, outcome)
    [job] = server.jobs
    assert tries.kept.read("xcom-job_id") == job.job_id


@pytest.mark.parametrize(("has_store", "jobs"), [(True, 1), (False, 2)], ids=["with store", "without store"])
def test_a_deployment_renamed_between_two_tries_is_recognised_only_by_the_store(
    server, tmp_path, monkeypatch, has_store, jobs
):
    tries = new_tries(server, tmp_path, has_store)
    tries.run(kill_at="after the POST")
    monkeypatch.setenv("AIRFLOW__TENCENT_CI__DEPLOYMENT", "renamed")
    check_try(tries)
    assert len(server.jobs) == len({job.name for job in server.jobs}) == jobs
