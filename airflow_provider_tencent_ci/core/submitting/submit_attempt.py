"""One attempt to submit a batch job: the request, its name, and the functions that the caller gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.messages import Flow

# Runs before the request is sent: checks, may upload the input, and raises if nothing may be submitted now.
BeforeSubmit = Callable[[], Flow[None]]

# Raises if it is too late to send a request.
CheckDeadline = Callable[[], None]

# Logs a sentence: what the attempt waits for.
Log = Callable[[str], None]

# The service documents neither how late it acts on a request nor how far its list lags behind. A gateway usually gives
# a request up after one to two minutes. A list that lags longer than some minutes would be out of order.
RECONCILE_TIMEOUT_SECONDS = 300.0


def nothing_before_submit() -> Flow[None]:
    """Do nothing before the request is sent."""
    yield from ()


def no_deadline() -> None:
    """Let a request be sent at any time."""


def log_nothing(_sentence: str) -> None:
    """Log nothing."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One try to submit.

    :param readable: the readable part of the job's name.
    :param token: the token of this series and request; the note of an earlier try replaces it.
    :param specification: the request.
    :param is_first: whether it is the first try of its series.
    :param reconcile_timeout: seconds for which the service may still act on a request after it was sent.
    :param before_submit: runs before the request is sent; not called if there is a job to adopt.
    :param check_deadline: raises if it is too late; called right before each request is sent.
    :param try_key: what no other try of the task has.
    :param log: logs what the attempt waits for.
    :param former_readable: the readable part that an earlier release gave to this job's name, if it is another one.
    """

    readable: str
    token: str
    specification: InventoryJobSpecification
    is_first: bool
    reconcile_timeout: float = RECONCILE_TIMEOUT_SECONDS
    before_submit: BeforeSubmit = nothing_before_submit
    check_deadline: CheckDeadline = no_deadline
    log: Log = log_nothing
    try_key: str = ""
    former_readable: str = ""
