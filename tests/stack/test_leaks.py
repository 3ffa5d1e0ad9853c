"""
No secret in what a running Airflow leaves behind, with every logger at DEBUG.

It runs last on each Airflow of this folder, so that it also checks the data of the other tests.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from urllib.parse import quote

import psutil
import pytest

from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.signing import secrets_of
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_KEY
from tests.stack.conftest import AIRFLOWS
from tests.stack.runs import Run

ECHO = f"Your key {SECRET_KEY} may not do this"


@pytest.fixture(scope="package")
def connections(airflow, emulator):
    """One connection in Airflow's database for each source of credentials that the emulator has."""
    for kind in ("keys", "machine_role", "assume_role"):
        airflow.api.add_connection(f"with_{kind}", emulator.connection(kind))
    wrong = {**emulator.connection("keys"), "password": "a-wrong-secret-key-that-nobody-has"}
    airflow.api.add_connection("with_wrong_key", wrong)


@pytest.mark.parametrize("which", AIRFLOWS)
def test_no_data_that_airflow_stores_contains_a_secret(airflow, emulator, database, connections, triggerers, which):
    triggerers.have(1)
    waiting = Run(airflow, emulator, "leaks")
    waiting.wait_for_state("deferred", 3)
    waiting.wait_until_asked_about()
    emulator.inject(Fault("error", operation="create", status=403, code="AccessDenied", message=ECHO))
    refused = Run(airflow, emulator, "leaks_refused")
    refused.wait_for_state("failed", 2)
    blocking = Run(airflow, emulator, "leaks_blocking")
    blocking.wait_for_state("running", 3)
    blocking.wait_for_jobs(*["Running"] * 3)
    places = {
        **files(airflow),
        "the database": database.dump(),
        "the arguments of processes": arguments_of_processes(airflow),
    }
    for job in [*waiting.jobs, *blocking.jobs]:
        emulator.finish_job(job.job_id)
    for run in (waiting, blocking):
        run.wait_for_state("success", 3)
    places |= {**files(airflow), "the database afterwards": database.dump()}

    # Else the test would search the wrong places.
    assert any("Starting new HTTP connection" in text for text in places.values()), "no DEBUG output of HTTP"
    assert "Your key *** may not do this" in "".join(places.values())
    for job in [*waiting.jobs, *blocking.jobs]:
        as_bytes = job.job_id.encode().hex()  # as 2.11 stores an XCom
        # A blocking task may store its job a moment after the service has it.
        stored = places["the database"] + places["the database afterwards"]
        assert job.job_id in stored or as_bytes in stored

    secrets = secrets_that_were_used(emulator) | {"a-wrong-secret-key-that-nobody-has"}
    assert len(secrets) > 50
    found = [(place, secret[:4]) for place, text in places.items() for secret in secrets if secret in text]
    assert not found
    assert not [place for place, text in places.items() if re.search(r"q-signature\W{1,3}(3D)?[0-9a-f]{40}", text)]


def secrets_that_were_used(emulator):
    """Keys, tokens, SignKeys and signatures, also as they look in a URL and in a dump of bytes."""
    sent = {request.authorization for request in emulator.requests if "q-signature=" in request.authorization}
    keys = [Credentials("", SECRET_KEY)]
    keys += [Credentials(key.secret_id, key.secret_key, key.token) for key in emulator.temporary_keys]
    secrets = {secret for key in keys for header in sent for secret in secrets_of(key, {"authorization": header})}
    secrets.discard("")  # the token of a key that has none
    return secrets | {quote(secret, safe="") for secret in secrets} | {secret.encode().hex() for secret in secrets}


def files(airflow):
    """All files below Airflow's home: the logs of tasks, triggers and components, and the configuration."""
    found = {}
    for path in airflow.home.rglob("*"):
        with suppress(OSError):  # a folder, or gone by now
            found[str(path.relative_to(airflow.home))] = path.read_text("utf-8", "replace")
    assert any("trigger" in name for name in found)
    return found


def arguments_of_processes(airflow):
    """Only Airflow's own processes: another test may pass a key to a command."""
    lines = []
    for pid in airflow.pids():
        with suppress(psutil.Error):  # ended by now
            lines.append(json.dumps(psutil.Process(pid).cmdline()))
    assert any("triggerer" in line for line in lines)
    return "\n".join(lines)
