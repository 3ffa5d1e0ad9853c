"""
Every fault with its expected result: for a submission, a wait in a worker, a wait in the triggerer, and a cancel.

The tests run each row as it stands here, and ``scripts/write-error-docs`` writes it into ``docs/faults.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.emulator import Fault, FaultKind
from tests.faults.outcomes import Cancelling, Failed, Outcome, Submitted, Waiting

__all__ = [
    "GROUPS",
    "REQUEST_TIMEOUT_SECONDS",
    "Case",
    "Column",
    "Group",
    "Injected",
    "NetworkFault",
    "Row",
    "Span",
    "cases",
]


class Column(Enum):
    """The operation that meets the fault."""

    SUBMIT = "submit"
    BLOCKING = "wait, in a worker"
    DEFERRED = "wait, deferred"
    CANCEL = "cancel"


class Span(Enum):
    """How long a fault lasts."""

    PASSING = "passing"
    LASTING = "lasting"


@dataclass(frozen=True, slots=True)
class Injected:
    """
    A fault of the emulator.

    :param fault: the fault. Unless it names an operation, it applies to the column's own requests: the
        ``POST`` of a submission, the polls of a wait, the ``PUT`` of a cancel.
    :param everywhere: for all requests, from the column's own one on.
    :param until_created: the client's clock stops until the service has executed a submission.
    """

    fault: Fault
    everywhere: bool = False
    until_created: bool = False


class NetworkFault(Enum):
    """A fault on the way to the service, which no service can inject."""

    NAME_NOT_FOUND = "the name is not found"
    REFUSED = "nothing listens"
    UNTRUSTED = "an untrusted certificate"
    NO_TLS = "no TLS"


# Longer than any test lasts.
FOREVER_SECONDS = 3600.0

# In real time, since a socket has no test clock; a test waits so long only for a fault without an answer.
REQUEST_TIMEOUT_SECONDS = 0.5

Both = tuple[Outcome, Outcome]


@dataclass(frozen=True, slots=True)
class Row:
    """
    One fault.

    :param name: for the documentation, in Markdown.
    :param submit: the outcome while the fault is passing, and the outcome while it lasts; the same for ``blocking``,
        ``deferred`` and ``cancel``. ``None`` if the row has nothing new there.
    :param passing_times: the number of requests that a passing fault affects; for the network, the number of pauses
        that it lasts.
    """

    name: str
    trouble: Injected | NetworkFault
    submit: Both
    blocking: Both | None
    deferred: Both | None
    cancel: Both | None
    passing_times: int = 2

    def outcome(self, column: Column, span: Span) -> Outcome | None:
        """Return the expected result."""
        both: Both | None = getattr(self, column.name.lower())
        return both and both[list(Span).index(span)]


@dataclass(frozen=True, slots=True)
class Group:
    """
    Rows of one kind.

    :param about: introduces them in the documentation.
    :param joined: rows with the same result are one row there.
    """

    title: str
    about: str
    rows: Sequence[Row]
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One cell."""

    row: Row
    column: Column
    span: Span

    @property
    def expected(self) -> Outcome | None:
        """The expected result."""
        return self.row.outcome(self.column, self.span)

    @property
    def takes_real_time(self) -> bool:
        """Whether the fault appears only after :data:`REQUEST_TIMEOUT_SECONDS`, or with megabytes."""
        trouble = self.row.trouble
        return isinstance(trouble, Injected) and trouble.fault.kind in (
            FaultKind.HANG,
            FaultKind.DRIP,
            FaultKind.HUGE_BODY,
        )

    def __str__(self) -> str:
        return f"{self.row.name.replace('`', '')}, {self.span.value}"


def cases(column: Column) -> list[Case]:
    """Return the cells of a column."""
    rows = (row for group in GROUPS for row in group.rows if row.outcome(column, Span.PASSING))
    return [Case(row, column, span) for row in rows for span in Span]


