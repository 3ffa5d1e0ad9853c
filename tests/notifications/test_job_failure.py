"""The messages about failed jobs render with any set of known facts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from jinja2.sandbox import SandboxedEnvironment

from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.exceptions import AuthenticationError, JobFailedError
from airflow_provider_tencent_ci.notifications import job_failure
from airflow_provider_tencent_ci.notifications.advice import advice_for
from airflow_provider_tencent_ci.notifications.map_index_name import MapIndexName
from tests.snippets import snippet

TEMPLATES = {name: getattr(job_failure, name) for name in job_failure.__all__}
JOB = InventoryJob("b1", name="nightly", state=JobState.FAILED, code="ResourceNotFound", message="No such <workflow>.")
FILES = {"Total": 8, "Success": 6, "Failed": 2, "Running": 0, "Cancel": 0, "FirstAt": None, "LastAt": None}
TI = SimpleNamespace(dag_id="media", task_id="transcode", run_id="r1", map_index=-1, try_number=2, log_url="http://log")


class Task(MapIndexName):
    def __init__(self, record: dict[str, Any] | None = None):
        self._job_record = record


def failed_by(cause: Exception) -> Exception:
    error = RuntimeError(f"wrapped: {cause}")
    error.__cause__ = cause
    return error


def rendered(name: str, context: dict[str, Any], undefined: type[jinja2.Undefined] = jinja2.StrictUndefined) -> str:
    # The strictest setting of a DAG, in a sandbox like Airflow's.
    return SandboxedEnvironment(undefined=undefined).from_string(TEMPLATES[name]).render(context)


CONTEXTS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a DAG's callback": {"dag": SimpleNamespace(dag_id="media"), "run_id": "r1", "reason": "task_failure"},
    "another operator": {"ti": TI, "task": SimpleNamespace(), "run_id": "r1", "exception": ValueError("no")},
    "nothing submitted": {"ti": TI, "task": Task(), "run_id": "r1", "exception": ValueError("no")},
    "no error": {"ti": TI, "task": Task(), "run_id": "r1"},
    "an error that is none": {"ti": TI, "task": Task(), "run_id": "r1", "exception": "killed"},
    "a record of nonsense": {"ti": TI, "task": Task({"JobId": 5, "Files": {"Total": "x"}}), "run_id": "r1"},
    "a job": {"ti": TI, "task": Task(), "run_id": "r1", "exception": failed_by(JobFailedError("bad", job=JOB))},
}


@pytest.mark.parametrize("undefined", [jinja2.StrictUndefined, jinja2.Undefined])
@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
@pytest.mark.parametrize("name", TEMPLATES)
def test_every_message_renders_in_every_context(name, context, undefined):
    text = rendered(name, context, undefined)
    assert "failed" in text
    assert "None" not in text
    assert "Undefined" not in text


def test_the_job_is_read_from_the_service_error_behind_airflow_s_error():
    text = rendered("JOB_FAILURE", CONTEXTS["a job"])
    assert text.splitlines() == [
        "Task media.transcode failed",
        "Run: r1",
        "Try: 2",
        "Error: wrapped: bad",
        "Batch job: b1, nightly, Failed",
        "Reason: ResourceNotFound: No such <workflow>.",
        f"What to do: {advice_for(JOB)}",
        "Log: http://log",
    ]


def test_counts_and_the_list_of_failed_files_are_named():
    record = {**InventoryJob("b1", state=JobState.SUCCESS).to_dict(), "Files": {**FILES, "FailureList": "s3://list"}}
    text = rendered("JOB_FAILURE", {"ti": TI, "task": Task(record), "run_id": "r1"})
    assert "Files: 8: 6 succeeded, 2 failed" in text
    assert "List of failed files: s3://list" in text
    assert "resubmit_rounds" in text


def test_the_request_id_of_a_refusal_is_named():
    error = AuthenticationError("no", status=403, code="SignatureDoesNotMatch", request_id="NjY")
    assert "Request id: NjY" in rendered("JOB_FAILURE", {"ti": TI, "task": Task(), "exception": failed_by(error)})


def test_messages_distinguish_mapped_tasks():
    ti = SimpleNamespace(**{**vars(TI), "map_index": 3})
    assert rendered("JOB_FAILURE_SUBJECT", {"ti": ti, "task": Task()}) == "media.transcode[3] failed"


def test_messages_have_the_name_that_the_ui_shows_for_a_mapped_task():
    ti = SimpleNamespace(**{**vars(TI), "map_index": 3, "rendered_map_index": "media/news/"})
    assert rendered("JOB_FAILURE_SUBJECT", {"ti": ti, "task": Task()}) == "media.transcode[3] (media/news/) failed"
    assert rendered("JOB_FAILURE", {"ti": ti, "task": Task()}).startswith(
        "Task media.transcode[3] (media/news/) failed"
    )


@pytest.mark.parametrize("field", ["prefix", "manifest", "url_file", "object_key"])
def test_messages_name_the_connection_the_bucket_and_the_files(field):
    task = Task()
    vars(task).update({"tencent_ci_conn_id": "ci_gz", "bucket": "b-1250000000", field: "media/news/"})
    lines = rendered("JOB_FAILURE", {"ti": TI, "task": task, "run_id": "r1"}).splitlines()
    assert {"Reads: media/news/", "Bucket: b-1250000000", "Connection: ci_gz"} <= {*lines}


def test_the_record_of_the_job_says_what_it_read():
    job = InventoryJob("b1", state=JobState.SUCCESS, input={"Prefix": "media/film/"})
    task = Task(job.to_dict())
    task.prefix = "{{ of a template }}"
    assert "Reads: media/film/" in rendered("JOB_FAILURE", {"ti": TI, "task": task})


def test_the_subject_names_the_job():
    assert rendered("JOB_FAILURE_SUBJECT", CONTEXTS["a job"]) == "media.transcode failed: batch job b1"


def test_markdown_has_links_and_one_line_for_each_fact():
    context = {**CONTEXTS["a job"], "exception": failed_by(ValueError("two\nlines"))}
    lines = rendered("JOB_FAILURE_MARKDOWN", context).splitlines()
    assert lines[0] == "**Task media.transcode failed**"
    assert "- Error: wrapped: two lines" in lines
    assert lines[-1] == "- [Log](http://log)"


def test_html_in_mail_is_escaped():
    assert "No such &lt;workflow&gt;" in rendered("JOB_FAILURE_HTML", CONTEXTS["a job"])


def test_a_template_may_be_a_part_of_a_text():
    environment = SandboxedEnvironment(undefined=jinja2.StrictUndefined)
    text = environment.from_string("@oncall " + job_failure.JOB_FAILURE + "\nPlease look.").render(CONTEXTS["a job"])
    assert text.startswith("@oncall Task media.transcode failed\n")
    assert text.endswith("\nPlease look.")


@pytest.mark.parametrize(
    ("job", "failed_files", "said"),
    [
        (InventoryJob("b1", state=JobState.RUNNING), 0, "tencent-ci tail b1"),
        (InventoryJob("b1", state=JobState.PAUSE), 0, "queue is paused"),
        (InventoryJob("b1", state=JobState.CANCEL), 0, "clear the task"),
        (InventoryJob("b1", state=JobState.FAILED, code="Unheard"), 0, "clear the task"),
        (InventoryJob("b1", state=JobState.SUCCESS), 1, "resubmit_rounds"),
    ],
)
def test_each_state_has_advice(job, failed_files, said):
    assert said in advice_for(job, failed_files)


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ({}, "`tencent-ci resubmit b1`"),
        ({"tencent_ci_conn_id": "tencent_ci_default"}, "`tencent-ci resubmit b1`"),
        ({"tencent_ci_conn_id": "news"}, "`tencent-ci resubmit b1 --conn-id news`"),
        (
            {"tencent_ci_conn_id": "my news", "bucket": "b-1", "region": "ap-x"},
            "`tencent-ci resubmit b1 --conn-id 'my news' --bucket b-1 --region ap-x`",
        ),
    ],
)
def test_the_advice_is_a_command_that_can_be_pasted(place, command):
    task = Task(InventoryJob("b1", state=JobState.SUCCESS).to_dict() | {"Files": FILES})
    vars(task).update(place)
    assert command in rendered("JOB_FAILURE", {"ti": TI, "task": task})


def test_the_command_names_the_last_round(monkeypatch):
    xcoms = {"rounds": ["b1", "b2", "b3"]}
    monkeypatch.setattr("airflow_provider_tencent_ci.notifications.job_facts.own_xcom", lambda _ti, key: xcoms.get(key))
    task = Task(InventoryJob("b1", state=JobState.SUCCESS).to_dict() | {"Files": FILES})
    assert "`tencent-ci resubmit b3`" in rendered("JOB_FAILURE", {"ti": TI, "task": task})


def test_a_success_has_no_advice():
    assert advice_for(InventoryJob("b1", state=JobState.SUCCESS)) == ""
    assert advice_for(InventoryJob("b1", state=JobState("Archived"))) == ""


def test_a_custom_text_can_use_the_facts():
    text = SandboxedEnvironment(undefined=jinja2.StrictUndefined).from_string(snippet("own_text.jinja"))
    assert text.render(CONTEXTS["a job"]) == f"b1 is Failed: . {advice_for(JOB)}"
