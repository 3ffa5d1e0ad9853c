"""
All errors of the package, as one tree of classes.

Decisions are made by class and by the service's code, never by the text of a message. No class here knows
Airflow, so that the core can raise them. Where Airflow needs its own class (such as a sensor's time-out), the error
is translated where it is raised.

.. code-block:: text

    TencentCIError
    ├── InvalidArgumentError          what the user gave is wrong; nothing was sent (also a ValueError)
    ├── ApiError                      the service answered, and the answer is an error
    │   ├── AuthenticationError       unknown key, wrong signature, expired key, clock off
    │   ├── PermissionDeniedError     the key is known and may not do this
    │   ├── InvalidRequestError       the service does not take the request as it is
    │   ├── NotFoundError             no such bucket, address or job
    │   ├── ThrottledError            too many requests
    │   ├── QueueSaturatedError       the queue takes no more work for now
    │   ├── RedirectError             the service points elsewhere; never followed
    │   ├── ServiceUnavailableError   the service failed, or a gateway gave up (5xx, 408)
    │   └── UnreadableResponseError   the answer is not what the API promises
    ├── TransportError                no answer; says which host, and whether the request was sent
    │   └── CredentialsError          no valid temporary credentials to sign with; nothing was sent
    ├── SubmitOutcomeUnknownError     a submission got no answer, and the job list does not show the job
    ├── SubmissionTakenOverError      another try of the same task submits; this one sent nothing
    ├── TargetUnusableError           ``validate=True`` and the workflow or queue does not exist, or is paused
    ├── TooManyActiveJobsError        ``max_active_jobs`` is reached; nothing was submitted
    ├── JobExistsError                ``on_existing="fail"`` and there is such a job
    ├── JobError                      the job itself ended badly
    │   ├── JobFailedError
    │   ├── JobCancelledError
    │   ├── FilesFailedError          it succeeded, and as many files failed as ``fail_on`` says
    │   └── NoFilesError              it succeeded, and there was no file (``on_empty``)
    ├── FilesUnknownError             the job has ended; the states of its files could not be read
    ├── WaitTimeoutError              ``wait_timeout`` is over; the job goes on
    ├── LostContactError              no poll had an answer for ``contact_timeout``; the job may still run
    └── UnexpectedEventError          the task was resumed with something that no trigger of this package sends
"""

from __future__ import annotations

import copy
import copyreg
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, Self

__all__ = [
    "ApiError",
    "AuthenticationError",
    "CredentialsError",
    "FilesFailedError",
    "FilesUnknownError",
    "InvalidArgumentError",
    "InvalidRequestError",
    "JobCancelledError",
    "JobError",
    "JobExistsError",
    "JobFailedError",
    "LostContactError",
    "NoFilesError",
    "NotFoundError",
    "PermissionDeniedError",
    "QueueSaturatedError",
    "RedirectError",
    "ServiceUnavailableError",
    "SubmissionTakenOverError",
    "SubmitOutcomeUnknownError",
    "TargetUnusableError",
    "TencentCIError",
    "ThrottledError",
    "TooManyActiveJobsError",
    "TransportError",
    "UnexpectedEventError",
    "UnreadableResponseError",
    "WaitTimeoutError",
]


class ReportedJob(Protocol):
    """The record of a job that an error carries: an ``InventoryJob``, whose module stands above this one."""

    @property
    def job_id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def state(self) -> Any: ...

    @property
    def reason(self) -> tuple[str, str]: ...

    @property
    def creation_time(self) -> datetime | None: ...

    @property
    def input(self) -> Mapping[str, Any]: ...

    @property
    def operation(self) -> Mapping[str, Any]: ...


class TencentCIError(Exception):
    """
    Base of all errors of this package; not raised itself. Errors can be pickled and copied.

    :ivar place: the connection and the bucket, in front of the message; empty while they are not known, and of an error
        that is the same in each place.
    """

    place = ""

    def at(self, place: str) -> Self:
        """
        Return this error with another place, as a copy: tasks with different connections may share a request.

        :param place: see :attr:`place`; empty for no other one. A message that names it stays as it is.
        """
        text = str(self)
        if not place or place in text or f"{place.removesuffix(': ')}, bucket " in text:
            return self
        error = copy.copy(self)
        error.place = place
        return error

    def __str__(self) -> str:
        return f"{self.place}{super().__str__()}"

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep all attributes, and a cause of this package; others, such as those of HTTP libraries, may hold locks."""
        # By default Python calls the class with `args` alone, and some classes need more arguments.
        cause = {"__cause__": self.__cause__} if isinstance(self.__cause__, TencentCIError) else {}
        return copyreg.__newobj__, (type(self), *self.args), {**self.__dict__, **cause}  # type: ignore[attr-defined]


class InvalidArgumentError(TencentCIError, ValueError):
    """An argument or a field of the connection is wrong. The message names it; no request was sent."""


class ApiError(TencentCIError):
    """
    The service answered with an error.

    :param message: what happened, to what.
    :param status: the HTTP status.
    :param code: the service's code, such as ``AccessDenied``; empty when the answer had none.
    :param request_id: the service's id of the request, which its support needs; may be empty.
    :param advice: what to do about it; may be empty.
    :param retry_after_seconds: how long the service asked to wait, or ``None``.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        request_id: str = "",
        advice: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id
        self.advice = advice
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        """Say where and what happened, the service's code and request id, and what to do."""
        known = [
            f"HTTP {self.status}" if self.status else "",
            f"code {self.code}" if self.code else "",
            f"request id {self.request_id}" if self.request_id else "",
        ]
        facts = ", ".join(fact for fact in known if fact)
        return " ".join(
            part for part in (self.place + self.message, f"({facts})" if facts else "", self.advice) if part
        )


