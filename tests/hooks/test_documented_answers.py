"""The answers of the documents, made well-formed and else byte for byte, through hook and sensor."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor

DATA = Path(__file__).parents[1] / "data"
CREATED = (DATA / "create_document_example.xml").read_bytes()
LISTED = (DATA / "list_document_example.xml").read_bytes()
ENDED = LISTED.replace(b"<State>Running</State>", b"<State>Success</State>")
EMPTY = b"<Response><RequestId>x</RequestId><NextToken></NextToken></Response>"
WORKFLOW_JOB, INDEPENDENT_JOB = "b3deffea2f84911ec9cb15254008618d9", "be8f65004eb8511eaaed4f377124a303c"


class Documents(BaseHTTPRequestHandler):
    """A service that sends only the answers of the documents."""

    protocol_version = "HTTP/1.1"
    listed = LISTED

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(CREATED)

    def do_GET(self):
        self._answer(EMPTY if "nextToken=25" in self.path else self.listed)

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-ci-request-id", "NTk0MjdmODlfMjQ4OGY3XzYzYzh****=")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def documents(monkeypatch):
    handler = type("Handler", (Documents,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    extra = {"region": "ap-beijing", "bucket": "bucket-1250000000"}
    extra["endpoint_url"] = f"http://127.0.0.1:{server.server_port}"
    connection = {"conn_type": "tencent_ci", "login": "AKIDEXAMPLE", "password": "example", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    yield handler
    server.shutdown()
    server.server_close()


def test_the_hook_parses_the_answer_of_the_create_document(documents):
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(
            name="demo",
            workflow_ids="w7476ff3564ee45b7b490d64bccaba6cc",
            prefix="input",
            start_time="2022-02-01T12:00:00+0800",
            end_time="2022-05-01T12:00:00+0800",
        )
    assert (job.job_id, job.name, job.state) == (WORKFLOW_JOB, "demo", "Running")


def test_the_hook_parses_the_answer_of_the_list_document_as_two_jobs_and_a_next_page(documents):
    with TencentCIHook() as hook:
        assert [job.job_id for job in hook.list_inventory_jobs()] == [WORKFLOW_JOB, INDEPENDENT_JOB]
        assert hook.get_inventory_job(INDEPENDENT_JOB).type == "Job"


@pytest.mark.parametrize("job_id", [WORKFLOW_JOB, INDEPENDENT_JOB])
def test_the_jobs_of_the_list_document_are_waited_for(documents, job_id):
    sensor = InventoryJobSensor(task_id="wait", job_id=job_id)
    assert not sensor.poke({}).is_done, "both are Running, the one with an EndTime as well"
    documents.listed = ENDED
    done = sensor.poke({})
    assert done.is_done
    assert done.xcom_value["JobId"] == job_id
