"""A bucket with 100,000 jobs: each view of the page costs as many requests as in a bucket with 20."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.plugins import page_requests
from tests.plugins.conftest import JOBS

pytestmark = pytest.mark.slow

# A nightly DAG with 270 mapped tasks makes as many in a year.
MANY, FEW = 100_000, 20


@pytest.fixture
def page(visit, emulator, monkeypatch):
    # The emulator needs a second of processor time for a page of so long a list, and a busy machine has many processes.
    monkeypatch.setattr(page_requests, "_REQUEST_SECONDS", 120.0)
    return visit("OP")


def fill(emulator, jobs):
    """Add ended jobs of one file, without a request for each."""
    emulator.add_objects("one.mp4")
    with TencentCIHook() as hook:
        hook.trigger_inventory_job(name="night-0", workflow_ids=WORKFLOW_ID, object_key="one.mp4")
    service = emulator._controls._service
    [first] = service.jobs.values()
    for number in range(1, jobs):
        service.create_job(emulator.bucket(), replace(first.request, name=f"night-{number}"))
    emulator.advance(3600)


def requests_of(emulator, call):
    before = emulator.count()
    answer = call()
    return answer.json(), emulator.count() - before


@pytest.mark.parametrize("jobs", [FEW, MANY])
def test_the_number_of_requests_does_not_depend_on_the_number_of_jobs(page, emulator, jobs):
    fill(emulator, jobs)
    first, requests = requests_of(emulator, lambda: page.get(JOBS, page_size=10))
    assert ([job["name"] for job in first["jobs"]], requests) == ([f"night-{jobs - one}" for one in range(1, 11)], 1)
    second, requests = requests_of(emulator, lambda: page.get(JOBS, page_size=10, next_token=first["next_token"]))
    assert (second["jobs"][0]["name"], requests) == (f"night-{jobs - 11}", 1)
    oldest, requests = requests_of(emulator, lambda: page.get(JOBS, order="Asc"))
    assert (oldest["jobs"][0]["name"], requests) == ("night-0", 1)
    named, requests = requests_of(emulator, lambda: page.get(JOBS, name="night-7"))
    assert ([job["name"] for job in named["jobs"]], requests) == (["night-7"], 1)
    path = f"{JOBS}/{named['jobs'][0]['job_id']}"
    assert requests_of(emulator, lambda: page.get(path))[1] == 1
    # The job again, and its one file.
    counts, requests = requests_of(emulator, lambda: page.get(f"{path}/progress"))
    assert (counts["counts"]["total"], requests) == (1, 2)