class AuthenticationError(ApiError):
    """The service does not accept the credentials or the signature. Repeating cannot help."""


class PermissionDeniedError(ApiError):
    """The key is valid but may not do this: a CAM action is missing, or the bucket belongs to another account."""


class InvalidRequestError(ApiError):
    """The service refuses the request as it is. Repeating cannot help."""


class NotFoundError(ApiError):
    """The bucket, the address or the job does not exist."""


class ThrottledError(ApiError):
    """Too many requests; the request was refused unread."""


class QueueSaturatedError(ApiError):
    """The queue is full; the request was refused. It may be repeated after some minutes."""


class RedirectError(ApiError):
    """The service sent a redirect, which is never followed: the signature names the host."""


class ServiceUnavailableError(ApiError):
    """The service failed, or a gateway before it gave up. Whether it acted on the request is not known."""


class UnreadableResponseError(ApiError):
    """The answer is not XML, is cut off, declares entities, is too large, or lacks what the API promises."""


class TransportError(TencentCIError):
    """
    There was no answer.

    :param message: what happened, with the host.
    :param request_sent: ``False`` when no byte of the request can have reached the service (name not found,
        connection refused, TLS refused), so that any request may be repeated; ``True`` when some may have.
    """

    def __init__(self, message: str, *, request_sent: bool) -> None:
        super().__init__(message)
        self.request_sent = request_sent


class CredentialsError(TransportError):
    """
    There are no valid temporary credentials to sign with, so nothing was sent. The message names their source.

    :param message: what happened, at which source, and what to do.
    :param may_pass: whether a retry soon may help. A wait keeps polling in either case.
    """

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        super().__init__(message, request_sent=False)
        self.may_pass = may_pass


class SubmitOutcomeUnknownError(TencentCIError):
    """A submission was sent and not answered, and the job list does not show the job or cannot be read."""


class SubmissionTakenOverError(TencentCIError):
    """Another try of the same task has taken over the submission; this one, which Airflow gave up, sent nothing."""


class JobExistsError(TencentCIError):
    """
    A job of this name exists and ``on_existing="fail"`` is set.

    :param job: the job found.
    """

    def __init__(self, message: str, *, job: ReportedJob) -> None:
        super().__init__(message)
        self.job = job


class TargetUnusableError(TencentCIError):
    """The workflow or queue that the job is for does not exist, or is paused. Nothing was submitted."""


class TooManyActiveJobsError(TencentCIError):
    """As many batch jobs of the bucket are active as ``max_active_jobs`` says. Nothing was submitted."""


class JobError(TencentCIError):
    """
    The job has ended, and not well.

    :param job: its last record.
    """

    def __init__(self, message: str, *, job: ReportedJob) -> None:
        super().__init__(message)
        self.job = job


class JobFailedError(JobError):
    """The job ended as ``Failed``."""


class JobCancelledError(JobError):
    """The job ended as ``Cancel``."""


class FilesFailedError(JobError):
    """The job succeeded, and as many of its files failed as ``fail_on`` says."""


class NoFilesError(JobError):
    """The job succeeded without a single file, and ``on_empty`` does not allow that."""


class FilesUnknownError(TencentCIError):
    """
    The job has ended. The states of its files decide about the task, and could not be read.

    A retry finds the job again and reads them; nothing is submitted.
    """


class WaitTimeoutError(TencentCIError):
    """``wait_timeout`` is over. The job was not cancelled and continues."""


class LostContactError(TencentCIError):
    """No poll of the job had an answer for ``contact_timeout``. The job was not cancelled and may still run."""


class UnexpectedEventError(TencentCIError):
    """A deferred task was resumed with an event that it does not understand."""
