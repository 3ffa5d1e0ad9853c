"""
The control API: the controls over HTTP, for tests in other languages and for the command line.

Requests below ``/_emulator/`` are JSON and not signed. Only requests from this machine are accepted:

.. code-block:: text

    GET    /_emulator/health
    GET    /_emulator/state       buckets, jobs, counters, faults, switches
    GET    /_emulator/counts      the number of requests by operation
    GET    /_emulator/requests    the newest requests
    POST   /_emulator/buckets     {"name", "region", "bound", "has_role"}
    POST   /_emulator/objects     {"keys": [...], "count", "prefix", "bucket", "size", "content"}
    POST   /_emulator/workflows   {"workflow_id", "bucket", "nodes", "active"}
    POST   /_emulator/keys        {"secret_id", "secret_key", "token", "actions", "expires_at"}
    POST   /_emulator/roles       {"name", "actions", "external_id", "bound": true | false}
    POST   /_emulator/behaviour   switches by name, and "bucket" for those of one bucket
    POST   /_emulator/faults      {"kind", "operation", "times", ...}: the options of a fault
    DELETE /_emulator/faults
    POST   /_emulator/clock       {"advance_seconds"}
    POST   /_emulator/queue       {"paused", "queue_id", "bucket"}
    POST   /_emulator/jobs        {"job_id", "end": "finish" | "fail" | "cancel" | "forget", "code", "message"}
    POST   /_emulator/reset
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from airflow_provider_tencent_ci.emulator.control.controls import Controls
from airflow_provider_tencent_ci.emulator.http.request_log import RecordedRequest
from airflow_provider_tencent_ci.emulator.http.server import CONTROL_PREFIX
from airflow_provider_tencent_ci.emulator.protocol.http_messages import Reply, WireRequest

__all__ = ["control"]

Fields = dict[str, Any]


def control(controls: Controls, request: WireRequest) -> Reply:
    """Carry out a request of the control API."""
    status, answer = _carry_out(controls, request)
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(answer, default=_plain).encode())


def _carry_out(controls: Controls, request: WireRequest) -> tuple[int, Any]:
    name = request.path.removeprefix(CONTROL_PREFIX).rstrip("/")
    action = _ACTIONS.get((request.method, name))
    if action is None:
        return 404, {"error": f"There is no {request.method} {CONTROL_PREFIX}{name}."}
    try:
        given = json.loads(request.body or b"{}")
        if not isinstance(given, dict):
            raise ValueError("The body is not a JSON object.")
        return 200, action(controls, given)
    except (ValueError, TypeError, KeyError) as error:
        return 400, {"error": str(error)}


def _health(controls: Controls, given: Fields) -> Any:
    return {"status": "ok"}


def _state(controls: Controls, given: Fields) -> Any:
    return controls.state()


def _counts(controls: Controls, given: Fields) -> Any:
    return controls.counts()


def _requests(controls: Controls, given: Fields) -> Any:
    return [_shown(record) for record in controls.requests]


def _shown(record: RecordedRequest) -> dict[str, Any]:
    shown = asdict(record) | {"body": record.body.decode(errors="replace")}
    del shown["authorization"]  # signatures are not shown, not even those for an emulator
    return shown


def _add_bucket(controls: Controls, given: Fields) -> Any:
    controls.add_bucket(**given)
    return {}


def _add_objects(controls: Controls, given: Fields) -> Any:
    _with_times(given, "last_modified_at")
    controls.add_objects(*given.pop("keys", ()), **given)
    return {}


def _add_workflow(controls: Controls, given: Fields) -> Any:
    controls.add_workflow(**given)
    return {}


def _add_key(controls: Controls, given: Fields) -> Any:
    _with_times(given, "expires_at")
    controls.add_key(**given)
    return {}


def _add_role(controls: Controls, given: Fields) -> Any:
    bound = given.pop("bound", False)
    role = controls.add_role(**given)
    if bound:
        controls.bind_role(role.name)
    return {"arn": role.arn}


def _configure(controls: Controls, given: Fields) -> Any:
    return controls.configure(**given).flat()


def _inject(controls: Controls, given: Fields) -> Any:
    return asdict(controls.inject(given.pop("kind"), **given))


def _clear_faults(controls: Controls, given: Fields) -> Any:
    controls.clear_faults()
    return {}


def _advance(controls: Controls, given: Fields) -> Any:
    controls.advance(float(given["advance_seconds"]))
    return {"now": controls.now().isoformat()}


def _set_queue(controls: Controls, given: Fields) -> Any:
    turn = controls.pause_queue if given.pop("paused") else controls.resume_queue
    turn(**given)
    return {}


def _end_job(controls: Controls, given: Fields) -> Any:
    endings: Mapping[str, Callable[..., None]] = {
        "finish": controls.finish_job,
        "fail": controls.fail_job,
        "cancel": controls.cancel_job,
        "forget": controls.forget_job,
    }
    endings[given.pop("end")](**given)
    return {}


def _reset(controls: Controls, given: Fields) -> Any:
    controls.reset()
    return {}


def _plain(value: object) -> str:
    """Return the text of a value that JSON has no form for."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _with_times(given: Fields, name: str) -> None:
    """Read a time with its offset; Python would read a text without one as local time."""
    if given.get(name) is not None:
        given[name] = datetime.fromisoformat(given[name])
        if given[name].tzinfo is None:
            raise ValueError(f"{name} has no UTC offset.")


_ACTIONS: Mapping[tuple[str, str], Callable[[Controls, Fields], Any]] = {
    ("GET", "health"): _health,
    ("GET", "state"): _state,
    ("GET", "counts"): _counts,
    ("GET", "requests"): _requests,
    ("POST", "buckets"): _add_bucket,
    ("POST", "objects"): _add_objects,
    ("POST", "workflows"): _add_workflow,
    ("POST", "keys"): _add_key,
    ("POST", "roles"): _add_role,
    ("POST", "behaviour"): _configure,
    ("POST", "faults"): _inject,
    ("DELETE", "faults"): _clear_faults,
    ("POST", "clock"): _advance,
    ("POST", "queue"): _set_queue,
    ("POST", "jobs"): _end_job,
    ("POST", "reset"): _reset,
}
