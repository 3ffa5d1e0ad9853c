"""README and docs show records and log lines with the same names as real ones."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.lineage.asset_events import event_extra
from airflow_provider_tencent_ci.outcome.progress_log import ProgressLog
from tests.loops import until
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER
from tests.snippets import snippet
from tests.triggers.test_inventory_job_event import looks, submit, watcher, watching
from tests.triggers.test_inventory_job_event import run as run_in_loop


def shown(name):
    return json.loads(snippet(name))


def names(record):
    """The names in a record, in order, including nested ones."""
    return {name: names(value) for name, value in record.items()} if isinstance(record, dict) else None


@pytest.fixture
def record_and_list(emulator, tmp_path):
    """The final record of a batch with a failed file, and the list of failed files."""
    emulator.configure(failing_keys="media/0003.mp4")
    path = tmp_path / "failed.jsonl"
    arguments = f"wait_for_completion=True, poll_interval=0.3, failures_path={f'file://{path}'!r}"
    task = f"TriggerInventoryJobOperator(task_id='t', workflow_ids=WORKFLOW, prefix='media/', {arguments})"
    run = run_dag_file(f"{HEADER}with dag:\n    {task}\n")
    return run.xcoms["t"]["job"], path.read_text("utf-8")


def test_the_page_shows_the_counts_of_files(record_and_list):
    record, _ = record_and_list
    example = shown("files_record.json")
    assert list(example) == ["Files"]
    assert names(example["Files"]) == names(record["Files"])
    assert list(example["Files"]) == list(record["Files"])


def test_the_page_shows_the_list_of_failed_files(record_and_list):
    _, failures = record_and_list
    [line] = failures.splitlines()
    assert list(shown("failed_file.jsonl")) == list(json.loads(line))


def test_the_page_shows_the_event_of_an_asset(record_and_list):
    record, _ = record_and_list
    assert names(shown("asset_event.json")) == names(event_extra(record))


def test_the_page_shows_the_event_of_a_watcher(emulator):
    emulator.configure(run_seconds=3600)
    job_id = submit()
    found = []

    async def main():
        async with watching(watcher().run(), events=found):
            await looks(emulator)
            emulator.finish_job(job_id)
            await until(lambda: found)

    run_in_loop(main)
    assert names(shown("watch_event.json")) == names(found[0])


def test_the_page_shows_the_line_about_progress(caplog):
    """The log line of the page at 02:23, after five minutes with 590 finished files."""
    job, at = InventoryJob("b0123…"), datetime(2026, 1, 2, 2, 23, tzinfo=UTC)
    log = ProgressLog(logging.getLogger("shown"))
    with caplog.at_level(logging.INFO, "shown"):
        log.counted(job, FileCounts(succeeded=3_610, failed=10, running=6_380), at - timedelta(minutes=5))
        log.counted(job, FileCounts(succeeded=4_198, failed=12, running=5_790), at)
    assert caplog.messages[1] == snippet("progress.txt").strip()
