"""A service without HTTP, with any number of objects, for tests of lists."""

from __future__ import annotations

from typing import Any

from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, Workflow
from airflow_provider_tencent_ci.emulator.model.clock import Clock
from airflow_provider_tencent_ci.emulator.model.jobs import Job
from airflow_provider_tencent_ci.emulator.model.service import Service
from tests.emulator.conftest import NOON
from tests.emulator.wire import request_body

SECOND_WORKFLOW = "w00000000000000000000000000000002"

PREFIX = "<Prefix>media/</Prefix>"
ONE_WORKFLOW = ("Workflow", f"<WorkflowIds>{defaults.WORKFLOW_ID}</WorkflowIds>")


def new_service(objects: int) -> tuple[Service, Bucket]:
    """Return a service at noon, and its bucket, which has two workflows."""
    service = Service(Clock(lambda: NOON))
    bucket = defaults.new_bucket(defaults.BUCKET, defaults.REGION, NOON)
    bucket.workflows[SECOND_WORKFLOW] = Workflow(SECOND_WORKFLOW, "second", NOON, nodes=("Snapshot", "Transcode"))
    bucket.objects.add_series(defaults.media_objects(objects, NOON))
    service.buckets[bucket.name] = bucket
    return service, bucket


def submit(
    service: Service,
    bucket: Bucket,
    inputs: str = PREFIX,
    operation: tuple[str, str] = ONE_WORKFLOW,
    **switches: Any,
) -> Job:
    """Create a batch, with other switches from now on."""
    service.behaviour = service.behaviour.changed(**switches)
    job_type, text = operation
    body = request_body(type=job_type, inputs=inputs, operation=text)
    return service.create_job(bucket, service.read_create(bucket, body)).job
