"""The results of a job's files: counted in a bounded number of requests, once for all readers."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from random import Random
from uuid import UUID

import pytest

from airflow_provider_tencent_ci.cli.main import main
from airflow_provider_tencent_ci.emulator import Fault, FaultKind
from airflow_provider_tencent_ci.emulator.model import buckets, work_on_files
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.plugins import page_requests as asking
from tests.plugins.conftest import JOBS
from tests.stack.runs import wait_for

CHILD_JOBS = {
    "Tag": "Transcode",
    "JobParam": {"TemplateId": "t00000000000000000000000000000001"},
    "Output": {"Region": "ap-beijing", "Bucket": "examplebucket-1250000000", "Object": "out/${InputName}.mp4"},
    "QueueId": "p00000000000000000000000000000001",
}


@pytest.fixture
def page(visit, emulator):
    return visit("OP")


def submit(emulator, files, *, of_type="Workflow"):
    emulator.add_objects(count=files, prefix="many/")
    what = {"workflow_ids": WORKFLOW_ID} if of_type == "Workflow" else {"job": CHILD_JOBS}
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="many", prefix="many/", **what).job_id


@pytest.mark.parametrize("of_type", ["Workflow", "Job"])
def test_files_are_counted_by_result(page, emulator, of_type):
    emulator.configure(failing_every=10)
    job_id = submit(emulator, 250, of_type=of_type)
    emulator.advance(30.1)
    before = Counter(file.state for file in emulator.files(job_id))
    counts = page.get(f"{JOBS}/{job_id}/progress").json()["counts"]
    after = Counter(file.state for file in emulator.files(job_id))
    assert 0 < before["Failed"] <= counts["failed"] <= after["Failed"]
    assert 0 < before["Success"] <= counts["succeeded"] <= after["Success"]
    assert counts["left"] == 250 - counts["succeeded"] - counts["failed"] > 0
    assert (counts["total"], counts["is_complete"]) == (250, True)


@pytest.mark.parametrize(("state", "has_command"), [("Running", False), ("Success", True), ("Failed", False)])
def test_a_job_that_succeeded_has_the_command_for_its_failed_files(page, emulator, state, has_command):
    emulator.configure(run_seconds=3_600)
    job_id = submit(emulator, 10)
    if state == "Success":
        emulator.finish_job(job_id)
    elif state == "Failed":
        emulator.fail_job(job_id, "InternalError", "")
    shown = page.get(f"{JOBS}/{job_id}").json()
    assert shown["resubmit"] == (f"tencent-ci resubmit {job_id}" if has_command else "")


def test_the_first_failed_files_name_the_job_with_which_they_were_submitted_again(page, emulator):
    emulator.configure(failing_every=2)
    job_id = submit(emulator, 60)
    emulator.advance(100)
    first = page.get(f"{JOBS}/{job_id}/failed-files").json()
    assert first["resubmitted_as"] == ""
    main(["resubmit", job_id, "--yes"])
    [_, again] = emulator.jobs
    assert page.get(f"{JOBS}/{job_id}/failed-files").json() == {**first, "resubmitted_as": again.job_id}
    lists = emulator.count("list")
    assert page.get(f"{JOBS}/{job_id}/failed-files", cursor=first["next_cursor"]).json()["resubmitted_as"] == ""
    assert emulator.count("list") - lists == 1  # that of the job itself
    emulator.fail_job(again.job_id, "InternalError", "")
    assert page.get(f"{JOBS}/{job_id}/failed-files").json() == first


@pytest.mark.parametrize("of_type", ["Workflow", "Job"])
def test_the_files_of_a_huge_job_are_estimated(page, emulator, of_type):
    emulator.configure(files_created="at_turn", run_seconds=3_600, failing_every=40)
    job_id = submit(emulator, 60_000, of_type=of_type)
    emulator.advance(1_800)
    counts = page.get(f"{JOBS}/{job_id}/progress").json()["counts"]
    assert (counts["estimated"], counts["is_complete"]) == (True, False)
    assert counts["total"] == pytest.approx(30_000, rel=0.1)
    assert counts["failed"] == pytest.approx(750, rel=0.5)
    assert emulator.count("executions") + emulator.count("jobs") <= 45
    timeline = page.get(f"{JOBS}/{job_id}/timeline").json()
    assert (timeline["estimated"], timeline["is_complete"]) == (True, False)


def test_a_huge_job_whose_files_are_created_at_once_has_a_minimum(page, emulator):
    job_id = submit(emulator, 2_500)
    emulator.advance(100)
    counts = page.get(f"{JOBS}/{job_id}/progress").json()["counts"]
    assert (counts["total"], counts["is_complete"], counts["estimated"]) == (2_000, False, False)
    assert emulator.count("executions") == 20


def test_an_estimate_that_fails_leaves_the_page_a_minimum(page, emulator):
    emulator.configure(files_created="at_turn", run_seconds=3_600)
    job_id = submit(emulator, 60_000)
    emulator.advance(1_800)
    emulator.inject(Fault(FaultKind.ERROR, operation="executions", skip=4, times=5, status=503))
    answer = page.get(f"{JOBS}/{job_id}/progress")
    assert answer.status_code == 200
    counts = answer.json()["counts"]
    assert (counts["is_complete"], counts["estimated"]) == (False, False)
    assert counts["total"] >= 400


def test_ten_simultaneous_readers_cost_as_many_requests_as_one(page, emulator):
    job_id = submit(emulator, 250)
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: page.get(f"{JOBS}/{job_id}/progress").status_code, range(10)))
    assert answers == [200] * 10
    assert emulator.count("executions") == 3


def test_an_ended_job_is_not_answered_from_the_earlier_cache(page, emulator):
    job_id = submit(emulator, 50)
    before = page.get(f"{JOBS}/{job_id}/progress").json()["counts"]
    emulator.advance(100)
    after = page.get(f"{JOBS}/{job_id}/progress").json()["counts"]
    assert (before["left"] > 0, after["left"], after["succeeded"]) == (True, 0, 50)


@pytest.mark.parametrize("of_type", ["Workflow", "Job"])
def test_the_curve_of_a_small_job_contains_each_file(page, emulator, of_type):
    emulator.configure(failing_every=4)
    job_id = submit(emulator, 20, of_type=of_type)
    emulator.advance(100)
    timeline = page.get(f"{JOBS}/{job_id}/timeline").json()
    assert (timeline["sampled"], timeline["done"], timeline["is_complete"]) == (20, 20, True)
    first, last = timeline["points"][0], timeline["points"][-1]
    assert first["succeeded"] + first["failed"] == 1
    assert (last["succeeded"], last["failed"]) == (15, 5)
    # The files finish one after the other at equal intervals of a minute; times have whole seconds.
    assert 56 <= (datetime.fromisoformat(last["at"]) - datetime.fromisoformat(first["at"])).total_seconds() <= 58


def test_the_curve_of_a_big_workflow_job_is_an_estimate_with_bounded_cost(page, emulator, monkeypatch):
    # Ids decide which files are sampled: with random ids, one estimate in forty is out of bounds.
    chance = Random(1)
    for module in (buckets, work_on_files):
        monkeypatch.setattr(module, "uuid4", lambda: UUID(int=chance.getrandbits(128)))
    emulator.configure(failing_every=20)
    job_id = submit(emulator, 1_000)
    emulator.advance(100)
    timeline = page.get(f"{JOBS}/{job_id}/timeline").json()
    assert (timeline["sampled"], timeline["done"]) == (48, 1_000)
    assert 2 <= len(timeline["points"]) <= 120
    assert (timeline["points"][-1]["succeeded"], timeline["points"][-1]["failed"]) == (950, 50)
    assert emulator.count("execution") == 48
    half = timeline["points"][len(timeline["points"]) // 2]
    assert 300 < half["succeeded"] + half["failed"] < 700
    page.get(f"{JOBS}/{job_id}/timeline")
    assert emulator.count("execution") == 48


def test_a_job_without_finished_files_has_no_curve(page, emulator):
    emulator.configure(submitted_seconds=100)
    assert page.get(f"{JOBS}/{submit(emulator, 5)}/timeline").json()["points"] == []


@pytest.mark.parametrize("of_type", ["Workflow", "Job"])
def test_failed_files_are_read_in_pages_with_their_reasons(page, emulator, of_type):
    emulator.configure(failing_every=2, file_failure_code="Broken", file_failure_message="no stream")
    job_id = submit(emulator, 250, of_type=of_type)
    emulator.advance(100)
    files, cursor, parts = [], "", 0
    while True:
        answer = page.get(f"{JOBS}/{job_id}/failed-files", cursor=cursor).json()
        files, cursor, parts = [*files, *answer["files"]], answer["next_cursor"], parts + 1
        assert len(answer["files"]) <= 20
        if not cursor:
            break
    failed = {file.key for file in emulator.files(job_id) if file.state == "Failed"}
    assert {file["key"] for file in files} == failed
    assert len(files) == len(failed) == 125
    assert {(file["code"], file["message"]) for file in files} == {("Broken", "no stream")}
    assert parts == 7


def test_failed_files_of_a_slow_service_are_read_in_smaller_pages(page, emulator, monkeypatch):
    monkeypatch.setattr(asking, "_LOOK_SECONDS", 0.2)
    emulator.configure(failing_every=2)
    job_id = submit(emulator, 10)
    emulator.advance(100)
    emulator.inject(Fault(FaultKind.HANG, operation="execution", times=None, seconds=0.3))
    keys, cursor, parts = [], "0.0.", 0
    while cursor:
        answer = page.get(f"{JOBS}/{job_id}/failed-files", cursor=cursor).json()
        keys, cursor, parts = [*keys, *(file["key"] for file in answer["files"])], answer["next_cursor"], parts + 1
    assert sorted(keys) == sorted(file.key for file in emulator.files(job_id) if file.state == "Failed")
    assert parts == 5


def test_readers_of_a_slow_service_do_not_occupy_airflow_s_threads(page, emulator):
    job_id, answer_seconds = submit(emulator, 5), 4
    emulator.inject(Fault(FaultKind.HANG, operation="list", times=None, seconds=answer_seconds))
    with ThreadPoolExecutor(60) as pool:
        began_at = time.monotonic()
        answers = [pool.submit(page.get, f"{JOBS}/{job_id}") for _ in range(60)]
        wait_for(lambda: emulator.count("list"), 30, lambda: "nobody looks")
        # More readers than threads of the server; Airflow's own routes still answer.
        assert page.get("/api/v2/connections").status_code == 200
        # On a busy machine that took longer than an answer, and the next readers have had their turn.
        assert emulator.count("list") <= 8 * (1 + (time.monotonic() - began_at) // answer_seconds)
        emulator.clear_faults()
        assert {answer.result().status_code for answer in answers} == {200}


@pytest.mark.parametrize("cursor", ["x", "0", "0.x.", "-1.0.", "99999999999.0."])
def test_an_invalid_cursor_is_refused(page, emulator, cursor):
    job_id = submit(emulator, 5)
    answer = page.get(f"{JOBS}/{job_id}/failed-files", cursor=cursor)
    assert answer.status_code == 400
    assert "Load the page again" in answer.json()["error"]["message"]
