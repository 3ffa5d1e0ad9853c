"""Temporary keys over both transports: their source, their lifetime, and the number of requests for them."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from airflow_provider_tencent_ci import exceptions as e
from airflow_provider_tencent_ci.core.api import job_calls
from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.credentials.roles import AssumedRole, MachineRole
from airflow_provider_tencent_ci.core.polling.wait import Wait, WaitStatus, wait_for_job
from airflow_provider_tencent_ci.core.wire.request_credentials import Credentials
from airflow_provider_tencent_ci.core.wire.request_retry import NO_RETRY, send_with_retry
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.auth.roles import Role
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.transport import credentials_fetch
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport
from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport
from airflow_provider_tencent_ci.transport.credentials_cache import CredentialsCache
from tests.core.submitting.attempts import submitting
from tests.transport.conftest import configuration
from tests.transport.servers import RawServer

BASE = Credentials(defaults.SECRET_ID, defaults.SECRET_KEY)
ARN = Role(defaults.ROLE_NAME).arn
TEMPORARY = Credentials("AKIDTEMPORARY", "temporary-secret", "temporary-token")
SPECIFICATION = InventoryJobSpecification.from_arguments(workflow_ids=defaults.WORKFLOW_ID, prefix="media/")
HOUR = 3600


class Clock:
    """A time that only pauses and tests move."""

    def __init__(self):
        self.moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += timedelta(seconds=seconds)

    async def sleep_async(self, seconds):
        self.sleep(seconds)


class Masker:
    """Records the keys that it gets."""

    def __init__(self):
        self.told = []

    def mask(self, credentials):
        self.told.append(credentials)

    async def mask_async(self, credentials):
        self.told.append(credentials)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def emulator(clock):
    with Emulator(now=clock.now) as emulator:
        yield emulator


@pytest.fixture
def masker():
    return Masker()


def machine_role(emulator):
    return MachineRole(metadata_url=emulator.url)


def assumed_role(emulator, base=BASE, **fields):
    return AssumedRole(base, ARN, sts_url=emulator.url, **fields)


ORIGINS = {
    "machine role": machine_role,
    "assumed role": assumed_role,
    "assumed role with the machine's": lambda emulator: assumed_role(emulator, machine_role(emulator)),
}


@pytest.fixture(params=ORIGINS)
def origin(request, emulator):
    return ORIGINS[request.param](emulator)


def operation_of(origin):
    return "metadata" if isinstance(origin, MachineRole) else "assume_role"


def keys_of_one_refresh(origin):
    """How many keys are fetched and masked: also those of the machine that assume a role."""
    return 1 + (isinstance(origin, AssumedRole) and isinstance(origin.base, MachineRole))


@pytest.fixture
def keeper(emulator, masker):
    return CredentialsCache(machine_role(emulator), masker)


@pytest.fixture
def config(emulator, keeper):
    return configuration(emulator.url, credentials=keeper)


def look():
    """One list request, not repeated."""
    return send_with_retry(build_list(JobFilter()), read_jobs, NO_RETRY)


def statuses(emulator, operation="list"):
    return [request.status for request in emulator.requests if request.operation == operation]


class Watcher:
    def __init__(self):
        self.failures = []

    def job_polled(self, job):
        pass

    def poll_failed(self, error, failing_seconds):
        self.failures.append(error)


def wait(job, watcher=None, **options):
    poll_interval = options.pop("poll_interval", 240)
    options = {"deadline_at": None, "contact_timeout": 600, **options}
    return wait_for_job(Wait(job.job_id, observer=watcher or Watcher(), **options), poll_interval)


# --- sources


def test_each_source_signs_for_the_service(emulator, origin, masker, run):
    config = configuration(emulator.url, credentials=CredentialsCache(origin, masker))
    for _ in range(3):
        assert run(config, look()).items == ()
    assert statuses(emulator) == [200] * 3
    assert emulator.count(operation_of(origin)) == 1
    assert [told.secret_key for told in masker.told] == [key.secret_key for key in emulator.temporary_keys]


def test_an_assumed_role_is_requested_with_all_fields_of_the_connection(emulator, masker, run):
    emulator.add_role(defaults.ROLE_NAME, external_id="an-id")
    origin = assumed_role(emulator, external_id="an-id", duration_seconds=900, session_name="nightly")
    run(configuration(emulator.url, credentials=CredentialsCache(origin, masker)), look())
    assert masker.told[0].expires_at == emulator.now() + timedelta(seconds=900)
    assert b'"RoleSessionName": "nightly"' in emulator.requests[0].body


def test_the_metadata_service_gets_unsigned_requests_without_a_proxy(emulator, config, run, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    seen = []
    receive = emulator.receive
    monkeypatch.setattr(emulator, "receive", lambda request: seen.append(request) or receive(request))
    run(config, look())
    names, keys, _ = seen
    assert "authorization" not in {*names.headers, *keys.headers}
    assert keys.host == "127.0.0.1"


def hand_out(connection, head):
    """Answer as STS, with keys that never expire in these tests."""
    body, length = head.partition(b"\r\n\r\n")[2], int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    while len(body) < length:
        body += connection.recv(65536)
    keys = {"TmpSecretId": TEMPORARY.secret_id, "TmpSecretKey": TEMPORARY.secret_key, "Token": TEMPORARY.token}
    answer = json.dumps({"Response": {"Credentials": keys, "ExpiredTime": 4102444800, "RequestId": "1"}}).encode()
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(answer), answer))


@pytest.fixture
def assume(emulator, masker, run):
    """Assumes a role and uses its keys."""
    emulator.add_key(TEMPORARY.secret_id, TEMPORARY.secret_key, token=TEMPORARY.token)

    def assume(**fields):
        origin = AssumedRole(BASE, ARN, **fields)
        run(configuration(emulator.url, credentials=CredentialsCache(origin, masker)), look())

    return assume


def test_sts_requests_use_a_proxy(assume):
    with RawServer(hand_out) as proxy:
        assume(sts_url="http://sts.invalid", proxy=proxy.url)
        [head] = proxy.heads
    assert head.startswith(b"POST http://sts.invalid/ HTTP/1.1\r\n")
    assert b"\r\nhost: sts.invalid\r\n" in head.lower()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_the_certificate_of_sts_is_checked_as_the_connection_sets(assume, tmp_path):
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with RawServer(hand_out, context) as sts:
        with pytest.raises(e.CredentialsError, match="no usable answer"):
            assume(sts_url=sts.url)
        assert sts.heads == []
        assume(sts_url=sts.url, verify=str(tmp_path / "ca.pem"))
        assume(sts_url=sts.url, verify=False)
        assert len(sts.heads) == 2


def test_a_missing_ca_bundle_for_sts_is_named(assume, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such/ca.pem")
    with pytest.raises(e.CredentialsError, match=r"REQUESTS_CA_BUNDLE .*'/no/such/ca.pem'") as caught:
        assume(sts_url="https://127.0.0.1:1")
    assert not caught.value.may_pass


# --- many hours


def test_a_wait_of_36_hours_refreshes_its_keys_in_time_and_no_more_often(emulator, origin, masker, run, clock):
    emulator.configure(run_seconds=36 * HOUR)
    config = configuration(emulator.url, credentials=CredentialsCache(origin, masker))
    job = run(config, job_calls.create_job("nightly", SPECIFICATION))
    result = run(config, wait(job))
    assert result.status is WaitStatus.TERMINAL
    assert set(statuses(emulator)) == {200}
    # Keys of two hours are refreshed at the first poll after 1:55 h, which follows within four minutes.
    assert emulator.count(operation_of(origin)) == 19
    assert len(masker.told) == 19 * keys_of_one_refresh(origin)


def test_short_lived_keys_are_refreshed_before_they_expire(emulator, origin, masker, run, clock):
    emulator.configure(temporary_key_seconds=40, run_seconds=300)
    config = configuration(emulator.url, credentials=CredentialsCache(origin, masker))
    job = run(config, job_calls.create_job("nightly", SPECIFICATION))
    assert run(config, wait(job, poll_interval=5)).status is WaitStatus.TERMINAL
    assert set(statuses(emulator)) == {200}
    assert 8 <= emulator.count(operation_of(origin)) <= 11


# --- many waiters


def test_a_thousand_waits_in_one_loop_share_one_refresh_for_each_expiry(emulator, config, clock):
    async def main():
        async with AsyncTransport(config, now=clock.now, sleep=clock.sleep_async) as transport:
            for expiry in range(1, 4):
                await asyncio.gather(*(transport.run(look()) for _ in range(1000)))
                assert emulator.count("metadata") == expiry
                clock.sleep(2 * HOUR)

    asyncio.run(main())
    assert set(statuses(emulator)) == {200}


def test_threads_share_one_refresh_for_each_expiry(emulator, config, clock):
    start = threading.Barrier(50)

    def ask():
        start.wait()
        with BlockingTransport(config, now=clock.now, sleep=clock.sleep) as transport:
            transport.run(look())

    for expiry in range(1, 4):
        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert emulator.count("metadata") == expiry
        clock.sleep(2 * HOUR)
    assert statuses(emulator) == [200] * 150


def test_threads_and_a_loop_share_one_refresh(emulator, keeper, clock):
    emulator.inject("hang", operation="metadata", seconds=0.3)
    found = []

    async def main():
        first = asyncio.ensure_future(keeper.current_async(clock.now))
        await asyncio.sleep(0)  # it has begun
        other = asyncio.to_thread(keeper.current, clock.now)
        found.extend(await asyncio.gather(first, other, keeper.current_async(clock.now)))

    asyncio.run(main())
    assert len(found) == 3
    assert len(set(found)) == emulator.count("metadata") == 1


def test_other_callers_use_the_old_keys_during_a_refresh(emulator, keeper, clock):
    old = keeper.current(clock.now)
    clock.sleep(2 * HOUR - 60)
    hang = emulator.inject("hang", operation="metadata", seconds=0.5)

    async def main():
        first = asyncio.ensure_future(keeper.current_async(clock.now))
        await asyncio.sleep(0)  # it has begun
        assert await keeper.current_async(clock.now) == old
        assert keeper.current(clock.now) == old
        assert not first.done()
        assert await first != old

    asyncio.run(main())
    assert hang.injected == 1


def test_a_refresh_outlives_its_first_caller(emulator, keeper, clock):
    emulator.inject("hang", operation="metadata", seconds=0.3)

    async def main():
        first = asyncio.ensure_future(keeper.current_async(clock.now))
        second = asyncio.ensure_future(keeper.current_async(clock.now))
        await asyncio.sleep(0.05)
        first.cancel()
        await second
        assert first.cancelled()

    asyncio.run(main())
    assert emulator.count("metadata") == 1


def test_each_event_loop_may_start_and_end(emulator, keeper, clock):
    for _ in range(3):
        assert asyncio.run(keeper.current_async(clock.now))
        clock.sleep(2 * HOUR)
    assert emulator.count("metadata") == 3


def test_a_refresh_that_ended_with_its_loop_is_repeated(emulator, keeper, clock):
    hang = emulator.inject("hang", operation="metadata", seconds=3)

    async def give_up():
        renewal = asyncio.ensure_future(keeper.current_async(clock.now))
        while not hang.injected:  # noqa: ASYNC110 - the count is the emulator thread's
            await asyncio.sleep(0.01)
        renewal.cancel()

    asyncio.run(give_up())
    assert asyncio.run(keeper.current_async(clock.now))
    assert keeper.current(clock.now)
    assert emulator.count("metadata") == 2


def test_a_caller_with_little_time_uses_keys_that_are_due_as_long_as_they_are_valid(emulator, keeper, clock):
    old = keeper.current(clock.now)
    clock.sleep(2 * HOUR - 5)
    assert keeper.current(clock.now, 4.0) == old
    assert keeper.current(clock.now) != old
    clock.sleep(2 * HOUR)
    assert keeper.current(clock.now, 60.0).expires_at > clock.now()
    assert emulator.count("metadata") == 3


def test_a_signal_handler_during_a_refresh_can_request_keys(emulator, keeper, masker, clock, monkeypatch):
    monkeypatch.delattr(CredentialsCache, "_wait")  # it would wait for the interrupted refresh
    in_between = []

    def mask(credentials):
        if not in_between:
            in_between.append(credentials)
            in_between.append(keeper.current(clock.now))

    masker.mask = mask
    keeper.current(clock.now)
    assert in_between[1].secret_id == emulator.temporary_keys[1].secret_id
    assert emulator.count("metadata") == 2


def test_a_refresh_does_not_block_the_loop_and_needs_no_thread(emulator, masker, clock, monkeypatch):
    monkeypatch.delattr(asyncio, "to_thread")
    hang = emulator.inject("hang", operation="assume_role", seconds=0.5)
    keeper = CredentialsCache(assumed_role(emulator), masker)

    async def main():
        asking = asyncio.ensure_future(keeper.current_async(clock.now))
        while not hang.injected:  # noqa: ASYNC110 - the count is the emulator thread's
            await asyncio.sleep(0.01)
        assert not asking.done()
        await asking

    asyncio.run(asyncio.wait_for(main(), 20))


# --- failures


def test_a_failed_refresh_logs_one_line_while_the_old_keys_are_valid(emulator, config, run, clock, caplog):
    run(config, look())
    clock.sleep(2 * HOUR - 250)
    fault = emulator.inject("internal_error", operation="metadata_roles", times=None)
    for _ in range(24):
        run(config, look())
        clock.sleep(4)
        run(config, look())
        clock.sleep(6)
    assert set(statuses(emulator)) == {200}
    assert fault.injected == 24, "it is read every ten seconds at most"
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert warning.getMessage().startswith(
        "Could not refresh temporary credentials, which are valid until 2026-01-02 05:04:05+00:00"
    )
    emulator.clear_faults()
    clock.sleep(10)
    run(config, look())
    assert emulator.count("metadata") == 2


def test_without_valid_keys_nothing_is_sent_and_the_source_is_not_read_for_a_while(emulator, config, run, clock):
    run(config, look())
    clock.sleep(2 * HOUR)
    fault = emulator.inject("internal_error", operation="metadata_roles", times=None)
    for _ in range(5):
        with pytest.raises(e.CredentialsError, match="answered with HTTP 500") as caught:
            run(config, look())
        assert not caught.value.request_sent
    assert (fault.injected, emulator.count("list")) == (1, 1)


def test_a_wait_survives_a_failing_source(emulator, config, run, clock):
    emulator.configure(run_seconds=4 * HOUR)
    job = run(config, job_calls.create_job("nightly", SPECIFICATION))
    clock.sleep(2 * HOUR)
    emulator.inject("internal_error", operation="metadata_roles", times=4)
    watcher = Watcher()
    assert run(config, wait(job, watcher, poll_interval=60)).status is WaitStatus.TERMINAL
    assert {type(failure) for failure in watcher.failures} == {e.CredentialsError}
    assert len(watcher.failures) == 4


def test_a_source_that_fails_too_long_ends_the_wait_and_the_job_continues(emulator, config, run, clock):
    emulator.configure(run_seconds=9 * HOUR)
    job = run(config, job_calls.create_job("nightly", SPECIFICATION))
    clock.sleep(2 * HOUR)
    emulator.bind_role(None)
    began_at = clock.now()
    result = run(config, wait(job, poll_interval=60))
    assert result.status is WaitStatus.LOST_CONTACT
    assert "no role is bound to this machine" in result.message
    assert clock.now() - began_at >= timedelta(seconds=600)
    assert emulator.count("cancel") == 0
    assert emulator.job(job.job_id).state == "Running"


@pytest.mark.parametrize("failing", [1, None])
def test_a_submission_without_keys_is_retried_and_counts_as_unsent(emulator, config, run, clock, failing):
    emulator.inject("internal_error", operation="metadata_roles", times=failing)
    submit = submitting(SPECIFICATION)
    if failing is None:
        with pytest.raises(e.CredentialsError):
            run(config, submit)
        assert emulator.jobs == []
    else:
        assert not run(config, submit).adopted
        assert emulator.count("create") == len(emulator.jobs) == 1


def test_keys_that_expire_between_search_and_submission_cause_no_unknown_outcome(emulator, config, run, clock):
    emulator.inject("internal_error", operation="metadata_roles", times=None, skip=1)
    run(config, look())
    clock.sleep(2 * HOUR)
    with pytest.raises(e.CredentialsError):
        run(config, job_calls.create_job("nightly-1", SPECIFICATION))
    assert emulator.count("create") == 0


def test_a_machine_without_a_role_is_not_read_repeatedly(emulator, config, run, clock):
    emulator.bind_role(None)
    began_at = clock.now()
    with pytest.raises(e.CredentialsError, match="Bind a CAM role to it"):
        run(config, submitting(SPECIFICATION))
    assert clock.now() == began_at
    assert emulator.count("metadata_roles") == 1


@pytest.mark.parametrize("operation", ["metadata_roles", "metadata"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("error", {"status": 500}),
        ("bad_gateway", {}),
        ("redirect", {}),
        ("reset", {"times": None}),
        ("hang", {"seconds": 20}),
        ("drip", {"seconds": 60}),
        ("cut_off", {}),
        ("truncated_xml", {}),
        ("empty_body", {}),
        ("garbage_body", {}),
        ("huge_body", {}),
    ],
)
def test_a_broken_metadata_service_raises_one_typed_error(emulator, config, run, monkeypatch, operation, kind, options):
    monkeypatch.setattr(credentials_fetch, "_METADATA_SECONDS", 0.5)
    emulator.inject(kind, operation=operation, **options)
    with pytest.raises(e.CredentialsError, match=emulator.url) as caught:
        run(config, look())
    assert emulator.count("list") == 0
    assert not any(key.secret_key in str(caught.value) for key in emulator.temporary_keys)


@pytest.mark.parametrize(
    ("kind", "options", "complaint", "may_pass"),
    [
        ("error", {"status": 200, "code": "InternalError.DbError"}, "code InternalError.DbError, request id", True),
        ("error", {"status": 200, "code": "RequestLimitExceeded"}, "code RequestLimitExceeded, request id", True),
        ("error", {"status": 200, "code": "UnauthorizedOperation"}, "Check role_arn, the role's trusted", False),
        ("error", {"status": 200, "code": "ResourceNotFound.RoleNotFound"}, "Check role_arn", False),
        ("error", {"status": 500}, "no usable answer .HTTP 500", True),
        ("bad_gateway", {}, "no usable answer .HTTP 502", True),
        ("redirect", {}, "no usable answer .HTTP 30", True),
        ("reset", {"times": None}, "no usable answer .nothing came", True),
        ("hang", {"seconds": 20}, "no usable answer .nothing came", True),
        ("drip", {"seconds": 60}, "no usable answer .nothing came", True),
        ("cut_off", {}, "no usable answer .nothing came", True),
        ("truncated_xml", {}, "no usable answer .HTTP 200", True),
        ("empty_body", {}, "no usable answer .HTTP 200", True),
        ("garbage_body", {}, "no usable answer .HTTP 200", True),
        ("huge_body", {}, "no usable answer .HTTP 200", True),
    ],
)
def test_a_broken_sts_raises_one_typed_error(emulator, masker, run, monkeypatch, kind, options, complaint, may_pass):
    # Short only where nothing comes: on a busy machine an answer takes longer.
    monkeypatch.setattr(credentials_fetch, "_STS_SECONDS", 0.5 if kind in ("hang", "drip") else 60.0)
    emulator.inject(kind, operation="assume_role", **options)
    config = configuration(emulator.url, credentials=CredentialsCache(assumed_role(emulator), masker))
    with pytest.raises(e.CredentialsError, match=complaint) as caught:
        run(config, look())
    assert caught.value.may_pass is may_pass
    assert ARN in str(caught.value)
    assert BASE.secret_key not in str(caught.value)
    assert emulator.count("list") == 0


def test_keys_that_arrive_expired_raise_an_error(emulator, origin, masker, run):
    emulator.configure(temporary_key_seconds=0)
    with pytest.raises(e.CredentialsError, match="had expired when they were handed out"):
        run(configuration(emulator.url, credentials=CredentialsCache(origin, masker)), look())
    assert emulator.count("list") == 0


@pytest.mark.parametrize("hours", [-3, -1, 1, 3])
def test_keys_keep_their_lifetime_on_a_machine_with_a_wrong_clock(emulator, origin, masker, clock, caplog, hours):
    """The emulator's clock differs as much as a machine's may; keys live for two hours."""
    machine = Clock()
    machine.moment = clock.moment + timedelta(hours=hours)
    config = configuration(emulator.url, credentials=CredentialsCache(origin, masker))

    def ask():
        with BlockingTransport(config, now=machine.now, sleep=machine.sleep) as transport:
            transport.run(look())

    for _ in range(8):
        ask()
        clock.sleep(HOUR / 2)
        machine.sleep(HOUR / 2)
    assert len(masker.told) == 2 * keys_of_one_refresh(origin)
    assert statuses(emulator) == [200] * 8, "the emulator's time is known from the answer that had the keys"
    told = [record for record in caplog.records if "This machine's clock is" in record.getMessage()]
    assert len(told) == emulator.count(operation_of(origin)) - 2 <= 1, "at most one refusal, which corrects the clock"


def test_an_unexpected_exception_raises_an_error_without_its_text(emulator, keeper, masker, run):
    def mask(credentials):
        raise KeyError(credentials.secret_key)

    async def mask_async(credentials):
        mask(credentials)

    masker.mask, masker.mask_async = mask, mask_async
    with pytest.raises(e.CredentialsError, match=r"could not be asked for its keys: KeyError\.$"):
        run(configuration(emulator.url, credentials=keeper), look())


# --- keys that the service refuses as expired


def test_keys_refused_as_expired_are_refreshed_and_the_request_is_retried(emulator, config, run, clock):
    run(config, look())
    clock.sleep(HOUR)
    emulator.inject("expired_token", operation="list")
    assert run(config, look()).items == ()
    assert statuses(emulator) == [200, 400, 200]
    assert emulator.count("metadata") == 2


@pytest.mark.parametrize("status", [400, 403])
def test_a_submission_with_expired_keys_is_retried_since_it_was_not_executed(emulator, config, run, clock, status):
    run(config, look())
    clock.sleep(HOUR)
    emulator.inject("expired_token", operation="create", status=status)
    job = run(config, job_calls.create_job("nightly", SPECIFICATION))
    assert statuses(emulator, "create") == [status, 200]
    assert [each.job_id for each in emulator.jobs] == [job.job_id]


def test_a_service_that_refuses_all_keys_as_expired_is_not_retried_forever(emulator, config, run, clock):
    run(config, look())
    clock.sleep(HOUR)
    emulator.inject("expired_token", operation="list", times=None)
    for _ in range(3):
        with pytest.raises(e.AuthenticationError) as caught:
            run(config, look())
        assert caught.value.code == "ExpiredToken"
    assert statuses(emulator) == [200, 400, 400, 400, 400], "repeated once, and not again with keys so young"
    assert emulator.count("metadata") == 2


def test_many_callers_with_expired_keys_refresh_them_once(emulator, config, clock):
    async def main():
        async with AsyncTransport(config, now=clock.now, sleep=clock.sleep_async) as transport:
            await transport.run(look())
            clock.sleep(HOUR)
            emulator.inject("expired_token", operation="list", times=50)
            await asyncio.gather(*(transport.run(look()) for _ in range(50)))

    asyncio.run(main())
    assert emulator.count("metadata") == 2
    assert statuses(emulator).count(200) == 51


def test_fixed_keys_of_a_user_are_not_refreshed(emulator, run):
    emulator.add_key("AKIDTEMPORARY", "temporary-secret", token="token")
    emulator.inject("expired_token", operation="list")
    config = configuration(emulator.url, credentials=Credentials("AKIDTEMPORARY", "temporary-secret", "token"))
    with pytest.raises(e.AuthenticationError, match="The temporary key has expired: get a new one"):
        run(config, look())
    assert statuses(emulator) == [400]


# --- secrets


def test_no_log_at_any_level_shows_a_key_or_a_token(emulator, origin, masker, run, clock, caplog):
    config = configuration(emulator.url, credentials=CredentialsCache(origin, masker))
    with caplog.at_level(logging.DEBUG):
        run(config, look())
        clock.sleep(HOUR)
        emulator.inject("expired_token", operation="list")
        run(config, look())
        emulator.inject("error", status=200, code="UnauthorizedOperation", operation="assume_role")
        emulator.inject("internal_error", operation="metadata")
        clock.sleep(2 * HOUR)
        with pytest.raises(e.CredentialsError):
            run(config, look())
    assert caplog.records, "there are logs to check"
    shown = caplog.text + repr([vars(record) for record in caplog.records])
    for key in (BASE, *emulator.temporary_keys):
        assert key.secret_key not in shown
        assert not key.token or key.token not in shown
