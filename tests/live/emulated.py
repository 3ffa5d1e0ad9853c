"""An emulator with all objects and settings that the questions need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.live.settings import CONNECTION_VARIABLE, TEMPORARY_CONNECTION_VARIABLE, VARIABLES

OBJECT_KEY = "media/0001.mp4"
FAILING_KEY = "media/0002.mp4"
SECOND_WORKFLOW_ID = "w00000000000000000000000000000002"
PAUSED_WORKFLOW_ID = "w00000000000000000000000000000003"
TEMPORARY_ID, TEMPORARY_KEY = "AKIDFAKETEMPORARYSECRETID", "fake-temporary-secret-key"
TOKEN = "fake-session-token-of-the-live-check"

VALUES = {
    "workflow_id": defaults.WORKFLOW_ID,
    "object_key": OBJECT_KEY,
    "second_workflow_id": SECOND_WORKFLOW_ID,
    "paused_workflow_id": PAUSED_WORKFLOW_ID,
    "failing_object_key": FAILING_KEY,
    "list_key": "lists/one.txt",
    "control_prefix": "odd-names/",
    "job": '{"Tag": "MediaInfo", "JobParam": {"TemplateId": "t000000000000000000000000000000001"}}',
    "notification_url": "https://receiver.example.com/ci?of=the-live-check",
}


@contextmanager
def emulated_environment() -> Iterator[dict[str, str]]:
    """Run an emulator, and yield the variables of its connection."""
    with Emulator(submitted_seconds=0.3, run_seconds=0.6) as emulator:
        furnish(emulator)
        yield {variable: VALUES[name] for name, (variable, _) in VARIABLES.items()} | {
            CONNECTION_VARIABLE: emulator.connection_json(),
            TEMPORARY_CONNECTION_VARIABLE: temporary_connection(emulator),
        }


def furnish(emulator: Emulator) -> None:
    """Add what a new emulator does not have."""
    emulator.configure(failing_keys=FAILING_KEY)
    emulator.add_workflow(SECOND_WORKFLOW_ID)
    emulator.add_workflow(PAUSED_WORKFLOW_ID, active=False)
    emulator.add_key(TEMPORARY_ID, TEMPORARY_KEY, token=TOKEN, expires_at=emulator.now() + timedelta(days=1))


def temporary_connection(emulator: Emulator) -> str:
    """Return a connection with temporary keys, as a value for an environment variable."""
    connection = emulator.connection()
    extra = {**connection["extra"], "token": TOKEN}
    return json.dumps({**connection, "login": TEMPORARY_ID, "password": TEMPORARY_KEY, "extra": extra})
