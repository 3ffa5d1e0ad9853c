"""
The service, modelled from its documentation (docs/service.md, 2 and 5), and independently of the client.

It has its own clock, a list that may lag, and handles each request as the history says:

=================  ===================================================================================================
``refused``        no connection comes about
``reset``          the connection breaks, and the request is never acted on
``dropped``        the request is never acted on, and the client hangs up
``lost``           acted on at once, and the connection breaks
``hang``           acted on at once, and the client hangs up
``late``           acted on ``seconds`` later, when the client may have hung up
``late_reset``     the connection breaks at once, and the request is acted on ``seconds`` later
``late_504``       a gateway answers 504 after 5 s at most, and the request is acted on ``seconds`` later
``error``          500, not acted on
``error_after``    500, and acted on
``truncated``      acted on, and the answer is cut off
``html``           a gateway's page with 502, not acted on
``throttled``      429 with ``Retry-After: seconds``
``unavailable``    503 ``SlowDown`` with ``Retry-After: seconds``
``saturated``      403 ``QueueSaturated``
``cut_short``      a page whose token is that of the page itself, so that the rest of the list is unknown
``odd_date``       acted on; the answer's ``Date`` is of another century
``twice``          acted on twice
=================  ===================================================================================================
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from airflow_provider_tencent_ci.core.wire.messages import Request
from airflow_provider_tencent_ci.exceptions import TransportError
from tests.simulation.files import FileList

if TYPE_CHECKING:
    from tests.simulation.airflow_model import Series
    from tests.simulation.history import Fault, History
    from tests.simulation.steps import Send
    from tests.simulation.world import Process, World

__all__ = ["EPOCH", "Caller", "Job", "Keys", "Service"]

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_EPOCH_SECONDS = EPOCH.timestamp()
_CHINA = timezone(timedelta(hours=8))
_EPOCH_IN_CHINA = EPOCH.astimezone(_CHINA).replace(tzinfo=None)

_GATEWAY_SECONDS = 5.0


class Caller(Protocol):
    """The sender of a request: a process, or a part of one."""

    @property
    def name(self) -> str: ...

    @property
    def token(self) -> int:
        """Identifies its current step, so that answers to earlier steps are ignored."""

    @property
    def process(self) -> Process: ...

    def answer(self, token: int, status: int, headers: dict[str, str], body: bytes) -> None: ...

    def throw(self, token: int, error: BaseException) -> None: ...


class Job:
    """
    One batch job.

    :ivar process: the process whose request created it.
    :ivar cancels: the processes that cancelled it, with the times.
    :ivar shown_live: whether it was live in the last answer to a process.
    :ivar files: the list of its files, if it has any.
    """

    __slots__ = (
        "cancels", "created_at", "ends_at", "files", "job_id", "name", "outcome", "process", "round", "series",
        "shown_live", "wrote_at",
    )  # fmt: skip

    def __init__(
        self,
        job_id: str,
        name: str,
        process: Process | None,
        created_at: float,
        wrote_at: str,
        ends_at: float,
        outcome: str,
    ) -> None:
        self.job_id = job_id
        self.name = name
        self.process = process
        self.created_at = created_at
        self.wrote_at = wrote_at
        self.ends_at = ends_at
        self.outcome = outcome
        self.cancels: list[tuple[float, Process]] = []
        self.series: Series | None = None
        self.shown_live: dict[Process, bool] = {}
        self.round = 0
        self.files: FileList | None = None

    def state(self, at: float) -> str:
        if at >= self.ends_at:
            return self.outcome
        return "Running" if at >= self.created_at + 1 else "Submitted"

    def is_live(self, at: float) -> bool:
        return at < self.ends_at

    def is_dead(self, at: float) -> bool:
        """Whether it ended without a result, or is about to."""
        return self.state(at) in ("Failed", "Cancel") or any(asked_at <= at for asked_at, _ in self.cancels)

    def cancel(self, at: float, process: Process) -> None:
        if at < self.ends_at:
            if not self.cancels:
                self.ends_at, self.outcome = min(self.ends_at, at + 2), "Cancel"
            self.cancels.append((at, process))


class Keys:
    """The source of the keys, which uses the service's time."""

    def __init__(self, history: History) -> None:
        self.lifetime = history.keys_last
        self.expires: dict[str, float] = {}

    def issue(self, service_time: float) -> tuple[str, float | None]:
        """Return the id of new keys, and when they expire."""
        key = f"k{len(self.expires)}"
        expires = service_time + self.lifetime if self.lifetime else None
        self.expires[key] = expires or 1e12
        return key, expires


