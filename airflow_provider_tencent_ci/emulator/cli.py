"""The command ``tencent-ci-emulator``: an emulator that runs until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from queue import SimpleQueue
from typing import Any

from airflow_provider_tencent_ci.emulator.contract.contract import Contract
from airflow_provider_tencent_ci.emulator.emulator import CONNECTION_VARIABLE, Emulator
from airflow_provider_tencent_ci.emulator.model import defaults

__all__ = ["main"]

_DEFAULT_PORT = 8085

_LONG_NAME = re.compile("[a-z0-9][a-z0-9-]*-[0-9]+")


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run an emulator until SIGINT or SIGTERM.

    :param argv: the arguments; default: those of the process.
    :return: 0: it was stopped; 1: it could not listen.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        emulator = _emulator(options)
    except ValueError as error:
        parser.error(str(error))
    # Not an Event: its set() waits for ever if the signal comes while wait() has its lock.
    stopped = SimpleQueue[int]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: stopped.put(number))
    try:
        emulator.start()
    except OSError as error:
        print(f"Cannot listen on {options.host}:{options.port}: {error.strerror or error}", file=sys.stderr)
        return 1
    _announce(emulator)
    stopped.get()
    emulator.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tencent-ci-emulator", description="An emulator of Tencent Cloud Infinite's batch jobs on this machine."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=_DEFAULT_PORT, help="port to listen on; 0: any free port (default: %(default)s)"
    )
    parser.add_argument(
        "--bucket",
        action="append",
        metavar="NAME[@REGION]",
        help=f"a bucket; may be repeated, the first one is that of the connection (default: {defaults.BUCKET})",
    )
    parser.add_argument(
        "--region", default=defaults.REGION, help="region of the buckets that name none (default: %(default)s)"
    )
    parser.add_argument(
        "--objects",
        type=int,
        default=defaults.OBJECT_COUNT,
        help="number of objects below media/ in each bucket (default: %(default)s)",
    )
    parser.add_argument(
        "--uploaded-hours-ago",
        type=float,
        default=1,
        metavar="HOURS",
        help="the age of the objects; 24 for a DAG that processes those of the last whole night (default: %(default)s)",
    )
    parser.add_argument("--submitted-seconds", type=float, help="how long a job is Submitted (default: 1)")
    parser.add_argument("--run-seconds", type=float, help="how long a job is Running (default: 5)")
    parser.add_argument(
        "--contract",
        metavar="FILE",
        help="behave as a contract says: a file that make test-live writes, or one of the same form",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SWITCH=VALUE",
        help="set any switch of the emulator's Behaviour, such as list_lag_seconds=3; may be repeated",
    )
    return parser


def _emulator(options: argparse.Namespace) -> Emulator:
    (bucket, region), *others = [_place(named, options.region) for named in options.bucket or [defaults.BUCKET]]
    emulator = Emulator(
        host=options.host,
        port=options.port,
        bucket=bucket,
        region=region,
        objects=0,
        contract=Contract.read(options.contract) if options.contract else None,
        **_switches(options),
    )
    for name, place in others:
        emulator.add_bucket(name, place)
    for name in (bucket, *(name for name, _ in others)):
        uploaded_at = emulator.now() - timedelta(hours=options.uploaded_hours_ago)
        emulator.add_objects(count=options.objects, bucket=name, last_modified_at=uploaded_at)
    return emulator


def _place(named: str, region: str) -> tuple[str, str]:
    """Return name and region of a bucket, ``<name>`` or ``<name>@<region>``."""
    name, _, own_region = named.partition("@")
    if not _LONG_NAME.fullmatch(name):  # the provider refuses a connection with it
        raise ValueError(f"{name!r} is not the long name of a bucket, <name>-<APPID>, such as {defaults.BUCKET}.")
    return name, own_region or region


def _switches(options: argparse.Namespace) -> dict[str, Any]:
    switches: dict[str, Any] = {
        name: getattr(options, name)
        for name in ("submitted_seconds", "run_seconds")
        if getattr(options, name) is not None
    }
    for setting in options.set:
        name, _, text = setting.partition("=")
        switches[name] = _value(text)
    return switches


def _value(text: str) -> Any:
    """Read a number, ``true``, ``null`` or a list as JSON, and anything else as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _announce(emulator: Emulator) -> None:
    print(f"The emulator of Cloud Infinite listens on {emulator.url}")
    print(f"export {CONNECTION_VARIABLE}={shlex.quote(emulator.connection_json())}", flush=True)
