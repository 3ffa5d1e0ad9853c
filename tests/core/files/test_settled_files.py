"""Counts that are taken repeatedly: only files that may have changed are read again."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.paginator import LIST_LAG
from airflow_provider_tencent_ci.core.files.file_counts import FileCounts
from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount
from airflow_provider_tencent_ci.exceptions import ServiceUnavailableError, UnreadableResponseError
from tests.core.files.records import WORKFLOW_JOB, File, Files, in_seconds, script_of
from tests.core.script import START, Script, failure

AN_HOUR_LATER = START + timedelta(hours=1)


def count_again(counting, service, now=AN_HOUR_LATER):
    """Return the next counts, and the number of their requests."""
    before = len(service.requests)
    while (counts := script_of(service, now).run(counting.read_page())) is None:
        pass
    return counts, len(service.requests) - before


def truth(service):
    states = [file.state for file in service.files]
    return {word: states.count(word) for word in ("Success", "Failed", "Running", "Cancel")}


def told(counts):
    return {word: counts.to_dict()[word] for word in ("Success", "Failed", "Running", "Cancel")}


@pytest.mark.parametrize("job", [InventoryJob("b1"), InventoryJob("b1", type="Job", operation={"QueueId": "p1"})])
def test_a_record_without_its_operation_cannot_be_counted(job):
    with pytest.raises(UnreadableResponseError, match="b1 does not say what it runs"):
        IncrementalCount(job)


def test_the_error_names_the_other_nodes_of_the_record_without_their_values():
    job = InventoryJob("b1", type="Job", operation={"CallBack": "https://example.com/?token=secret", "QueueId": "p1"})
    with pytest.raises(UnreadableResponseError, match=r"only CallBack, QueueId\.$"):
        IncrementalCount(job)


def test_only_files_that_may_have_changed_are_read_again():
    service = Files(*in_seconds(*["Success"] * 30, "Running", "Running"))
    counting = IncrementalCount(WORKFLOW_JOB)
    assert count_again(counting, service) == (FileCounts(30, 0, 0, 2, START, START + timedelta(seconds=31)), 11)
    service.files[30].state = "Failed"
    counts, requests = count_again(counting, service)
    assert (told(counts), requests) == (truth(service), 1)
    assert counts.first_at == START
    service.files += in_seconds("Success", "Running", first=3_600)
    counts, requests = count_again(counting, service)
    assert (told(counts), requests) == (truth(service), 1)


def test_counts_are_right_for_any_progress_of_a_batch():
    chance = random.Random(5)
    for _ in range(50):
        service, counting = Files(size=chance.choice([1, 3, 10])), IncrementalCount(WORKFLOW_JOB)
        created_at = START
        for _ in range(12):
            first = len(service.files)
            created_at += timedelta(seconds=chance.choice([0, 1, 5]))
            service.files += [File(first + n, created_at=created_at) for n in range(chance.randrange(5))]
            for file in service.files:
                if file.state == "Running" and chance.random() < 0.4:
                    file.state = chance.choice(["Success", "Success", "Failed", "Cancel"])
            assert told(count_again(counting, service, created_at + LIST_LAG)[0]) == truth(service)


@pytest.mark.parametrize("times", [[5, 3, 1], [1, 5, 3], [None, 1, 2], [1, None, 2]])
def test_an_unordered_list_is_read_completely_each_time(times):
    files = [
        File(n, "Success", START + timedelta(seconds=seconds) if seconds is not None else None)
        for n, seconds in enumerate(times)
    ]
    service, counting = Files(*files), IncrementalCount(WORKFLOW_JOB)
    for _ in range(3):
        assert count_again(counting, service)[0].succeeded == 3
        service.files[0].state, service.files[0].state = "Running", "Success"
    assert not any("startCreationTime" in dict(request.query) for request in service.requests)


def test_a_count_starts_again_after_an_error():
    service, counting = Files(*in_seconds(*["Success"] * 7)), IncrementalCount(WORKFLOW_JOB)
    script_of(service).run(counting.read_page())
    with pytest.raises(ServiceUnavailableError):
        Script([failure(503)], forever=True).run(counting.read_page())
    assert count_again(counting, service)[0].succeeded == 7
