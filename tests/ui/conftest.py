"""
``airflow standalone`` with the provider from its wheel, the emulator, and Chromium, once for all tests of this folder.

A test asks for ``page`` and goes to ``page.goto("/connections")``; ``picture(name, ...)`` takes a picture for README
and docs, which is kept there if ``TENCENT_CI_PICTURES`` names their folder (``make pictures``).
"""

from __future__ import annotations

import os
import re
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.environment import environment_put_back

ROOT = Path(__file__).parents[2]
KEPT_IN = os.environ.get("TENCENT_CI_PICTURES")
WIDTH, HEIGHT = 1440, 900

SETTINGS = {
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
    "AIRFLOW__CORE__DEFAULT_UI_TIMEZONE": "utc",
}
EXAMPLES = ("tencent_ci_nightly.py", "tencent_ci_nightly_one_task.py")
# The duration of a night's batch: long enough for pictures of the running job. A batch of the night before runs all the
# time.
RUN_SECONDS, LONG_RUN_SECONDS = 40.0, 1200.0
ASKED_SECONDS = 120.0


def pytest_collection_modifyitems(items):
    """Run the tests of a running batch first: those of the jobs page cancel it."""
    here = f"{Path(__file__).parent}{os.sep}"
    items.sort(key=lambda item: str(item.path).startswith(here) and item.path.name != "test_nightly_run.py")


@pytest.fixture(scope="session")
def emulator():
    from showcase.emulated_service import new_emulator

    with new_emulator(RUN_SECONDS) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def airflow(emulator, tmp_path_factory):
    """A running Airflow with two nightly DAGs, which log their progress every few seconds."""
    from showcase.emulated_service import point_dags_to
    from showcase.stack import free_port

    from tests.ui.standalone import StandaloneAirflow

    folder = tmp_path_factory.mktemp("dags")
    for name in EXAMPLES:
        source = (ROOT / "example_dags" / name).read_text("utf-8")
        if name == "tencent_ci_nightly_one_task.py":  # only runs that a test creates
            source, number = re.subn(r"schedule=Cron.*?\n", "schedule=None,\n", source)
            assert number == 1
        (folder / name).write_text(source.replace("deferrable=True", "deferrable=True, progress_interval=8"), "utf-8")
    with environment_put_back():
        point_dags_to(emulator)
        with StandaloneAirflow(folder, free_port(), SETTINGS) as stack:
            stack.start()
            stack.wait_until_ready()
            stack.api.log_in()
            yield stack


@pytest.fixture(scope="session")
def long_job(airflow, emulator):
    """A batch of the task ``transcode`` that runs all the time, and the id of its run: ``the_night_before``."""
    from showcase.airflow_api import Interval
    from showcase.emulated_service import upload_media

    dag_id, run_id = "tencent_ci_nightly_one_task", "the_night_before"
    interval = until(lambda: airflow.api.next_interval("tencent_ci_nightly"))
    interval = Interval(interval.start - timedelta(days=2), interval.end - timedelta(days=2))
    upload_media(emulator, interval)
    emulator.configure(run_seconds=LONG_RUN_SECONDS)
    until(lambda: airflow.api.has_dag(dag_id))
    airflow.api.trigger(dag_id, run_id, interval)
    airflow.api.unpause(dag_id)
    until(lambda: airflow.api.xcom(dag_id, run_id, "transcode", "job_id"))
    emulator.configure(run_seconds=RUN_SECONDS)
    [job] = emulator.jobs
    yield job
    emulator.cancel_job(job.job_id)


@pytest.fixture(scope="session")
def night(airflow, emulator, long_job):
    """Both DAGs, started for the same night: the id of their run."""
    from showcase.emulated_service import upload_media

    interval = until(lambda: airflow.api.next_interval("tencent_ci_nightly"))
    upload_media(emulator, interval)
    for path in EXAMPLES:
        dag_id = path.removesuffix(".py")
        until(lambda dag_id=dag_id: airflow.api.has_dag(dag_id))
        airflow.api.trigger(dag_id, "the_night", interval)
        airflow.api.unpause(dag_id)
    return "the_night"


@pytest.fixture(scope="session")
def after_the_night(airflow, night):
    """The same, when both have ended."""
    for path in EXAMPLES:
        until(lambda path=path: airflow.api.run_state(path.removesuffix(".py"), night) in ("success", "failed"))
    return night


@pytest.fixture(scope="session")
def live_job(emulator, long_job, after_the_night):
    """The running batch, after the others have ended, and once one of its files has failed."""
    until(lambda: any(file.state == "Failed" for file in emulator.files(long_job.job_id)))
    return long_job


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=ASKED_SECONDS * 1000 / 4)
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.fail("There is no Chromium: install it (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_tab(airflow, browser):
    """Open a tab with options of its browser context; the test fails if a script in it fails."""
    contexts, errors = [], []

    def open_tab(**options):
        options = {"viewport": {"width": WIDTH, "height": HEIGHT}, "locale": "en-GB", **options}
        context = browser.new_context(base_url=airflow.url, **options)
        contexts.append(context)
        context.set_default_timeout(30_000)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        return tab

    yield open_tab
    for context in contexts:
        context.close()
    assert not errors


@pytest.fixture
def page(open_tab, request):
    """A tab; with ``indirect`` parameters: ``"light"`` or ``"dark"``."""
    return open_tab(color_scheme=getattr(request, "param", "light"))


@pytest.fixture
def picture(tmp_path):
    """Take a picture: of a page, of an element, or of a part of a page (``clip``)."""
    from tests.ui.pictures import PICTURES

    folder = Path(KEPT_IN or tmp_path)

    def take(name, target, **options):
        assert name in PICTURES
        target.screenshot(path=folder / f"{name}.png", animations="disabled", caret="hide", **options)

    return take


def until(done):
    """Retry until there is an answer."""
    deadline = time.monotonic() + ASKED_SECONDS
    while time.monotonic() < deadline:
        if answer := done():
            return answer
        time.sleep(0.3)
    raise TimeoutError
