"""Access to the page: Airflow's rights are checked before any request to the service."""

from __future__ import annotations

import json

import pytest
from airflow import __version__ as airflow_version

from tests.plugins.conftest import JOBS, PAGE_HEADERS, SUBMIT, run_dag

ROUTES = [
    "/tencent-ci/api/connections",
    JOBS,
    f"{JOBS}/b1",
    f"{JOBS}/b1/progress",
    f"{JOBS}/b1/timeline",
    f"{JOBS}/b1/failed-files",
    JOBS.replace("/jobs", "/buckets"),
    f"{JOBS}?bucket=second-1250000000",
    f"{JOBS}/b1?bucket=second-1250000000&region=ap-shanghai",
]
FILES = ["/tencent-ci/static/jobs_page.js", "/tencent-ci/static/jobs_page.css"]


@pytest.mark.parametrize("path", [*ROUTES, *FILES])
def test_requests_without_login_are_refused(visit, emulator, path):
    assert visit().get(path).status_code == 401
    assert emulator.requests == []


def test_the_page_without_login_redirects_to_the_login_and_back(visit):
    answer = visit().get("/tencent-ci/?conn=a&job=b1")
    assert answer.status_code == 307
    assert answer.headers["location"].startswith("/api/v2/auth/login?next=")
    assert answer.headers["location"].endswith("tencent-ci%2F%3Fconn%3Da%26job%3Db1")


def test_an_invalid_token_is_refused(visit, emulator):
    visitor = visit()
    visitor.token = "eyJhbGciOiJIUzUxMiJ9.e30.invalid"
    assert [visitor.get(path).status_code for path in ROUTES] == [401] * len(ROUTES)
    assert visitor.get("/tencent-ci/").headers["location"].startswith("/api/v2/auth/login?next=")
    assert emulator.requests == []


@pytest.mark.parametrize("role", ["VIEWER", "USER"])
@pytest.mark.parametrize("path", ROUTES[1:])
def test_a_user_without_access_to_the_connection_causes_no_request(visit, emulator, role, path):
    answer = visit(role).get(path)
    assert answer.status_code == 403
    assert "tencent_ci_default" in answer.json()["error"]["message"]
    assert emulator.requests == []


def test_only_readable_connections_are_listed(visit, deny, emulator, stored_connections):
    assert visit("VIEWER").get(ROUTES[0]).json() == {"connections": []}
    assert visit("OP").get(ROUTES[0]).json() == {"connections": ["tencent_ci_default", *stored_connections]}
    deny("anna", "GET", stored_connections[0])
    deny("anna", "GET", "tencent_ci_default")
    assert visit("OP").get(ROUTES[0]).json() == {"connections": stored_connections[1:]}
    assert visit("OP").get(JOBS.replace("tencent_ci_default", stored_connections[0])).status_code == 403
    assert emulator.requests == []


@pytest.fixture
def team_connection(visit, emulator, monkeypatch):
    """A connection that belongs to a team, in an Airflow with several teams."""
    if airflow_version < "3.2":
        pytest.skip("Airflow 3.2 and later have teams")
    from airflow.models import team as team_module
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    monkeypatch.setenv("AIRFLOW__CORE__MULTI_TEAM", "True")
    fields = emulator.connection()
    fields["extra"] = json.dumps(fields["extra"])
    with create_session() as session:
        session.add(team_module.Team(name="team_a"))
    with create_session() as session:
        session.add(Connection(conn_id="of_team_a", team_name="team_a", **fields))
    yield "of_team_a"
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id == "of_team_a").delete()
        session.query(team_module.Team).delete()


def test_the_connection_of_a_team_is_read(visit, deny, emulator, submit, team_connection):
    job_id = submit()
    assert team_connection in visit("ADMIN").get(ROUTES[0]).json()["connections"]
    answer = visit("ADMIN").get(JOBS.replace("tencent_ci_default", team_connection))
    assert answer.status_code == 200, answer.text
    assert [job["job_id"] for job in answer.json()["jobs"]] == [job_id]
    deny("anna", "GET", team_connection)
    assert visit("ADMIN").get(JOBS.replace("tencent_ci_default", team_connection)).status_code == 403


def test_a_connection_of_another_type_is_not_used(visit, emulator, monkeypatch):
    stranger = json.dumps({**emulator.connection(), "conn_type": "aws"})
    monkeypatch.setenv("AIRFLOW_CONN_STRANGER", stranger)
    for conn_id in ("stranger", "missing"):
        answer = visit("OP").get(JOBS.replace("tencent_ci_default", conn_id))
        assert answer.status_code == 404
        assert f"no connection '{conn_id}'" in answer.json()["error"]["message"]
    assert emulator.requests == []


def test_a_user_who_may_edit_the_dag_may_cancel(visit, emulator):
    run = run_dag()
    [job] = emulator.jobs
    shown = visit("OP").get(f"{JOBS}/{job.job_id}").json()["job"]
    assert shown["may_cancel"]
    answer = visit("OP").post(f"{JOBS}/{job.job_id}/cancel")
    assert answer.status_code == 200
    assert answer.json()["job"]["state"] == "Cancel"
    assert not answer.json()["job"]["may_cancel"]
    assert emulator.job(job.job_id).state == "Cancel"
    noted = {"job_id": job.job_id, "tencent_ci_conn_id": "tencent_ci_default", "bucket": emulator.default_bucket}
    assert audit_log(run.dag_id) == [("anna", "submit", noted)]


