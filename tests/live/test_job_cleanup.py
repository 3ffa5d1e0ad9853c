"""After any end of a run, none of its jobs runs; the report names each job whose end is not certain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console
from showcase.display import Display
from showcase.failures import Interrupted

from airflow_provider_tencent_ci.core.api.job_calls import create_job
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.exchange import Send
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.faults.scene import Clock
from tests.live import orders, running
from tests.live.check import Check
from tests.live.conftest import Run
from tests.live.findings import Finding, Question, noted
from tests.live.questions import QUESTIONS
from tests.live.running import DONE, FAILED, STILL_RUNNING, Outcome
from tests.live.service import Service
from tests.live.settings import Settings

HOURS = 3600.0 * 12


def question(number: int, ask, *needed: orders.Order) -> Question:
    return Question(number, "", "", ask, needed)


def submits(*chosen: orders.Order) -> Question:
    """A question that submits and does not wait."""

    def ask(check: Check) -> Iterator[Finding]:
        for order in chosen:
            check.submit(order)
        yield noted("Submitted.")

    return question(1, ask, *chosen)


@pytest.fixture
def long_jobs(emulator: Emulator) -> Emulator:
    """Jobs that would run for hours."""
    emulator.configure(run_seconds=HOURS)
    return emulator


def states(emulator: Emulator) -> set[str]:
    return {job.state for job in emulator.jobs}


def report(outcome: Outcome) -> dict[str, list[dict[str, object]]]:
    return json.loads(outcome.files[1].read_text())


def test_jobs_without_a_waiting_question_are_cancelled(run: Run, long_jobs: Emulator) -> None:
    outcome = run([submits(orders.MAIN, orders.NOTHING)])
    assert (outcome.status, states(long_jobs)) == (DONE, {"Cancel"})
    assert [one["end"] for one in report(outcome)["submissions"]] == ["Cancel", "Cancel"]


def test_a_complete_run_leaves_no_job_behind(run: Run, emulator: Emulator) -> None:
    assert run().status == DONE
    assert states(emulator) <= {"Success", "Cancel"}


def test_a_slow_cancel_is_waited_for(run: Run, long_jobs: Emulator) -> None:
    long_jobs.configure(cancel_seconds=40.0)
    assert run([submits(orders.MAIN)]).status == DONE
    assert states(long_jobs) == {"Cancel"}


@pytest.mark.parametrize("kind", ["reset", "bad_gateway", "truncated_xml", "empty_body", "internal_error"])
def test_a_job_whose_answer_was_lost_is_found_by_its_name_and_ended(run: Run, long_jobs: Emulator, kind: str) -> None:
    long_jobs.inject(kind, operation="create", after_acting=True)
    outcome = run([submits(orders.MAIN)])
    assert (outcome.status, states(long_jobs), long_jobs.count("create")) == (DONE, {"Cancel"}, 1)
    [submission] = report(outcome)["submissions"]
    assert submission["answer_lost"]
    assert "(its submission was not answered)" in outcome.files[0].read_text()


def test_a_lost_job_that_is_listed_late_is_found(run: Run, long_jobs: Emulator) -> None:
    long_jobs.configure(list_lag_seconds=25.0)
    long_jobs.inject("reset", operation="create", after_acting=True)
    assert run([submits(orders.MAIN)]).status == DONE
    assert states(long_jobs) == {"Cancel"}


def test_a_lost_job_that_is_never_listed_is_reported_as_unknown(
    run: Run, long_jobs: Emulator, output: StringIO
) -> None:
    long_jobs.configure(list_lag_seconds=HOURS)
    long_jobs.inject("reset", operation="create", after_acting=True)
    outcome = run([submits(orders.MAIN)])
    assert outcome.status == STILL_RUNNING
    [submission] = outcome.running
    text = outcome.files[0].read_text()
    assert f"Not known to have ended: `{submission.name}`" in text
    assert "make test-live ARGS=--sweep" in text
    assert "<https://console.cloud.tencent.com/ci/bucket?bucket=[bucket]-[appid]&region=ap-beijing>" in text
    assert "https://console.cloud.tencent.com/ci/bucket?bucket=" in output.getvalue()


def test_a_job_that_cannot_be_ended_in_time_is_reported_as_running(
    run: Run, long_jobs: Emulator, output: StringIO
) -> None:
    long_jobs.configure(cancel_seconds=HOURS)
    outcome = run([submits(orders.MAIN)])
    [job] = long_jobs.jobs
    assert outcome.status == STILL_RUNNING
    assert f"Not known to have ended: {job.job_id}" in output.getvalue()
    assert f"Not known to have ended: `{job.job_id}`" in outcome.files[0].read_text()


def test_a_service_that_is_unreachable_at_the_end_is_reported(run: Run, long_jobs: Emulator) -> None:
    def ask(check: Check) -> Iterator[Finding]:
        check.submit(orders.MAIN)
        long_jobs.inject("bad_gateway", times=None)
        yield noted("")

    outcome = run([question(1, ask, orders.MAIN)])
    assert outcome.status == STILL_RUNNING
    assert "HTTP 502" in outcome.running[0].trouble


def test_a_temporarily_refused_cancel_is_retried(run: Run, long_jobs: Emulator) -> None:
    long_jobs.inject("slow_down", operation="cancel", times=2)
    assert run([submits(orders.MAIN)]).status == DONE
    assert states(long_jobs) == {"Cancel"}


@pytest.mark.parametrize("pause", [1, 2, 5])
def test_an_interrupt_ends_the_jobs_and_then_the_run(
    run: Run, long_jobs: Emulator, clock: Clock, output: StringIO, pause: int
) -> None:
    def interrupt() -> None:
        raise Interrupted(15)

    clock.at_pause(pause, interrupt)
    outcome = run()
    assert outcome.status == 128 + 15
    assert long_jobs.jobs
    assert states(long_jobs) == {"Cancel"}
    assert "Ended early: interrupted by signal 15" in outcome.files[0].read_text()


def test_an_interrupt_during_a_submission_loses_no_job(
    run: Run, long_jobs: Emulator, services: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    perform = services[0]._transport._perform

    def interrupted_after_the_post(step):
        answer = perform(step)
        if isinstance(step, Send) and step.request.method == "POST":
            raise Interrupted(2)
        return answer

    monkeypatch.setattr(services[0]._transport, "_perform", interrupted_after_the_post)
    assert run([submits(orders.MAIN)]).status == 128 + 2
    assert states(long_jobs) == {"Cancel"}


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), KeyError("x"), SystemExit(4)])
def test_an_error_of_the_check_itself_ends_the_jobs(
    run: Run, long_jobs: Emulator, error: BaseException, output: StringIO
) -> None:
    def ask(check: Check) -> Iterator[Finding]:
        check.submit(orders.MAIN)
        raise error
        yield

    if isinstance(error, Exception):
        assert run([question(1, ask, orders.MAIN)]).status == FAILED
        assert "The check itself failed" in output.getvalue()
    else:
        with pytest.raises(type(error)):
            run([question(1, ask, orders.MAIN)])
    assert states(long_jobs) == {"Cancel"}


def test_a_closed_terminal_ends_the_jobs(run: Run, long_jobs: Emulator, output: StringIO) -> None:
    def gone(_text: str) -> int:
        raise OSError("the terminal is gone")

    def ask(check: Check) -> Iterator[Finding]:
        check.submit(orders.MAIN)
        output.write = gone  # type: ignore[method-assign]
        yield noted("")

    with pytest.raises(OSError, match="terminal"):
        run([question(1, ask, orders.MAIN)])
    assert states(long_jobs) == {"Cancel"}


def test_no_submission_beyond_the_agreed_number_is_sent(run: Run, emulator: Emulator) -> None:
    def ask(check: Check) -> Iterator[Finding]:
        check.submit(orders.MAIN)
        check.submit(orders.NOTHING)  # not named below
        yield noted("")

    outcome = run([question(1, ask, orders.MAIN)])
    assert outcome.status == FAILED
    assert emulator.count("create") == 1
    assert "refused: More jobs were about to be submitted than the 1 agreed to" in outcome.files[0].read_text()


def test_a_submission_that_was_not_executed_is_retried_and_counts_once(run: Run, emulator: Emulator) -> None:
    emulator.inject("slow_down", operation="create", times=2)
    outcome = run([submits(orders.MAIN)])
    assert (outcome.status, emulator.count("create"), len(emulator.jobs)) == (DONE, 3, 1)


def test_an_order_is_submitted_once_for_all_its_questions(run: Run, emulator: Emulator) -> None:
    run([submits(orders.MAIN), submits(orders.MAIN), submits(orders.MAIN, orders.NOTHING)])
    assert emulator.count("create") == 2


def test_an_unrecorded_job_of_this_run_is_ended_too(run: Run, long_jobs: Emulator) -> None:
    def ask(check: Check) -> Iterator[Finding]:
        check.submit(orders.MAIN)
        specification = InventoryJobSpecification.from_arguments(workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
        check.service.run(create_job(orders.MAIN.name_of(check.ledger.scope.token), specification))
        yield noted("")

    outcome = run([question(1, ask, orders.MAIN, orders.NOTHING)])
    assert (outcome.status, states(long_jobs), len(long_jobs.jobs)) == (DONE, {"Cancel"}, 2)
    assert report(outcome)["submissions"][1]["order"] == "(found at the end)"


def test_jobs_of_others_are_not_cancelled(run: Run, long_jobs: Emulator, services: list[Service]) -> None:
    specification = InventoryJobSpecification.from_arguments(workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
    services[0].budget.most = 1
    theirs = services[0].run(create_job("nightly", specification))
    services[0].budget.spent = 0
    run(QUESTIONS, wait_seconds=2.0)
    assert long_jobs.job(theirs.job_id).state == "Running"


def test_sweep_ends_only_the_jobs_of_killed_runs(
    long_jobs: Emulator, services: list[Service], settings: Settings, clock: Clock, output: StringIO
) -> None:
    specification = InventoryJobSpecification.from_arguments(workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
    services[0].budget.most = 3
    for name in ("LiveCheck-01020304-main", "LiveCheck-05060708-检检", "nightly"):
        services[0].run(create_job(name, specification))
    clock.sleep(3600)
    display = Display(Console(file=output, width=200, force_terminal=False))
    assert running.sweep(services[0], settings, display) == DONE
    assert {job.name: job.state for job in long_jobs.jobs} == {
        "LiveCheck-01020304-main": "Cancel",
        "LiveCheck-05060708-检检": "Cancel",
        "nightly": "Running",
    }
    assert running.sweep(services[0], settings, display) == DONE
    assert "No job of an earlier run lives." in output.getvalue()