# Most rows consist of these.
TAKEN_AT_ONCE = (Submitted(), Submitted())
FOUND = (Submitted(found=True), Submitted(found=True))
SENT_AGAIN = Submitted(posts=3)
SENT_ONCE_MORE = Submitted(posts=2, looked=True)
NOT_KNOWN = Failed(e.SubmitOutcomeUnknownError, posts=2, looked=True)

ASKED_AGAIN = (Waiting.RIDDEN_OUT, Waiting.LOST_CONTACT)

CANCELLED_AT_ONCE = (Cancelling.AT_ONCE, Cancelling.AT_ONCE)
NOT_CANCELLED = (Cancelling.REFUSED, Cancelling.REFUSED)
CANCEL_SENT_AGAIN = (Cancelling.AGAIN, Cancelling.GIVEN_UP)
CANCEL_ANSWER_LOST = (Cancelling.AGAIN, Cancelling.AGAIN)


def row(
    name: str,
    trouble: Fault | Injected | NetworkFault,
    submit: Both,
    cancel: Both | None,
    waits: Both | None = ASKED_AGAIN,
    passing_times: int = 2,
    deferred: Both | None = None,
) -> Row:
    """Return a row whose two waits have the same result, unless the row has another one for the deferred wait."""
    trouble = Injected(trouble) if isinstance(trouble, Fault) else trouble
    return Row(name, trouble, submit, waits, deferred or waits, cancel, passing_times)


def refused(error: type[e.ApiError]) -> tuple[Both, Both]:
    """Return the outcomes of a permanent error: it is not retried, however long it lasts."""
    return (Failed(error), Failed(error)), NOT_CANCELLED


def refused_for_now(error: type[e.TencentCIError]) -> tuple[Both, Both]:
    """Return the outcomes of a request that was certainly not executed: it is retried for up to a minute."""
    return (SENT_AGAIN, Failed(error, posts=6)), CANCEL_SENT_AGAIN


UNDECIDED = (SENT_ONCE_MORE, NOT_KNOWN), CANCEL_SENT_AGAIN
ACTED = FOUND, CANCEL_ANSWER_LOST


def code(status: int, name: str, outcomes: tuple[Both, Both]) -> Row:
    """Return the row of one of the service's codes."""
    fault = Fault("error", status=status, code=name)
    return row(f"{status} `{name}`", fault, *outcomes, passing_times=_passing_times(outcomes))


def no_known_code(status: int, outcomes: tuple[Both, Both]) -> Row:
    """Return the row of an unlisted code, which is classified by its status."""
    fault = Fault("error", status=status, code="Brandnew")
    return row(f"{status} with any other code", fault, *outcomes, passing_times=_passing_times(outcomes))


def _passing_times(outcomes: tuple[Both, Both]) -> int:
    """Return how many requests a passing fault affects: a try sends two of unknown outcome, and no third one."""
    return 1 if outcomes is UNDECIDED else 2


AUTHENTICATION = refused(e.AuthenticationError)
INVALID = refused(e.InvalidRequestError)
NOT_FOUND = refused(e.NotFoundError)
PERMISSION = refused(e.PermissionDeniedError)
REDIRECTED = refused(e.RedirectError)
THROTTLED = refused_for_now(e.ThrottledError)
SATURATED = refused_for_now(e.QueueSaturatedError)
# A signature whose time was refused is made again for each attempt.
SIGNED_AFRESH = refused_for_now(e.AuthenticationError)
# If the answer has the service's time, this happens at once, and only a warning is logged.
CLOCK_OFF = TAKEN_AT_ONCE, CANCELLED_AT_ONCE, (Waiting.AS_USUAL, Waiting.AS_USUAL)

