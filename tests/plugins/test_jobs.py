"""The page's data about jobs: those of the connection's bucket, and their task instances."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.plugins.page_schemas import Job
from tests.plugins.conftest import JOBS, SUBMIT, run_dag


@pytest.fixture
def page(visit, emulator):
    """A user who may read everything."""
    return visit("OP")


def names(answer):
    return [job["name"] for job in answer.json()["jobs"]]


def test_a_running_job_is_described(page, emulator, submit):
    job_id = submit()
    emulator.advance(30)
    answer = page.get(JOBS).json()
    assert (answer["bucket"], answer["region"]) == ("examplebucket-1250000000", "ap-beijing")
    assert answer["console_url"].startswith(
        "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000"
    )
    [job] = answer["jobs"]
    told = {
        name: job[name] for name in ("job_id", "name", "type", "state", "is_live", "input_kind", "input", "ended_at")
    }
    assert told == {
        "job_id": job_id,
        "name": "by-hand",
        "type": "Workflow",
        "state": "Running",
        "is_live": True,
        "input_kind": "prefix",
        "input": "media/",
        "ended_at": None,
    }
    assert (job["task"], job["counts"]) == (None, None)


def test_the_list_says_what_each_job_reads(page, emulator):
    """Mapped tasks have names that differ in a hash only."""
    with TencentCIHook() as hook:
        hook.trigger_inventory_job(
            name="night", workflow_ids=WORKFLOW_ID, prefix="news/",
            start_time="2026-11-28T02:00:00+08:00", end_time="2026-11-29T02:00:00+08:00",
        )  # fmt: skip
        hook.trigger_inventory_job(name="night", workflow_ids=WORKFLOW_ID, prefix="sports/")
    told = [(job["input"], job["modified_from"], job["modified_to"]) for job in page.get(JOBS).json()["jobs"]]
    assert sorted(told) == [
        ("news/", "2026-11-28T02:00:00+08:00", "2026-11-29T02:00:00+08:00"),
        ("sports/", "", ""),
    ]


def test_a_limit_that_is_no_time_is_shown_as_the_service_writes_it():
    interval = {"Start": "last week", "End": "2026-11-29T02:00:00+0800"}
    job = InventoryJob("b1", operation={"TimeInterval": interval})
    described = Job.of(job, datetime.now(UTC), [], may_edit=False)
    assert (described.modified_from, described.modified_to) == (
        "last week",
        datetime.fromisoformat("2026-11-29T02:00:00+08:00"),
    )


INPUTS = {
    "prefix": ({"prefix": "media/"}, "media/"),
    "manifest": ({"manifest": "lists/manifest.json"}, "lists/manifest.json"),
    "url_file": ({"url_file": "lists/urls.txt"}, "lists/urls.txt"),
    "object_key": ({"object_key": "media/film/film-01.mp4"}, "media/film/film-01.mp4"),
}


@pytest.mark.parametrize(("kind", "given"), INPUTS.items(), ids=INPUTS.keys())
def test_the_kind_of_an_input_is_the_operator_s_word_for_it(kind, given):
    arguments, told = given
    sent = InventoryJobSpecification.from_arguments(workflow_ids=WORKFLOW_ID, **arguments)
    job = Job.of(InventoryJob("b1", input=sent.input), datetime.now(UTC), [], may_edit=False)
    assert (job.input_kind, job.input) == (kind, told)


def test_the_duration_of_an_ended_job_is_its_run_time(page, emulator, submit):
    submit()
    emulator.advance(3600)
    [job] = page.get(JOBS).json()["jobs"]
    assert (job["state"], job["is_live"], job["duration_seconds"]) == ("Success", False, 60)


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_duration_of_a_running_job_is_measured_with_the_service_s_clock(page, emulator, submit, hours):
    emulator.configure(clock_offset_seconds=hours * 3600, run_seconds=3600)
    job_id = submit()
    [listed] = page.get(JOBS).json()["jobs"]
    one = page.get(f"{JOBS}/{job_id}").json()["job"]
    assert all(0 <= job["duration_seconds"] < 60 for job in (listed, one))


def test_a_failed_job_shows_its_reason(page, emulator, submit):
    emulator.fail_job(submit(), "TemplateNotFound", "no such template")
    [job] = page.get(JOBS).json()["jobs"]
    assert (job["code"], job["message"]) == ("TemplateNotFound", "no such template")


def test_the_list_is_read_one_page_at_a_time(page, emulator, submit):
    for number in range(5):
        submit(f"job-{number}")
        emulator.advance(1)
    first = page.get(JOBS, page_size=2)
    second = page.get(JOBS, page_size=2, next_token=first.json()["next_token"])
    third = page.get(JOBS, page_size=2, next_token=second.json()["next_token"])
    assert [names(one) for one in (first, second, third)] == [["job-4", "job-3"], ["job-2", "job-1"], ["job-0"]]
    assert third.json()["next_token"] == ""
    assert emulator.count("list") == 3


FILTERS = {
    "all": ({}, ["new", "old"]),
    "oldest first": ({"order": "Asc"}, ["old", "new"]),
    "state": ({"states": ["Success"]}, ["old"]),
    "several states": ({"states": ["Submitted", "Running", "Pause"]}, ["new"]),
    "name": ({"name": "old"}, ["old"]),
    "type": ({"job_type": "Job"}, []),
    "from": ({"created_after": "{between}"}, ["new"]),
    "to": ({"created_before": "{between}"}, ["old"]),
}


@pytest.mark.parametrize(("parameters", "found"), FILTERS.values(), ids=FILTERS.keys())
def test_filters_are_sent_to_the_service(page, emulator, submit, parameters, found):
    submit("old")
    emulator.advance(1000)
    between = emulator.now().isoformat()
    emulator.advance(1000)
    submit("new")
    parameters = {name: between if value == "{between}" else value for name, value in parameters.items()}
    assert names(page.get(JOBS, **parameters)) == found


MISTAKES = {
    "state": ({"states": "Sleeping"}, "states"),
    "size": ({"page_size": 1000}, "page_size"),
    "time": ({"created_after": "yesterday"}, "start_creation_time='yesterday' is not a time"),
    "time without an offset": ({"created_after": "2026-01-01T00:00"}, "no UTC offset"),
    "order": ({"order": "Random"}, "order"),
}


@pytest.mark.parametrize(("parameters", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_wrong_filter_is_named_and_nothing_is_sent(page, emulator, parameters, words):
    answer = page.get(JOBS, **parameters)
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]
    assert emulator.requests == []


def test_the_task_instance_of_a_job_is_found(page, emulator):
    run = run_dag()
    [job] = page.get(JOBS).json()["jobs"]
    assert job["may_cancel"]
    task = job["task"]
    assert (task["dag_id"], task["task_id"], task["map_index"], task["state"]) == (run.dag_id, "submit", -1, "success")
    quoted = task["run_id"].replace(":", "%3A").replace("+", "%2B")
    assert task["path"] == f"dags/{run.dag_id}/runs/{quoted}/tasks/submit"


def test_a_mapped_task_is_found_with_its_index_and_its_label(page, emulator):
    each = "TriggerInventoryJobOperator.partial(task_id='each', workflow_ids=WORKFLOW, map_index_template={template})"
    run_dag(each.format(template="'{{ task.prefix }}'") + ".expand(prefix=['media/', 'other/'])")
    jobs = {job["input"]: job["task"] for job in page.get(JOBS).json()["jobs"]}
    assert [jobs[prefix]["map_index"] for prefix in ("media/", "other/")] == [0, 1]
    assert [jobs[prefix]["label"] for prefix in ("media/", "other/")] == ["media/", "other/"]
    assert jobs["other/"]["path"].endswith("/tasks/each/mapped/1")


def test_the_counts_are_read_from_the_task(page, emulator):
    emulator.configure(run_seconds=0.2, failing_every=5)
    run_dag(SUBMIT.replace(")", ", wait_for_completion=True, poll_interval=0.1)"))
    requests = emulator.count()
    [job] = page.get(JOBS).json()["jobs"]
    done = len(emulator.files(job["job_id"]))
    failed = done // 5
    expected = {"succeeded": done - failed, "failed": failed, "cancelled": 0, "left": 0, "total": done}
    assert job["counts"] == {**expected, "is_complete": True, "estimated": False}
    assert emulator.count() == requests + 1


def test_the_counts_are_read_from_the_sensor_too(page, emulator):
    emulator.configure(run_seconds=0.2)
    run_dag(SUBMIT, "InventoryJobSensor(task_id='wait', job_id=submit.output, poke_interval=0.1)")
    [job] = page.get(JOBS).json()["jobs"]
    assert job["task"]["task_id"] == "submit"
    assert job["counts"]["succeeded"] == len(emulator.files(job["job_id"])) > 0


def test_incomplete_counts_are_counted_again(page, emulator):
    emulator.configure(run_seconds=0.2)
    files = {"Success": 7, "Failed": 0, "Cancel": 0, "Running": 1, "FirstAt": None, "LastAt": None}
    run_dag(SUBMIT, f"task(lambda job: {{'JobId': job, 'Files': {files}}}, task_id='counted')(submit.output)")
    emulator.advance(60)
    [job] = page.get(JOBS).json()["jobs"]
    assert (job["state"], job["counts"]) == ("Success", None)


def test_a_malformed_record_is_ignored(page, emulator):
    emulator.configure(run_seconds=0.2)
    run_dag(SUBMIT, "task(lambda: {'JobId': 'b1', 'Files': {'Success': 'many'}}, task_id='other')()")
    [job] = page.get(JOBS).json()["jobs"]
    assert (job["task"]["task_id"], job["counts"]) == ("submit", None)


def test_jobs_of_other_tools_are_shown_without_a_task(page, emulator, submit):
    run_dag()
    submit("from-the-console")
    tasks = {job["name"]: job["task"] for job in page.get(JOBS).json()["jobs"]}
    assert tasks.pop("from-the-console") is None
    assert all(tasks.values())


def test_an_unknown_job_is_not_found(page, emulator):
    answer = page.get(f"{JOBS}/b404")
    assert answer.status_code == 404
    assert "'b404'" in answer.json()["error"]["message"]
    assert answer.json()["error"]["advice"]


def test_an_error_of_the_service_is_shown_with_its_code_and_request_id(page, emulator):
    emulator.add_key(SECRET_ID, SECRET_KEY, actions=["ci:DescribeMediaQueues"])
    answer = page.get(JOBS)
    assert answer.status_code == 502
    error = answer.json()["error"]
    assert error["code"] == "AccessDenied"
    assert error["request_id"]
    assert error["advice"]
    assert emulator.count() == 1


def test_a_wrong_key_is_reported_as_the_test_of_the_connection_does(page, emulator, monkeypatch):
    connection = {**emulator.connection(), "password": "not-the-key"}
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    with TencentCIHook() as hook:
        worked, told = hook.test_connection()
    error = page.get(JOBS).json()["error"]
    assert not worked
    message = error["message"].removeprefix("Connection 'tencent_ci_default', bucket examplebucket-1250000000: ")
    assert message != error["message"]
    for part in (message, error["code"], error["advice"]):
        assert part
        assert part in told


def test_an_unreachable_service_is_reported(page, emulator, monkeypatch):
    connection = emulator.connection()
    connection["extra"]["endpoint_url"] = "http://127.0.0.1:1"
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    answer = page.get(JOBS)
    assert answer.status_code == 502
    assert "127.0.0.1:1" in answer.json()["error"]["message"]


def test_an_incomplete_connection_is_reported(page, emulator, monkeypatch):
    connection = emulator.connection()
    del connection["extra"]["bucket"]
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    answer = page.get(JOBS)
    assert answer.status_code == 400
    assert "tencent_ci_default" in answer.json()["error"]["message"]


def test_an_internal_error_shows_no_traceback(page, emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_tencent_ci.plugins.routes.makers_of", lambda _ids: 1 / 0)
    answer = page.get(JOBS)
    assert answer.status_code == 500
    assert "ZeroDivision" not in answer.text
    assert "log of the API server" in answer.json()["error"]["advice"]


TOKEN = "session-token-0123456789abcdef"


def test_no_answer_contains_a_secret(page, emulator, monkeypatch):
    emulator.add_key(SECRET_ID, SECRET_KEY, token=TOKEN)
    connection = emulator.connection()
    connection["extra"]["token"] = TOKEN
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    callback = "https://example.com/done?signature=callback-secret"
    operation = {
        "Tag": "Transcode",
        "JobParam": {"TemplateId": "t00000000000000000000000000000001"},
        "Output": {"Region": "ap-beijing", "Bucket": "examplebucket-1250000000", "Object": "out/${InputName}.mp4"},
        "QueueId": "p00000000000000000000000000000001",
        "CallBack": callback,
        "UserData": "user-data-secret",
    }
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="secretive", job=operation, prefix="media/")
    parts = ("", "/progress", "/timeline", "/failed-files")
    answers = [page.get(path) for path in (JOBS, *(f"{JOBS}/{job.job_id}{part}" for part in parts))]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    emulator.add_key(SECRET_ID, "another-key", token=TOKEN)
    answers.append(page.get(JOBS))
    assert answers[-1].status_code == 502
    everything = "".join(answer.text + str(answer.headers) for answer in answers)
    for secret in (SECRET_KEY, SECRET_ID, TOKEN, "callback-secret", "user-data-secret"):
        assert secret not in everything
