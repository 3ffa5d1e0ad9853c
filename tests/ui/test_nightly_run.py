"""A night's run in the browser: while it runs, and after its end."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from tests.ui.conftest import WIDTH

expect = pytest.importorskip("playwright.sync_api", reason="needs a browser: make test-ui").expect

CONSOLE = "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000&region=ap-beijing"


def path(night, dag_id, task_id="", tab=""):
    return "/".join(filter(None, [f"/dags/{dag_id}/runs/{night}", task_id and f"tasks/{task_id}", tab]))


def test_the_console_link_works_while_the_job_runs(page, long_job, airflow, picture):
    page.goto(path("the_night_before", "tencent_ci_nightly_one_task", "transcode", "details"))
    link = page.get_by_role("link", name="Tencent CI Console")
    expect(link).to_be_visible(timeout=60_000)
    expect(link).to_have_attribute("href", CONSOLE)
    expect(page.get_by_text("deferred").first).to_be_visible()
    picture("console_link", page, clip={"x": 360, "y": 60, "width": 1080, "height": 420})
    assert airflow.api.run_state("tencent_ci_nightly_one_task", "the_night_before") == "running"


def test_the_run_shows_the_state_of_each_task(page, after_the_night, picture):
    page.goto(path(after_the_night, "tencent_ci_nightly"))
    for task_id in ("submit", "wait"):
        task = page.get_by_role("row").filter(has=page.get_by_role("link", name=task_id, exact=True))
        expect(task).to_contain_text("Success")
    picture("nightly_run", page, clip={"x": 0, "y": 0, "width": 1440, "height": 560})


def test_the_log_fits_on_one_screen(page, after_the_night, picture):
    page.goto(path(after_the_night, "tencent_ci_nightly", "wait"))
    for line, seen in (
        (r"Batch job b\w{32} is Running", 1),
        # All but the job's id, which ends the line.
        (r"\d+ of 40 files done \(\d+\.\d%\), \d failed, \d+ left, \d+ a minute, to end about", 0.65),
        # The end of the job's name above the table is cut off.
        (r"files +40", 0.9),
        (r"succeeded +37 +92\.5%", 0.9),
        (r"failed +3 +7\.5%", 0.9),
        (r"media/film/film-03\.mp4 in Transcode_1: ResourceNotSupported", 0.8),
    ):
        expect(page.get_by_text(re.compile(line)).first).to_be_in_viewport(ratio=seen)
    picture("log", page, clip={"x": 360, "y": 60, "width": 1080, "height": 700})


def test_the_rendered_templates_show_the_request(page, after_the_night, picture):
    page.goto(path(after_the_night, "tencent_ci_nightly", "submit", "rendered_templates"))
    for field, value in {"workflow_ids": WORKFLOW_ID, "prefix": "media/", "start_time": "18:00:00+00:00"}.items():
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=field, exact=True))
        expect(row).to_contain_text(value)
    picture("rendered_templates", page, clip={"x": 360, "y": 60, "width": 1080, "height": 800})


def test_the_xcoms_hold_the_job(page, after_the_night, airflow, emulator, picture):
    page.goto(path(after_the_night, "tencent_ci_nightly_one_task", "transcode", "xcom"))
    # Not by its name: the job of another night has the same beginning.
    job_id = airflow.api.xcom("tencent_ci_nightly_one_task", after_the_night, "transcode", "return_value")
    name = emulator.job(job_id).name
    for key, value in {"job_id": job_id, "job_name": name, "job_url": CONSOLE, "return_value": job_id}.items():
        entry = page.get_by_role("row").filter(has=page.get_by_role("cell", name=key, exact=True))
        expect(entry).to_contain_text(value)
    page.get_by_role("button", name="Expand all extra JSON").click()
    record = page.get_by_role("row").filter(has=page.get_by_role("cell", name="job", exact=True))
    expect(record).to_contain_text("JobId")
    page.set_viewport_size({"width": WIDTH, "height": 1060})
    picture("xcom", page, clip={"x": 360, "y": 60, "width": 1080, "height": 960})


def test_airflow_runs_the_provider_from_its_wheel(airflow):
    command = [sys.executable, "-c", "import airflow_provider_tencent_ci as package; print(package.__file__)"]
    where = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=airflow.home).stdout
    assert "site-packages" in where