CODES_GROUP = Group(
    "Codes of the service",
    "The codes in the tables of CI and COS, for every kind of request. Some belong to requests that this package never "
    "sends.",
    joined=True,
    rows=[
        # docs/service.md, 5.2, the table of CI, in its order.
        code(301, "PermanentRedirect", REDIRECTED),
        code(307, "TemporaryRedirect", REDIRECTED),
        code(400, "InvalidArgument", INVALID),
        code(400, "MissingContent", INVALID),
        code(400, "InvalidContent", INVALID),
        code(400, "InvalidHost", INVALID),
        code(400, "ResourceNotFound", INVALID),
        code(400, "ResourceAccessDenied", INVALID),
        code(400, "ResourceDownloadFailed", INVALID),
        code(400, "ResourceNotSupported", INVALID),
        code(400, "CIRoleNotExist", INVALID),
        code(401, "MissingAuthorization", AUTHENTICATION),
        code(401, "InvalidAuthorization", AUTHENTICATION),
        code(401, "AccessDenied", PERMISSION),
        code(401, "SecretidNotExist", AUTHENTICATION),
        code(401, "SignatureExpired", SIGNED_AFRESH),
        code(403, "AccessDenied", PERMISSION),
        code(403, "MediaBucketAlreadyBinded", INVALID),
        code(400, "PicBucketUnBinded", INVALID),
        code(403, "ActiveWorkflowForbiddenUpdate", INVALID),
        code(400, "WorkflowExecutionNotFound", NOT_FOUND),
        code(404, "WorkflowExecutionNotFound", NOT_FOUND),
        code(403, "QueueSaturated", SATURATED),
        code(403, "QueuePaused", INVALID),
        code(404, "InvalidUrl", NOT_FOUND),
        code(404, "AuditingJobNotFound", NOT_FOUND),
        code(411, "MissingContentLength", INVALID),
        code(413, "InvalidContent", INVALID),
        code(429, "SlowDown", THROTTLED),
        code(451, "UnavailableForLegalReasons", INVALID),
        code(500, "InternalError", UNDECIDED),
        code(501, "NotImplemented", INVALID),
        code(503, "ServiceUnavailable", UNDECIDED),
        # docs/service.md, 5.2, the paragraph on COS's codes below it.
        code(400, "ExpiredToken", AUTHENTICATION),
        code(400, "RequestTimeout", UNDECIDED),
        code(400, "MalformedXML", INVALID),
        code(400, "InvalidURI", INVALID),
        code(400, "InvalidRegionName", INVALID),
        code(400, "InvalidBucketName", INVALID),
        code(402, "PaymentRequired", INVALID),
        code(403, "InvalidAccessKeyId", AUTHENTICATION),
        code(403, "SignatureDoesNotMatch", AUTHENTICATION),
        code(403, "RequestTimeTooSkewed", SIGNED_AFRESH),
        code(404, "NoSuchBucket", NOT_FOUND),
        code(503, "SlowDown", THROTTLED),
        code(503, "KmsFreqControl", THROTTLED),
        # Known from elsewhere: CI's table of numeric codes, and COS's page.
        code(400, "MediaBucketUnBinded", INVALID),
        code(403, "MediaBucketUnBinded", INVALID),
        code(400, "EntityTooLarge", INVALID),
        # Not on any page: classified by the status.
        no_known_code(400, INVALID),
        no_known_code(401, AUTHENTICATION),
        no_known_code(403, PERMISSION),
        no_known_code(404, NOT_FOUND),
        no_known_code(429, THROTTLED),
        no_known_code(500, UNDECIDED),
    ],
)


REFUSED_GROUP = Group(
    "Refused for now",
    "The service refuses the request without acting on it.",
    [
        row("throttled, 429", Fault(FaultKind.SLOW_DOWN), *THROTTLED),
        row("throttled, 503", Fault(FaultKind.SLOW_DOWN, status=503), *THROTTLED),
        row(
            "throttled, with `Retry-After: 20`",
            Fault(FaultKind.SLOW_DOWN, retry_after_seconds=20),
            submit=(SENT_AGAIN, Failed(e.ThrottledError, posts=4)),
            cancel=(Cancelling.GIVEN_UP, Cancelling.GIVEN_UP),
        ),
        row(
            "throttled, with `Retry-After: 120`",
            Fault(FaultKind.SLOW_DOWN, retry_after_seconds=120),
            submit=(Failed(e.ThrottledError), Failed(e.ThrottledError)),
            cancel=(Cancelling.GIVEN_UP, Cancelling.GIVEN_UP),
        ),
        row("the queue is full", Fault(FaultKind.QUEUE_SATURATED), *SATURATED),
    ],
)