def test_a_user_who_may_not_edit_the_dag_may_read_and_not_cancel(visit, deny, emulator):
    run = run_dag()
    [job] = emulator.jobs
    deny("anna", "PUT", run.dag_id)
    shown = visit("OP").get(f"{JOBS}/{job.job_id}").json()["job"]
    assert shown["task"]["dag_id"] == run.dag_id
    assert not shown["may_cancel"]
    assert_not_cancelled(visit("OP"), emulator, job.job_id)
    assert audit_log(run.dag_id) == []


def test_a_user_who_may_not_see_the_dag_sees_the_job_without_its_task(visit, deny, emulator):
    run = run_dag()
    [job] = emulator.jobs
    deny("anna", "GET", run.dag_id)
    shown = visit("OP").get(f"{JOBS}/{job.job_id}").json()["job"]
    assert shown["task"] is None
    assert not shown["may_cancel"]
    assert [job["task"] for job in visit("OP").get(JOBS).json()["jobs"]] == [None]
    assert_not_cancelled(visit("OP"), emulator, job.job_id)


def test_a_job_without_a_task_cannot_be_cancelled(visit, emulator, submit):
    job_id = submit()
    assert not visit("ADMIN").get(f"{JOBS}/{job_id}").json()["job"]["may_cancel"]
    assert_not_cancelled(visit("ADMIN"), emulator, job_id)


def test_the_xcom_of_one_dag_grants_no_access_to_the_job_of_another(visit, deny, emulator):
    owner, claimer = run_dag(), run_dag(SUBMIT.replace("media/", "other/"))
    job, other = emulator.jobs
    claim(claimer, job.job_id)
    deny("anna", "PUT", owner.dag_id)
    shown = visit("OP").get(f"{JOBS}/{job.job_id}").json()["job"]
    assert shown["task"]["dag_id"] == owner.dag_id
    assert not shown["may_cancel"]
    assert_not_cancelled(visit("OP"), emulator, job.job_id)
    assert other.state == "Running"


def test_an_ended_job_gets_no_cancel(visit, emulator):
    run_dag()
    [job] = emulator.jobs
    emulator.finish_job(job.job_id)
    before = emulator.count("cancel")
    answer = visit("OP").post(f"{JOBS}/{job.job_id}/cancel")
    assert answer.status_code == 409
    assert "has ended: Success" in answer.json()["error"]["message"]
    assert emulator.count("cancel") == before


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
FOREIGN = {
    "a form": ({**FORM, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 415),
    "a form that says it is JSON": ({"Content-Type": "application/json"}, 403),
    "a form of text": ({"Content-Type": "text/plain", "Origin": "https://evil.example"}, 415),
    "another site's script": ({**PAGE_HEADERS, "Sec-Fetch-Site": "cross-site"}, 403),
    "another application of the same site": ({**PAGE_HEADERS, "Sec-Fetch-Site": "same-site"}, 403),
    "another origin, by a browser that says no more": (
        {"X-Tencent-CI-Page": "1", "Origin": "https://evil.example"},
        403,
    ),
    "another port": ({"X-Tencent-CI-Page": "1", "Origin": "http://testserver:8081"}, 403),
}


@pytest.mark.parametrize(("headers", "status"), FOREIGN.values(), ids=FOREIGN.keys())
def test_another_site_cannot_cancel(visit, emulator, headers, status):
    run_dag()
    [job] = emulator.jobs
    requests = emulator.count()
    headers = {"Content-Type": "application/json", **headers}
    answer = visit("OP").post(f"{JOBS}/{job.job_id}/cancel", headers=headers, content=b"{}")
    assert answer.status_code == status
    assert emulator.job(job.job_id).state == "Running"
    assert emulator.count() == requests


def test_a_get_request_cannot_cancel(visit, emulator):
    run_dag()
    [job] = emulator.jobs
    assert visit("OP").get(f"{JOBS}/{job.job_id}/cancel").status_code == 405
    assert emulator.job(job.job_id).state == "Running"


def assert_not_cancelled(visitor, emulator, job_id):
    requests = emulator.count()
    answer = visitor.post(f"{JOBS}/{job_id}/cancel")
    assert answer.status_code == 403
    assert "may not cancel" in answer.json()["error"]["message"]
    assert emulator.job(job_id).state == "Running"
    assert emulator.count() == requests


def audit_log(dag_id):
    """Return who cancelled a job of a DAG, of which task, and what was noted."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        query = select(Log).where(Log.event == "tencent_ci_cancel_job", Log.dag_id == dag_id)
        return [(entry.owner, entry.task_id, json.loads(entry.extra)) for entry in session.scalars(query)]


def claim(run, job_id):
    """Let a task claim the job of another task."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        mine = (XComModel.dag_id == run.dag_id, XComModel.key == "job_id")
        session.execute(update(XComModel).where(*mine).values(value=json.dumps(job_id)))


@pytest.fixture
def stored_connections(visit, emulator):
    """Connections in Airflow's database: two of this type, and one of another."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    ours = {"bucket_a": "tencent_ci", "bucket_b": "tencent_ci", "elsewhere": "aws"}
    with create_session() as session:
        for conn_id, conn_type in ours.items():
            session.add(Connection(conn_id=conn_id, conn_type=conn_type))
    yield ["bucket_a", "bucket_b"]
    with create_session() as session:
        session.query(Connection).filter(Connection.conn_id.in_(ours)).delete()
