"""The content of a new emulator: a bucket with media objects, a workflow, a queue, a fake key pair and a role."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_tencent_ci.emulator.model.buckets import Bucket, Queue, Workflow
from airflow_provider_tencent_ci.emulator.model.object_store import NumberedKeys, ObjectSeries, StoredObject

__all__ = [
    "BUCKET",
    "MEDIA_PREFIX",
    "OBJECT_COUNT",
    "QUEUE_ID",
    "REGION",
    "ROLE_NAME",
    "SECRET_ID",
    "SECRET_KEY",
    "WORKFLOW_ID",
    "media_objects",
    "new_bucket",
]

BUCKET = "examplebucket-1250000000"
REGION = "ap-beijing"
SECRET_ID = "AKIDFAKEEMULATORSECRETID"  # noqa: S105 - invented
SECRET_KEY = "fake-secret-key-of-the-emulator"  # noqa: S105 - invented
ROLE_NAME = "emulator-role"
WORKFLOW_ID = "w00000000000000000000000000000001"
QUEUE_ID = "p00000000000000000000000000000001"
OBJECT_COUNT = 8
MEDIA_PREFIX = "media/"

_OBJECT_SIZE = 1024


def new_bucket(name: str, region: str, created_at: datetime) -> Bucket:
    """Return an empty bucket with the default workflow and queue."""
    workflow = Workflow(WORKFLOW_ID, "transcode", created_at)
    queue = Queue(QUEUE_ID, "queue-1", created_at)
    return Bucket(name, region, workflows={WORKFLOW_ID: workflow}, queues={QUEUE_ID: queue})


def media_objects(count: int, created_at: datetime) -> ObjectSeries:
    """Return ``media/0001.mp4`` and so on, uploaded an hour before ``created_at``."""
    sample = StoredObject("", _OBJECT_SIZE, created_at - timedelta(hours=1))
    return ObjectSeries(NumberedKeys(MEDIA_PREFIX, count), sample)