FAILING_GROUP = Group(
    "Failures of the service",
    "The answer does not tell whether the service has acted on the request.",
    [
        row("500, the request is lost", Fault(FaultKind.INTERNAL_ERROR), *UNDECIDED, passing_times=1),
        row("500, the request is executed", Fault(FaultKind.INTERNAL_ERROR, after_acting=True), *ACTED),
        row("502 in HTML, the request is lost", Fault(FaultKind.BAD_GATEWAY), *UNDECIDED, passing_times=1),
        row("502 in HTML, the request is executed", Fault(FaultKind.BAD_GATEWAY, after_acting=True), *ACTED),
        row(
            "500 for this and all later requests, the request is lost",
            Injected(Fault(FaultKind.INTERNAL_ERROR), everywhere=True),
            submit=(SENT_ONCE_MORE, Failed(e.SubmitOutcomeUnknownError, looked=True)),
            cancel=CANCEL_SENT_AGAIN,
        ),
        row(
            "500 for this and all later requests, the request is executed",
            Injected(Fault(FaultKind.INTERNAL_ERROR, after_acting=True), everywhere=True),
            submit=(Submitted(found=True), Failed(e.SubmitOutcomeUnknownError, looked=True, jobs=1)),
            cancel=(Cancelling.AGAIN, Cancelling.UNSEEN),
        ),
        row(
            "500 for the job list alone",
            Injected(Fault(FaultKind.INTERNAL_ERROR, operation="list")),
            submit=(Submitted(), Failed(e.ServiceUnavailableError, posts=0)),
            cancel=(Cancelling.AT_ONCE, Cancelling.UNSEEN),
        ),
        row(
            "the job list does not show the job",
            Injected(Fault(FaultKind.MISSING_NODES, operation="list", nodes=("JobsDetail",))),
            submit=TAKEN_AT_ONCE,
            cancel=(Cancelling.AT_ONCE, Cancelling.UNSEEN),
            waits=(Waiting.AS_USUAL, Waiting.LOST_CONTACT),
            deferred=ASKED_AGAIN,  # a retry some seconds later would delay other waits
        ),
    ],
)

NO_ANSWER_GROUP = Group(
    "No answer",
    "The connection breaks, or no answer comes within `request_timeout`.",
    [
        row(
            "reset, the request is lost",
            Fault(FaultKind.RESET),
            *UNDECIDED,
            passing_times=1,
            # The library itself retries a read over a reused connection.
            deferred=(Waiting.AS_USUAL, Waiting.LOST_CONTACT),
        ),
        row("reset, the request is executed", Fault(FaultKind.RESET, after_acting=True), *ACTED),
        row(
            "silence, the request is lost",
            Fault(FaultKind.HANG, seconds=FOREVER_SECONDS),
            submit=(SENT_ONCE_MORE, NOT_KNOWN),
            cancel=CANCEL_SENT_AGAIN,
            passing_times=1,
        ),
        row(
            "silence, the request is executed",
            Fault(FaultKind.HANG, seconds=FOREVER_SECONDS, after_acting=True),
            *ACTED,
            passing_times=1,
        ),
        *(
            row(
                f"reset, the request is executed {seconds} s later",
                Fault(FaultKind.LATE, seconds=seconds),
                submit=FOUND,
                cancel=None,
                waits=None,
                passing_times=1,
            )
            for seconds in (45, 250)
        ),
        row(
            "silence, the request is executed late, while the list is polled",
            Injected(Fault(FaultKind.HANG, seconds=2 * REQUEST_TIMEOUT_SECONDS), until_created=True),
            submit=FOUND,
            cancel=None,
            waits=None,
            passing_times=1,
        ),
        row(
            "the answer comes very slowly",
            Fault(FaultKind.DRIP, seconds=FOREVER_SECONDS),
            submit=FOUND,
            cancel=CANCELLED_AT_ONCE,  # its answer has no body
            passing_times=1,
        ),
        row("the answer is cut off", Fault(FaultKind.CUT_OFF), *ACTED),
    ],
)