class Service:
    """The service of one history."""

    def __init__(self, world: World) -> None:
        history = world.history
        self.world = world
        self.keys = Keys(history)
        self.jobs: dict[str, Job] = {}
        self.refusals: dict[Process, int] = {}
        self._history = history
        self._counts = {"post": 0, "list": 0, "get": 0, "cancel": 0, "files": 0}
        self._faults = {(fault.request, fault.number): fault for fault in history.faults}
        for number in range(history.strangers):
            self._make(f"stranger_{number}", None, -3600.0 + 60 * number)

    def take(self, process: Caller, step: Send) -> None:
        """Accept a request; the process gets its answer some time later, or none."""
        world = self.world
        kind = _kind(step.request)
        number = self._counts[kind] = self._counts[kind] + 1
        fault = self._faults.get((kind, number))
        there, back = world.latency(), world.latency()
        if world.tells and kind == "post":
            world.say(f"{process.name}: sends a POST")
        if fault is None:
            world.after(there, self._act, process, process.token, step, kind, back, None)
            return
        world.meet(fault)
        if world.tells:
            world.say(f"{process.name}: {_what(step.request)} meets: {fault.what}{_seconds(fault)}")
        self._misbehave(process, step, kind, fault, there, back)

    def _misbehave(self, process: Caller, step: Send, kind: str, fault: Fault, there: float, back: float) -> None:
        world, what, token = self.world, fault.what, process.token
        if what == "refused":
            world.after(there, process.throw, token, TransportError("refused", request_sent=False))
        elif what in ("reset", "lost", "late_reset"):
            if what != "reset":
                world.after(
                    there + (fault.seconds if what == "late_reset" else 0),
                    self._act,
                    process,
                    token,
                    step,
                    kind,
                    None,
                    None,
                )
            world.after(there + back, process.throw, token, TransportError("reset", request_sent=True))
        elif what in ("dropped", "hang", "late"):
            acts_after = there + (fault.seconds if what == "late" else 0)
            in_time = what == "late" and acts_after + back < step.timeout
            if what != "dropped":
                world.after(acts_after, self._act, process, token, step, kind, back if in_time else None, None)
            if not in_time:
                world.after(step.timeout, process.throw, token, TransportError("timed out", request_sent=True))
        elif what == "late_504":
            world.after(there + fault.seconds, self._act, process, token, step, kind, None, None)
            self._answer(process, token, min(fault.seconds, _GATEWAY_SECONDS) + there + back, 504, b"")
        elif what == "error":
            self._answer(process, token, there + back, 500, _error("InternalError"))
        elif what == "html":
            self._answer(process, token, there + back, 502, b"<html><body>Bad Gateway</body></html>")
        elif what in ("throttled", "unavailable"):
            wait = {"retry-after": f"{fault.seconds:.0f}"}
            status, code = (429, "SlowDown") if what == "throttled" else (503, "SlowDown")
            self._answer(process, token, there + back, status, _error(code), wait)
        elif what == "saturated":
            self._answer(process, token, there + back, 403, _error("QueueSaturated"))
        else:
            if what == "twice":
                world.after(there + fault.seconds, self._act, process, token, step, kind, None, None)
            world.after(there, self._act, process, token, step, kind, back, fault)

    def _act(self, process: Caller, token: int, step: Send, kind: str, back: float | None, fault: Fault | None) -> None:
        """
        Execute a request.

        :param back: the travel time of the answer; ``None`` if no process waits for it.
        """
        status, body, headers = 200, b"", {}
        if refusal := self._refusal(step):
            self.refusals[process.process] = self.refusals.get(process.process, 0) + 1
            status, body = refusal
            if self.world.tells:
                self.world.say(
                    f"service: refuses {_what(step.request)} of {process.name}: {body.decode()[13:40].split('<')[0]}"
                )
        elif kind == "post":
            body = self._create(process.process, step.request, token)
        elif kind == "list":
            body = self._list(dict(step.request.query), fault)
        elif kind == "files":
            body = self._page_of_files(dict(step.request.query))
        elif kind == "get":
            body = self._get(step.request.path)
        else:
            self._cancel(process.process, step.request.path)
        if back is None:
            return
        if fault is None or fault.what not in ("error_after", "truncated"):
            self._note_shown(process.process, body)
        if fault is not None:
            if fault.what == "error_after":
                status, body = 500, _error("InternalError")
            elif fault.what == "truncated":
                body = body[:-12]
            elif fault.what == "odd_date":
                headers = {"date": "Fri, 31 Dec 9999 23:59:59 GMT"}
        self._answer(process, token, back, status, body, headers)

    def _note_shown(self, process: Process, body: bytes) -> None:
        """Record which jobs in an arriving answer are live."""
        for detail in body.split(b"<JobsDetail>")[1:]:
            job_id = detail.partition(b"<JobId>")[2].partition(b"</JobId>")[0].decode()
            self.jobs[job_id].shown_live[process] = b"<EndTime>-<" in detail

    def _answer(
        self, process: Caller, token: int, after: float, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.world.after(after, process.answer, token, status, {**self.date(), **(headers or {})}, body)

    def date(self) -> dict[str, str]:
        """Return the header with the time, if answers have one."""
        return {"date": _date_at(int(_EPOCH_SECONDS + self.time))} if self._history.dates else {}

    @property
    def time(self) -> float:
        """The service's time, in seconds after the epoch of the history."""
        return self.world.time_of(5)

    def _refusal(self, step: Send) -> tuple[int, bytes] | None:
        """Check the keys and the time of a request, as the service does before anything else."""
        written = step.headers.get("authorization")
        if not written:
            return 401, _error("MissingAuthorization")
        now = self.time
        expires = self.keys.expires.get(_field(written, "q-ak"))
        if expires is None:
            return 403, _error("InvalidAccessKeyId")
        if now >= expires:
            return 400, _error("ExpiredToken")
        start, _, end = _field(written, "q-key-time").partition(";")
        if float(start) - _EPOCH_SECONDS - self._history.tolerance > now:
            return 403, _error("RequestTimeTooSkewed")
        if now <= float(end) - _EPOCH_SECONDS:
            return None
        if self._history.cos_style:
            return 403, b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        return 401, _error("SignatureExpired")

    def _create(self, process: Process, request: Request, token: int) -> bytes:
        name = request.body.partition(b"<Name>")[2].partition(b"</Name>")[0].decode()
        job = self._make(name, process, self.world.now)
        self.world.made(job, process, token)
        return b"<Response>" + self._detail(job, self.world.now) + b"</Response>"

    def _make(self, name: str, process: Process | None, at: float) -> Job:
        history = self._history
        number = len(self.jobs) - history.strangers
        outcome = history.outcomes[number] if process and number < len(history.outcomes) else "Success"
        ends_at = at + history.job_seconds
        job = Job(f"b{len(self.jobs)}", name, process, at, self._written(at), ends_at, outcome)
        if history.files:
            job.files = FileList(history, at, EPOCH + timedelta(seconds=self.time))
        self.jobs[job.job_id] = job
        return job

    def _page_of_files(self, query: dict[str, str | None]) -> bytes:
        if query.get("endCreationTime"):
            self.world.count("a window of files is read")
        job = self.jobs[query["jobId"] or ""]
        return job.files.page(query, self.world.now, job.ends_at) if job.files else b"<Response/>"

    def _list(self, query: dict[str, str | None], fault: Fault | None) -> bytes:
        history, now = self._history, self.world.now
        lag = history.lag * self.world.random.random() if history.lag_varies else history.lag
        seen_at = now - lag if history.stale else now
        found = [job for job in self.jobs.values() if job.created_at + lag <= now and self._fits(job, query, seen_at)]
        if query.get("orderByTime") != "Asc":
            found.reverse()
        begin = int(query.get("nextToken") or 0)
        end = begin + min(int(query.get("size") or 10), history.page_size)
        token = str(end) if end < len(found) else ""
        if fault is not None and fault.what == "cut_short":
            # An empty page with its own token would be an end like any other (docs/service.md, 2.7).
            end, token = (end, query["nextToken"]) if query.get("nextToken") else (begin, "0")
        shown = b"".join(self._detail(job, seen_at) for job in found[begin:end])
        return b"<Response>" + shown + b"<NextToken>" + token.encode() + b"</NextToken></Response>"

    def _fits(self, job: Job, query: dict[str, str | None], seen_at: float) -> bool:
        if (job_id := query.get("jobId")) and job.job_id != job_id:
            return False
        if (name := query.get("name")) and self._history.name_filter != "ignored":
            cut = name[:8] if self._history.name_filter == "prefix" else name
            if not (job.name.startswith(cut) if cut is not name else job.name == name):
                return False
        if (states := query.get("states")) and states != "All" and self._word(job, seen_at) not in states.split(","):
            return False
        wrote_at = job.wrote_at
        if (start := query.get("startCreationTime")) and wrote_at < _in_china(start):
            return False
        return not ((end := query.get("endCreationTime")) and wrote_at > _in_china(end))

    def _get(self, path: str) -> bytes:
        now = self.world.now
        job = self.jobs.get(unquote(path.rsplit("/", 1)[1]))
        lag = self._history.lag if self._history.get_lags else 0
        if job is None or job.created_at + lag > now:
            return b"<Response><NonExistJobIds>" + path.rsplit("/", 1)[1].encode() + b"</NonExistJobIds></Response>"
        return b"<Response>" + self._detail(job, now) + b"</Response>"

    def _cancel(self, process: Process, path: str) -> None:
        job = self.jobs.get(unquote(path.rsplit("/", 1)[1]))
        if job is not None:
            if self.world.tells:
                self.world.say(f"service: cancels {job.job_id} for {process.name}")
            job.cancel(self.world.now, process)

    def _word(self, job: Job, at: float) -> str:
        state = job.state(at)
        return self._history.running if state == "Running" else state

    def _written(self, at: float) -> str:
        """Write a moment as the service's clock shows it."""
        return (_EPOCH_IN_CHINA + timedelta(seconds=int(at - self.world.now + self.time))).isoformat() + "+0800"

    def _detail(self, job: Job, at: float) -> bytes:
        what = f"<Type>{self._history.type}</Type>" if self._history.type else ""
        what += "<Operation><WorkflowIds>w1</WorkflowIds></Operation>" if self._history.kinds else ""
        ended = self._written(job.ends_at) if at >= job.ends_at else "-"
        return (
            f"<JobsDetail><JobId>{job.job_id}</JobId><Name>{job.name}</Name><State>{self._word(job, at)}</State>"
            f"<CreationTime>{job.wrote_at}</CreationTime><EndTime>{ended}</EndTime>{what}</JobsDetail>"
        ).encode()


@lru_cache(maxsize=4096)
def _date_at(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _kind(request: Request) -> str:
    if request.method == "POST":
        return "post"
    if request.method == "PUT":
        return "cancel"
    if request.path == "/workflowexecution":
        return "files"
    return "list" if request.path == "/inventorytriggerjob" else "get"


def _field(authorization: str, name: str) -> str:
    return authorization.partition(f"&{name}=")[2].partition("&")[0]


def _what(request: Request) -> str:
    query = {key: value for key, value in request.query if key in ("name", "jobId")}
    return f"{request.method} {request.path.rsplit('/', 1)[1]}{query or ''}"


def _seconds(fault: Fault) -> str:
    return f" ({fault.seconds:g} s)" if fault.seconds else ""


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


def _in_china(text: str) -> str:
    """Write a time as the service writes its own, so that texts can be compared."""
    return datetime.fromisoformat(text).astimezone(_CHINA).replace(tzinfo=None).isoformat() + "+0800"
