"""The page of another bucket of a connection, to which tasks submit with ``bucket=``."""

from __future__ import annotations

import json

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.links import console_url, place_of_console_url
from tests.plugins.conftest import JOBS, SUBMIT, run_dag
from tests.plugins.test_access import audit_log

BUCKETS = JOBS.replace("/jobs", "/buckets")
SECOND, SHANGHAI = "second-1250000000", "ap-shanghai"
PLACE = {"bucket": SECOND, "region": SHANGHAI}
SUBMIT_THERE = SUBMIT.replace(")", f", bucket='{SECOND}', region='{SHANGHAI}')")


@pytest.fixture
def second(emulator):
    """Another bucket of the same account, in another region, with two files."""
    emulator.add_bucket(SECOND, SHANGHAI)
    emulator.add_objects(count=2, prefix="media/", bucket=SECOND)
    return SECOND


def submit_there(name="there"):
    with TencentCIHook(**PLACE) as hook:
        return hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def names(answer):
    return [job["name"] for job in answer.json()["jobs"]]


def test_the_jobs_of_another_bucket_are_shown(visit, emulator, submit, second):
    submit("here")
    submit_there()
    page = visit("OP")
    assert names(page.get(JOBS)) == ["here"]
    answer = page.get(JOBS, **PLACE)
    assert names(answer) == ["there"]
    assert (answer.json()["bucket"], answer.json()["region"]) == (SECOND, SHANGHAI)
    assert answer.json()["console_url"] == console_url(SECOND, SHANGHAI)


def test_the_files_of_a_job_in_another_bucket_are_shown(visit, emulator, second):
    emulator.configure(failing_every=2)
    job_id = submit_there()
    emulator.advance(100)
    page = visit("OP")
    assert page.get(f"{JOBS}/{job_id}", **PLACE).json()["job"]["name"] == "there"
    assert page.get(f"{JOBS}/{job_id}/progress", **PLACE).json()["counts"]["total"] == 2
    assert page.get(f"{JOBS}/{job_id}/timeline", **PLACE).json()["done"] == 2
    assert len(page.get(f"{JOBS}/{job_id}/failed-files", **PLACE).json()["files"]) == 1
    assert page.get(f"{JOBS}/{job_id}").status_code == 404


def test_the_region_is_the_connection_s_by_default(visit, emulator):
    emulator.add_bucket(SECOND, "ap-beijing")
    assert visit("OP").get(JOBS, bucket=SECOND).json()["region"] == "ap-beijing"


WRONG = {
    "another account": ({"bucket": "stranger-1300000000"}, "The names of this connection's buckets end in -1250000000"),
    "no long name": ({"bucket": "second"}, "is not the long name of a bucket"),
    "a host": ({"bucket": "evil.example/x-1250000000"}, "is not the long name of a bucket"),
    "no region": ({"bucket": SECOND, "region": "evil.example"}, "region="),
}


@pytest.mark.parametrize(("place", "words"), WRONG.values(), ids=WRONG.keys())
def test_a_bucket_that_the_connection_cannot_have_is_refused_before_any_request(visit, emulator, place, words):
    answer = visit("OP").get(JOBS, **place)
    assert answer.status_code == 400
    assert "Connection 'tencent_ci_default': " in answer.json()["error"]["message"]
    assert words in answer.json()["error"]["message"]
    assert emulator.requests == []


def test_a_connection_without_a_bucket_shows_the_one_of_the_address(visit, emulator, submit, monkeypatch):
    submit("here")
    connection = emulator.connection()
    del connection["extra"]["bucket"]
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    assert names(visit("OP").get(JOBS, bucket=emulator.default_bucket)) == ["here"]


def test_a_job_in_another_bucket_is_cancelled_there(visit, emulator, second):
    run = run_dag(SUBMIT_THERE)
    [job] = emulator.jobs
    page = visit("OP")
    assert page.get(f"{JOBS}/{job.job_id}", **PLACE).json()["job"]["may_cancel"]
    assert page.post(f"{JOBS}/{job.job_id}/cancel").status_code == 404
    assert emulator.job(job.job_id).state == "Running"
    answer = page.post(f"{JOBS}/{job.job_id}/cancel?bucket={SECOND}&region={SHANGHAI}")
    assert answer.json()["job"]["state"] == "Cancel"
    assert emulator.job(job.job_id).state == "Cancel"
    [(_, _, noted)] = audit_log(run.dag_id)
    assert noted["bucket"] == SECOND


def test_the_command_for_the_failed_files_names_the_bucket(visit, emulator, second):
    run_dag(SUBMIT_THERE)
    [job] = emulator.jobs
    emulator.finish_job(job.job_id)
    shown = visit("OP").get(f"{JOBS}/{job.job_id}", **PLACE).json()
    assert shown["resubmit"] == f"tencent-ci resubmit {job.job_id} --bucket {SECOND} --region {SHANGHAI}"


def test_a_user_who_may_not_edit_the_dag_cannot_cancel_in_another_bucket_either(visit, deny, emulator, second):
    run = run_dag(SUBMIT_THERE)
    [job] = emulator.jobs
    deny("anna", "PUT", run.dag_id)
    answer = visit("OP").post(f"{JOBS}/{job.job_id}/cancel?bucket={SECOND}&region={SHANGHAI}")
    assert answer.status_code == 403
    assert emulator.job(job.job_id).state == "Running"


# --- the buckets that the page offers


def known(page):
    return page.get(BUCKETS).json()["buckets"]


def test_the_buckets_of_tasks_are_offered_without_a_request(visit, emulator, second):
    run_dag(SUBMIT_THERE)
    requests = emulator.count()
    assert PLACE in known(visit("OP"))
    assert emulator.count() == requests


def test_buckets_of_another_account_are_not_offered(visit, emulator, monkeypatch):
    run_dag()
    connection = emulator.connection()
    connection["extra"]["bucket"] = "stranger-1300000000"
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    assert known(visit("OP")) == []


def test_buckets_of_a_dag_that_the_user_may_not_see_are_not_offered(visit, deny, emulator):
    secret = "secret-1250000000"
    emulator.add_bucket(secret, SHANGHAI)
    run = run_dag(SUBMIT_THERE.replace(SECOND, secret))
    assert {"bucket": secret, "region": SHANGHAI} in known(visit("OP"))
    deny("anna", "GET", run.dag_id)
    assert secret not in visit("OP").get(BUCKETS).text


@pytest.mark.parametrize("url", ["", "https://evil.example/?bucket=a-1250000000&region=b", "not a url", "https://[x"])
def test_an_address_that_is_not_of_the_console_names_no_bucket(url):
    assert place_of_console_url(url) is None


def test_an_address_of_the_console_names_its_bucket():
    assert place_of_console_url(console_url(SECOND, SHANGHAI)) == (SECOND, SHANGHAI)
