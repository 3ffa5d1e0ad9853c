"""The progress of a command that counts files, and the words for numbers that are estimated."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from rich.console import Console

from airflow_provider_tencent_ci.cli.file_counting import shown_count
from airflow_provider_tencent_ci.cli.tables import files_text, record_of
from airflow_provider_tencent_ci.core.api.job_records import JobState
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.file_survey import Survey
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.core.files.records import WORKFLOW_JOB
from tests.core.script import START

ENDED = replace(WORKFLOW_JOB, state=JobState.SUCCESS, end_time=START + timedelta(seconds=1_000))


@dataclass(frozen=True)
class Running:
    """A count while it goes on."""

    so_far: FileCounts

    @property
    def covered(self) -> timedelta:
        return self.so_far.last_at - self.so_far.first_at


def counts_at(share, total=1_000_000):
    return FileCounts(succeeded=round(share * total), first_at=START, last_at=START + timedelta(seconds=1_000 * share))


def test_without_a_terminal_a_line_is_written_about_once_in_ten_seconds():
    said, now = [], [0.0]
    console = Console(file=io.StringIO(), force_terminal=False)
    with shown_count(ENDED, console, said.append, lambda: now[0]) as show:
        for now[0], share in ((4, 0.1), (9.9, 0.2), (10, 0.25), (15, 0.3), (20, 0.5)):
            show(Running(counts_at(share)))
    assert said == [
        "Counted 250,000 files so far of about 1,000,000 (batch job b1).",
        "Counted 500,000 files so far of about 1,000,000 (batch job b1).",
    ]


@pytest.mark.parametrize("job", [ENDED, WORKFLOW_JOB], ids=["a total is expected", "none can be told"])
def test_on_a_terminal_a_bar_is_drawn_and_taken_away(job):
    file, said = io.StringIO(), []
    console = Console(file=file, force_terminal=True, width=140, _environ={"TERM": "xterm"})
    with shown_count(job, console, said.append) as show:
        for share in (0.1, 0.5):
            show(Running(counts_at(share)))
    drawn = file.getvalue()
    assert "500,000" in drawn
    assert ("500,000 of about 1,000,000" in drawn) == (job is ENDED)
    assert "━" in drawn
    assert drawn.endswith("\x1b[1A\x1b[2K")
    assert not said


def test_the_total_of_an_estimate_comes_first():
    said, now = [], [0.0]
    console = Console(file=io.StringIO(), force_terminal=False)
    with shown_count(ENDED, console, said.append, lambda: now[0], expected=40_000) as show:
        for now[0], counted in ((10, 30_000), (20, 41_000)):
            show(Running(FileCounts(succeeded=counted, first_at=START, last_at=ENDED.end_time)))
    assert said == [
        "Counted 30,000 files so far of about 40,000 (batch job b1).",
        "Counted 41,000 files so far of about 41,000 (batch job b1).",
    ]


def test_a_dumb_terminal_gets_lines():
    file, said = io.StringIO(), []
    console = Console(file=file, force_terminal=True, _environ={"TERM": "dumb"})
    now = [0.0]
    with shown_count(ENDED, console, said.append, lambda: now[0]) as show:
        now[0] = 30
        show(Running(counts_at(0.5)))
    assert (len(said), file.getvalue()) == (1, "")


COUNTS = FileCounts(succeeded=968_214, failed=30_871, running=2)
DOUBTS = {
    "exact": (Survey(COUNTS, True, ()), "999,087: 968,214 succeeded, 30,871 failed, 2 not done", {}),
    "estimate": (
        Survey(COUNTS, False, (), True),
        "about 1,000,000: 970,000 succeeded, 31,000 failed, 2 not done",
        {"Estimated": True},
    ),
    "minimum": (
        Survey(COUNTS, False, ()),
        "at least 999,087: 968,214 succeeded, 30,871 failed, 2 not done",
        {"AtLeast": True},
    ),
}


@pytest.mark.parametrize(("files", "text", "marks"), DOUBTS.values(), ids=DOUBTS.keys())
def test_a_number_says_how_sure_it_is(files, text, marks):
    assert files_text(files) == text
    written = record_of(ENDED, files)["Files"]
    assert {name: written[name] for name in written.keys() - COUNTS.to_dict().keys()} == marks


@pytest.fixture
def submit_many(emulator):
    """Submit a job over many files, and let it end."""

    def submit(files, created):
        emulator.configure(submitted_seconds=0, run_seconds=1_000, files_created=created, failing_every=40)
        emulator.add_objects(count=files, prefix="many/")
        with TencentCIHook() as hook:
            job_id = hook.trigger_inventory_job(name="many", workflow_ids=WORKFLOW_ID, prefix="many/").job_id
        emulator.advance(2_000)
        return job_id

    return submit


@pytest.fixture
def long_job(submit_many):
    return submit_many(20_000, "at_turn")


def test_show_estimates_a_long_list(run, emulator, long_job):
    record = run("show", long_job, "--output", "json", "--failed-files", "2").records
    assert record["Files"]["Estimated"] is True
    assert record["Files"]["Total"] == pytest.approx(20_000, rel=0.1)
    assert len(record["FailedFiles"]) == 2
    assert emulator.count("executions") <= 46
    text = run("show", long_job, "--failed-files", "2").out
    assert "about 20,000: " in text or "about 19,000: " in text or "about 21,000: " in text
    assert "(--exact counts all)" in text
    assert "The first 2 of about " in text


@pytest.mark.parametrize("arguments", [("list", "--count"), ("list",), ("show", "JOB_ID")])
def test_exact_counts_all_files(run, long_job, arguments):
    arguments = [word.replace("JOB_ID", long_job) for word in arguments]
    records = run(*arguments, "--exact", "--output", "json").records
    [record] = records if isinstance(records, list) else [records]
    assert (record["Files"]["Total"], record["Files"]["Failed"]) == (20_000, 500)
    assert "Estimated" not in record["Files"]


def test_list_says_that_a_number_is_estimated(run, long_job):
    assert "about " in run("list", "--count").out
    [record] = run("list", "--count", "--output", "json").records
    assert record["Files"]["Estimated"] is True


def test_a_list_that_cannot_be_estimated_has_a_minimum(run, submit_many):
    assert "at least 2,000: " in run("show", submit_many(2_500, "at_once")).out
