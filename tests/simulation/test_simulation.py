"""Complete histories: some thousands hold, each one is reproducible, and the simulation detects known bugs."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api import page_reader
from airflow_provider_tencent_ci.core.files import failed_files_reader
from airflow_provider_tencent_ci.core.files.list_windows import Part, SplitList, Window
from airflow_provider_tencent_ci.core.polling import cancel_decision
from airflow_provider_tencent_ci.core.submitting import submission_note
from tests.simulation import tasks
from tests.simulation.drawing import BEYOND, TROUBLES, draw
from tests.simulation.files import LISTING
from tests.simulation.history import Act, Blow, Fault, History, Jump
from tests.simulation.remembered import remember_answers
from tests.simulation.runs import run, told

# One part for each test process.
PARTS = 8
HISTORIES = int(os.environ.get("TENCENT_CI_HISTORIES", "3000")) // PARTS


@pytest.mark.parametrize("part", range(PARTS))
def test_random_histories_hold(part):
    broken = {}
    for seed in range(part * HISTORIES, (part + 1) * HISTORIES):
        history = draw(seed)
        if violations := run(history)[1]:
            broken[seed] = (violations, history)
    assert not broken, f"make simulate HISTORIES=1 SEED={min(broken)} prints the story"


@pytest.mark.parametrize("mode", ["blocking", "deferred", "submit"])
@pytest.mark.parametrize("store", [True, False])
@pytest.mark.parametrize("poller", [True, False])
def test_a_night_without_faults_makes_one_job_for_each_task(mode, store, poller):
    world, violations = run(History(mode=mode, store=store, poller=poller, tasks=3))
    assert violations == []
    assert len(world.service.jobs) == 3
    assert {instance.state for instance in world.airflow.instances.values()} == {"success"}


def test_one_seed_always_yields_the_same_history():
    for seed in range(60):
        history = draw(seed)
        assert draw(seed) == history
        assert told(history) == told(history)


def test_a_process_that_remembers_answers_runs_the_same_histories(monkeypatch):
    histories = [draw(seed) for seed in range(100)]
    stories = [told(history) for history in histories]
    monkeypatch.setattr(page_reader, "read_items", page_reader.read_items)  # set back at the end
    remember_answers()
    assert [told(history) for history in histories] == stories
    assert page_reader.read_items.cache_info().hits > 500


def test_a_printed_history_can_be_pasted_into_a_test():
    names = {"History": History, "Fault": Fault, "Blow": Blow, "Act": Act, "Jump": Jump}
    for seed in range(200):
        history = draw(seed)
        assert eval(repr(history), names) == history  # noqa: S307 - our own text


def test_a_story_names_time_process_and_action():
    story = told(History(clocks=(720, 0, 0, 0, 0, 0), faults=(Fault("late_reset", "post", 1, 45),)))
    assert "00:02.0  scheduler starts try 1 on worker A (clock +720 s)" in story
    assert "try 1: POST inventorytriggerjob meets: late_reset (45 s)" in story
    assert "00:47.2  service: makes b0 for try 1" in story
    assert "try 1: finds b0" in story


@pytest.mark.slow
def test_every_kind_of_fault_occurs():
    counts: Counter[str] = Counter()
    for seed in range(1200):
        counts.update(run(draw(seed))[0].ledger.counts)
    for seed in range(100):
        counts.update(run(draw(seed, beyond=True))[0].ledger.counts)
    faults = {name.split()[1] for name in counts if name.startswith("fault: ")}
    assert faults == {
        "refused", "reset", "dropped", "lost", "hang", "late", "late_reset", "late_504", "error", "error_after",
        "truncated", "html", "throttled", "unavailable", "saturated",
        "cut_short", "odd_date", "twice",
    }  # fmt: skip
    requests = {name.split()[2] for name in counts if name.startswith("fault: ")}
    assert requests >= {"post", "list", "cancel"}
    blows = {name[6:] for name in counts if name.startswith("blow: ")}
    assert blows >= {f"{what} {whom}" for what in ("crash", "kill", "evict", "freeze") for whom in ("task", "trigger")}
    met = {name[9:] for name in counts if name.startswith("SIGTERM: ")}
    assert met >= {f"task is {state}" for state in (
        "running", "restarting", "up_for_retry", "scheduled", "queued", "failed", "success", "gone",
    )}  # fmt: skip
    stopped = {name for name in counts if "is stopped: " in name}
    assert {name.rpartition(" ")[2] for name in stopped} == {"cancel", "leave", "doubt"}
    for what in (
        "a try finds a job", "a process submits more than once", "a second job is named", "a zombie submits",
        "execution_timeout is over",
    ):  # fmt: skip
        assert counts[what], what


def test_no_delay_exceeds_the_window_by_default():
    for seed in range(2000):
        history = draw(seed)
        assert history.beyond == ""
        for fault in history.faults:
            assert fault.what != "twice"
            assert not fault.what.startswith("late") or fault.seconds + history.lag <= 290
    assert {draw(seed, beyond=True).beyond for seed in range(200)} == set(BEYOND)


def test_most_histories_have_few_kinds_of_faults():
    quiet, of_each = History(), Counter()
    for seed in range(1000):
        history = draw(seed)
        of_each.update(name for name in ("faults", "blows", "acts", "jumps") if getattr(history, name))
        of_each["lag"] += history.lag != quiet.lag
    assert all(30 < number < 500 for number in of_each.values()), of_each
    assert len(TROUBLES) > 15


def _is_found(name, within):
    """Whether some seed shows that an invariant does not hold."""
    return any(violation.name == name for seed in range(within) for violation in run(draw(seed))[1])


_take_probe = SplitList._take_probe

# Long enough to be read as windows.
WITH_FILES = [
    replace(draw(seed), mode="blocking", files=200, files_page=3, job_seconds=400)
    for seed in range(3000) if draw(seed).files
]  # fmt: skip


def _held(reading):
    """Return the files that the list has when a reading begins, and when it ends."""
    return [reading.job.files.held(at, reading.job.ends_at) for at in (reading.began_at, reading.ended_at)]


def _is_wrong_with_files(history):
    return any(violation.name == "files counted" for violation in run(history)[1])


def test_files_are_counted_as_windows_while_their_list_changes_and_the_service_refuses():
    counts: Counter[str] = Counter()
    for history in WITH_FILES:
        world, violations = run(history)
        assert violations == [], told(history)
        counts.update(world.ledger.counts)
        for before, after in map(_held, world.ledger.readings):
            counts["the list changes meanwhile" if before != after else "the list stays"] += 1
    assert counts["the list changes meanwhile"] >= 3
    assert counts["the list stays"] > 30
    assert counts["a window of files is read"] > 500
    assert counts["files are read: counts"] > 30
    assert counts["files are read: failed"] > 30
    refused = {name.split()[1] for name in counts if name.startswith("fault: ") and name.endswith(" files")}
    assert refused >= {"throttled", "unavailable", "error"}
    assert {word for history in WITH_FILES for word in history.listing} == set(LISTING)


def test_files_of_a_list_that_changes_are_counted_once_each():
    history = History(files=200, files_page=3, files_lag=60, listing=("late", "markers"), kinds=True, job_seconds=400)
    world, violations = run(history)
    assert violations == []
    reading = world.ledger.readings[0]
    before, after = _held(reading)
    assert len(before) < reading.counts["Total"] <= len(after)


def test_windows_that_share_a_second_are_detected(monkeypatch):
    cut = Window.cut

    def overlapping(self, *given):
        return [replace(one, end=one.end and one.end + timedelta(seconds=1)) for one in cut(self, *given)]

    monkeypatch.setattr(Window, "cut", overlapping)
    assert any(map(_is_wrong_with_files, WITH_FILES))


def test_windows_of_a_list_that_knows_none_are_detected(monkeypatch):
    monkeypatch.setattr(SplitList, "_take_probe", lambda self, part, _: _take_probe(self, part, True))
    monkeypatch.setattr(Part, "_contains_all", lambda *_: True)
    assert any(map(_is_wrong_with_files, WITH_FILES))


def test_failed_files_that_are_listed_again_are_detected(monkeypatch):
    monkeypatch.setattr(failed_files_reader._OrderedList, "_was_taken", lambda *_: False)
    assert any(map(_is_wrong_with_files, WITH_FILES))


def test_a_request_that_is_retried_too_early_is_detected(monkeypatch):
    attempt = tasks.Attempt
    monkeypatch.setattr(tasks, "Attempt", lambda **given: attempt(**given, reconcile_timeout=15))
    assert _is_found("one job left", within=3000)


def test_a_submission_without_records_is_detected(monkeypatch):
    attempt = tasks.Attempt
    monkeypatch.setattr(tasks, "Attempt", lambda **given: attempt(**{**given, "is_first": True}))
    monkeypatch.setattr(tasks, "SubmissionMemory", lambda *_: submission_note.NoNotes())
    assert _is_found("one job left", within=3000)


def test_a_token_that_mistakes_a_clear_for_a_retry_is_detected(monkeypatch):
    token_of = tasks.submission_token
    monkeypatch.setattr(
        tasks, "submission_token", lambda identity, body: token_of(replace(identity, clear_generation=0), body)
    )
    assert _is_found("own job", within=3000)


@pytest.mark.slow
def test_a_predicate_that_mistakes_a_retry_for_a_person_is_detected(monkeypatch):
    of_process = cancel_decision._ENDED_BY_PERSON
    monkeypatch.setattr(cancel_decision, "_ENDED_BY_PERSON", of_process | {"up_for_retry"})
    assert _is_found("wanted job not cancelled", within=3000)


def test_a_predicate_that_misses_a_clear_is_detected(monkeypatch):
    of_process = cancel_decision._ENDED_BY_PERSON
    monkeypatch.setattr(cancel_decision, "_ENDED_BY_PERSON", of_process - {"restarting"})
    assert _is_found("unwanted job not left", within=3000)


def test_a_local_clock_compared_with_the_service_s_is_detected(monkeypatch):
    monkeypatch.setattr(tasks.ServiceClock, "learn", lambda *_: None)
    monkeypatch.setattr(tasks.ServiceClock, "learn_from_refusal", lambda *_: False)
    assert _is_found("keys valid", within=3000)