UNREADABLE_GROUP = Group(
    "Unreadable answers",
    "HTTP 200, and the service has acted on the request, but the body is not what the API promises. The body of the "
    "answer to a cancel is not read.",
    [
        row("half of the XML", Fault(FaultKind.TRUNCATED_XML), FOUND, CANCELLED_AT_ONCE),
        row("no body", Fault(FaultKind.EMPTY_BODY), FOUND, CANCELLED_AT_ONCE),
        row("no XML", Fault(FaultKind.GARBAGE_BODY), FOUND, CANCELLED_AT_ONCE),
        row("an entity bomb", Fault(FaultKind.ENTITY_BOMB), FOUND, CANCELLED_AT_ONCE),
        row("an external entity", Fault(FaultKind.EXTERNAL_ENTITY), FOUND, CANCELLED_AT_ONCE),
        row("a body of 50 MB", Fault(FaultKind.HUGE_BODY), *ACTED),
        row(
            "no `JobId`",
            Fault(FaultKind.MISSING_NODES, nodes=("JobId",)),
            FOUND,
            CANCELLED_AT_ONCE,
            (Waiting.AS_USUAL, Waiting.LOST_CONTACT),
            deferred=ASKED_AGAIN,
        ),
        row(
            "no `State`",
            Fault(FaultKind.MISSING_NODES, nodes=("State",)),
            TAKEN_AT_ONCE,
            CANCELLED_AT_ONCE,
            (Waiting.AS_USUAL, Waiting.UNTIL_THE_DEADLINE),
        ),
        row(
            "a `State` that is not documented",
            Fault(FaultKind.UNKNOWN_STATE),
            TAKEN_AT_ONCE,
            CANCELLED_AT_ONCE,
            (Waiting.AS_USUAL, Waiting.UNTIL_THE_DEADLINE),
        ),
    ],
)

NETWORK_GROUP = Group(
    "The network",
    "A request of which no byte was sent is repeated.",
    [
        row("the host's name is not found", NetworkFault.NAME_NOT_FOUND, *refused_for_now(e.TransportError)),
        row("the connection is refused", NetworkFault.REFUSED, *refused_for_now(e.TransportError)),
        row("an untrusted certificate", NetworkFault.UNTRUSTED, *refused_for_now(e.TransportError)),
        row("no TLS where TLS is expected", NetworkFault.NO_TLS, *refused_for_now(e.TransportError)),
        row("307 to another host", Fault(FaultKind.REDIRECT), *REDIRECTED),
        row("301 to another host", Fault(FaultKind.REDIRECT, status=301), *REDIRECTED),
    ],
)

KEYS_GROUP = Group(
    "Keys and clocks",
    "The service does not accept the key or the time of a request.",
    [
        row("an expired temporary key", Fault(FaultKind.EXPIRED_TOKEN), *AUTHENTICATION),
        row("a clock that is 20 minutes slow", Fault(FaultKind.SKEWED_CLOCK, seconds=1200), *CLOCK_OFF),
        # Signatures start up to six minutes early, so 20 minutes are too much only for a part of the time.
        row("a clock that is 25 minutes fast", Fault(FaultKind.SKEWED_CLOCK, seconds=-1500), *CLOCK_OFF),
    ],
)

GROUPS = (
    REFUSED_GROUP,
    FAILING_GROUP,
    NO_ANSWER_GROUP,
    UNREADABLE_GROUP,
    NETWORK_GROUP,
    KEYS_GROUP,
    CODES_GROUP,
)
