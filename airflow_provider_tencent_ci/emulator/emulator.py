"""The emulator as an object: the service with its controls, a server in a thread, and the connection to it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar
from urllib.parse import quote, urlencode

from airflow_provider_tencent_ci.emulator.auth.request_signature import AccessKey
from airflow_provider_tencent_ci.emulator.auth.roles import Role
from airflow_provider_tencent_ci.emulator.contract.contract import Contract, seen_contract
from airflow_provider_tencent_ci.emulator.control.control_api import control
from airflow_provider_tencent_ci.emulator.control.controls import Controls
from airflow_provider_tencent_ci.emulator.control.summaries import JobSummary
from airflow_provider_tencent_ci.emulator.faults.fault_catalogue import ActiveFault
from airflow_provider_tencent_ci.emulator.http.request_log import RecordedRequest
from airflow_provider_tencent_ci.emulator.http.server_thread import ServerThread
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = ["CONNECTION_VARIABLE", "Emulator"]

CONNECTION_VARIABLE = "AIRFLOW_CONN_TENCENT_CI_DEFAULT"

ArgumentsT = ParamSpec("ArgumentsT")
ResultT = TypeVar("ResultT")


def _of_controls(
    method: Callable[Concatenate[Controls, ArgumentsT], ResultT],
) -> Callable[Concatenate[Emulator, ArgumentsT], ResultT]:
    """Make a method of the emulator that calls a method of its controls, with the same arguments and description."""

    @functools.wraps(method)
    def call(emulator: Emulator, /, *args: ArgumentsT.args, **kwargs: ArgumentsT.kwargs) -> ResultT:
        return method(emulator._controls, *args, **kwargs)

    return call


class Emulator:
    """
    Cloud Infinite on a port of this machine.

    .. code-block:: python

        with Emulator(run_seconds=60) as emulator:
            os.environ["AIRFLOW_CONN_TENCENT_CI_DEFAULT"] = emulator.connection_json()
            ...  # submit a job
            emulator.advance(seconds=61)
            assert emulator.jobs[0].state == "Success"

    Mistakes inside the emulator, unlike the errors that it answers with, are raised when it is stopped.

    :param host: the address to listen on; with any other than the loopback, other machines can send requests.
    :param port: 0: a free one.
    :param bucket: the name of the first bucket, which exists from the start.
    :param region: its region.
    :param objects: how many media objects it holds at the start.
    :param now: where the time comes from (returns an aware datetime), for jobs and for the windows of signatures;
        default: this machine's clock.
    :param contract: the facts of the service by which it behaves; default: those that were seen of the real service,
        and the assumed ones for the rest (docs/service.md, 12).
    :param switches: switches of :class:`~airflow_provider_tencent_ci.emulator.Behaviour` by name, without their groups;
        they go before the contract.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        bucket: str = defaults.BUCKET,
        region: str = defaults.REGION,
        objects: int = defaults.OBJECT_COUNT,
        now: Callable[[], datetime] | None = None,
        contract: Contract | None = None,
        **switches: Any,
    ) -> None:
        behaviour = Behaviour().changed(**{**(contract or seen_contract()).switches(), **switches})
        self._controls = Controls(bucket=bucket, region=region, objects=objects, now=now, behaviour=behaviour)
        self._server = ServerThread(self, functools.partial(control, self._controls), host, port)

    # --- the server

    def start(self) -> Self:
        """
        Start the server in a daemon thread and return when it listens.

        :raises OSError: the address cannot be listened on.
        """
        self._server.start()
        return self

    def stop(self) -> None:
        """
        Stop the server; does nothing if it does not run.

        :raises Exception: the first mistake inside the emulator, if there was one.
        """
        self._server.stop()
        self.check()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except Exception as failure:
            if error is None:
                raise
            error.add_note(f"The emulator failed, too: {failure!r}")

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.port

    @property
    def url(self) -> str:
        """Its address, such as ``http://127.0.0.1:40123``; the ``endpoint_url`` of a connection."""
        return self._server.url

    # --- the connection to it

    def connection(self, credentials: str = "keys") -> dict[str, Any]:
        """
        Return an Airflow connection to the first bucket.

        :param credentials: ``keys``; ``machine_role`` for the keys of the machine's role; ``assume_role`` for those of
            the first role, assumed with the first key.
        """
        extra = {"region": self.default_region, "bucket": self.default_bucket, "endpoint_url": self.url}
        key_pair = {"login": defaults.SECRET_ID, "password": defaults.SECRET_KEY}
        if credentials == "machine_role":
            extra |= {"credentials": credentials, "metadata_url": self.url}
            key_pair = {}
        elif credentials == "assume_role":
            role_arn = Role(defaults.ROLE_NAME).arn
            extra |= {"credentials": credentials, "role_arn": role_arn, "sts_url": self.url}
        elif credentials != "keys":
            raise ValueError(f"credentials={credentials!r} is not one of keys, machine_role, assume_role.")
        return {"conn_type": "tencent_ci", **key_pair, "extra": extra}

    def connection_json(self, credentials: str = "keys") -> str:
        """Return the connection as a value for ``AIRFLOW_CONN_TENCENT_CI_DEFAULT``."""
        return json.dumps(self.connection(credentials))

    def connection_uri(self) -> str:
        """Return the connection as a URI, the other form of the variable's value."""
        login, password = quote(defaults.SECRET_ID, safe=""), quote(defaults.SECRET_KEY, safe="")
        return f"tencent-ci://{login}:{password}@/?{urlencode(self.connection()['extra'])}"

    # --- the state that a test sets up

    @property
    def default_bucket(self) -> str:
        """The name of the first bucket."""
        return self._controls.default_bucket

    @property
    def default_region(self) -> str:
        """The region of the first bucket."""
        return self._controls.default_region

    reset = _of_controls(Controls.reset)
    add_bucket = _of_controls(Controls.add_bucket)
    bucket = _of_controls(Controls.bucket)
    add_objects = _of_controls(Controls.add_objects)
    add_workflow = _of_controls(Controls.add_workflow)
    add_key = _of_controls(Controls.add_key)
    add_role = _of_controls(Controls.add_role)
    bind_role = _of_controls(Controls.bind_role)
    configure = _of_controls(Controls.configure)

    # --- the events that a test causes

    now = _of_controls(Controls.now)
    advance = _of_controls(Controls.advance)
    inject = _of_controls(Controls.inject)
    clear_faults = _of_controls(Controls.clear_faults)
    pause_queue = _of_controls(Controls.pause_queue)
    resume_queue = _of_controls(Controls.resume_queue)
    fail_job = _of_controls(Controls.fail_job)
    finish_job = _of_controls(Controls.finish_job)
    cancel_job = _of_controls(Controls.cancel_job)
    forget_job = _of_controls(Controls.forget_job)

    # --- the state that a test reads

    @property
    def temporary_keys(self) -> list[AccessKey]:
        """The keys that the metadata service and STS have handed out, expired ones included, oldest first."""
        return self._controls.temporary_keys

    @property
    def faults(self) -> list[ActiveFault]:
        """The faults that were injected and not cleared, spent ones included."""
        return self._controls.faults

    @property
    def jobs(self) -> list[JobSummary]:
        """All batches as they are now, in the order of their creation."""
        return self._controls.jobs

    @property
    def requests(self) -> list[RecordedRequest]:
        """
        The newest requests in the order of their arrival, refused and failed ones included.

        At most 10,000 of them, with at most 64 MiB of bodies in all; older ones are dropped. The newest always stays.
        """
        return self._controls.requests

    job = _of_controls(Controls.job)
    files = _of_controls(Controls.files)
    count = _of_controls(Controls.count)
    counts = _of_controls(Controls.counts)
    state = _of_controls(Controls.state)
    check = _of_controls(Controls.check)

    # --- the requests that the server passes on

    receive = _of_controls(Controls.receive)
    answer = _of_controls(Controls.answer)
