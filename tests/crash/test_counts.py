"""A try that is killed while it counts: the next one goes on from what the task state store has."""

from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.core.files import count_at_end
from airflow_provider_tencent_ci.emulator import Emulator
from tests.crash.tries import Kept, Tries

FILES, PAGES = 10_000, 100
OTHERS = 8  # which the emulator has by itself
WINDOW_PAGES = 16


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(count_at_end, "_WRITE_SECONDS", 0.0)
    with Emulator(submitted_seconds=0, run_seconds=7200, files_created="at_turn") as emulator:
        emulator.add_objects(*(f"media/many/{number:05}.mp4" for number in range(FILES - OTHERS)))
        yield emulator


def new_tries(server, folder, has_store, progress_interval):
    arguments = {"wait_for_completion": True, "deferrable": False, "progress_interval": progress_interval}
    return Tries(server, Kept(folder, has_store), arguments)


def count_again(tries):
    """Run a further try; return how many pages it read."""
    before = tries.emulator.count("executions")
    assert tries.run() == "done", tries.kept.read("error")
    files = tries.kept.read("xcom-job")["Files"]
    assert (files["Total"], files["Success"], len(tries.emulator.jobs)) == (FILES, FILES, 1)
    return tries.emulator.count("executions") - before


@pytest.mark.parametrize(
    ("progress_interval", "pages"),
    [(None, PAGES - WINDOW_PAGES // 2), (300, PAGES // 5)],
    ids=["at the end", "of the wait"],
)
def test_a_try_that_is_killed_while_counting_is_continued(server, tmp_path, progress_interval, pages):
    tries = new_tries(server, tmp_path, True, progress_interval)
    assert tries.run(kill_at="after the store's tencent_ci_counts") == "killed"
    assert count_again(tries) <= pages


def test_without_a_store_a_retry_counts_from_the_beginning(server, tmp_path):
    tries = new_tries(server, tmp_path, False, None)
    assert tries.run(fail_at="before the XCom job") == "failed"
    assert count_again(tries) >= PAGES
