"""Each error that ends a task of the operator says where: the connection, the bucket, and what the job reads."""

from __future__ import annotations

import re

import pytest

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET
from tests.runs.test_operator import submit, waiting

PLACE = f"Connection 'tencent_ci_default', bucket {BUCKET}"
BATCH = "workflow_ids=WORKFLOW, prefix='media/'"
NO_COUNTS = Fault("error", operation="executions", status=403, times=None)
NO_ANSWER = Fault("internal_error", operation="list", times=None, skip=2)
LONG = {"run_seconds": 3600}

# The switches or the fault, the arguments, and a part of the error.
ENDS = {
    "failed": ({"outcome": "fail"}, "", "reads media/"),
    "cancelled": ({"outcome": "cancel"}, "", "reads media/"),
    "files failed": ({"failing_every": 1}, "fail_on='any'", "reads media/"),
    "no files": ({}, "prefix='nothing/', on_empty='fail'", "reads nothing/"),
    "wait_timeout": (LONG, "wait_timeout=0.5", "reads media/"),
    "no contact": ({**LONG, "fault": NO_ANSWER}, "contact_timeout=0.3", "reads media/"),
    "no counts": (
        {"fault": Fault("error", operation="executions", status=403, times=None)},
        "fail_on='any'",
        "fail_on='any'",
    ),
    "no workflow": ({}, "workflow_ids='w9', validate=True", "reading media/: There is no workflow w9 in"),
    "refused": ({"fault": Fault("error", operation="create", status=403, code="AccessDenied")}, "", "reading media/: "),
    "a job of this name": ({}, "name='again', on_existing='fail'", "reading media/: A batch job named 'again'"),
}


@waiting
@pytest.mark.parametrize("end", ENDS)
def test_an_error_names_the_connection_the_bucket_and_what_is_read(emulator, mode, end):
    what, arguments, said = ENDS[end]
    emulator.configure(**{name: value for name, value in what.items() if name != "fault"})
    if "fault" in what:
        emulator.inject(what["fault"])
    if end == "a job of this name":
        submit(f"{BATCH}, name='again', on_existing='submit'")
    given = dict(pair.split("=", 1) for pair in f"{BATCH}, {arguments}".split(", ") if pair)
    run = submit(", ".join(f"{name}={value}" for name, value in given.items()), mode)
    assert run.states["submit"] == "failed"
    text = str(run.failures[-1])
    assert text.count(PLACE) == 1
    assert said in text


@waiting
def test_the_end_of_execution_timeout_names_the_job_and_its_place(emulator, mode, capfd):
    emulator.configure(**LONG)
    said = ""
    try:
        submit(BATCH, f"{mode}, execution_timeout=timedelta(seconds=3)")
    except AirflowTaskTimeout as error:  # which 2.11's dag.test lets through
        said = str(error)
    [job] = emulator.jobs
    # Airflow may print an error in lines of 80 characters.
    said = re.sub(r"[\s│]+", " ", said or "".join(capfd.readouterr()))
    assert f"{PLACE}: execution_timeout is over while waiting for batch job {job.job_id}" in said
    assert job.state == "Cancel"
