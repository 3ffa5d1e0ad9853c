"""Hook and connections with each source of credentials, against the emulator."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import logging
import threading
import time

import pytest

from airflow_provider_tencent_ci.compat.connections import mask_secrets, mask_secrets_async
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import AuthenticationError, PermissionDeniedError
from airflow_provider_tencent_ci.hooks import tencent_ci
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.transport import credentials_fetch
from airflow_provider_tencent_ci.transport.async_driver import AsyncTransport

KINDS = ["keys", "machine_role", "assume_role", "environment"]


@pytest.fixture
def emulator():
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def connect(emulator, monkeypatch):
    """Sets the connection up, with the keys where they belong."""

    def connect(kind, login=defaults.SECRET_ID, password=defaults.SECRET_KEY, **extra):
        connection = emulator.connection("keys" if kind == "environment" else kind)
        connection["extra"] |= {"credentials": kind, **extra}
        if kind == "environment":
            monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", login)
            monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", password)
            del connection["login"], connection["password"]
        elif kind != "machine_role":
            connection |= {"login": login, "password": password}
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
        return TencentCIHook()

    return connect


def redact(text):
    for module in (
        "airflow.sdk._shared.secrets_masker",
        "airflow.sdk.execution_time.secrets_masker",
        "airflow.utils.log.secrets_masker",
    ):
        try:
            return importlib.import_module(module).redact(text)
        except ImportError:
            continue
    raise AssertionError("This Airflow has its masker in another module.")


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_is_submitted_with_each_source(emulator, connect, kind):
    with connect(kind) as hook:
        job = hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/")
        assert hook.get_inventory_job(job.job_id).job_id == job.job_id
    assert emulator.count("metadata") + emulator.count("assume_role") == (kind in ("machine_role", "assume_role"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_working_connection_passes_its_test(connect, kind):
    assert connect(kind).test_connection()[0]


@pytest.mark.parametrize(
    ("kind", "fields", "advice"),
    [
        ("keys", {"password": "wrong"}, "Check SecretId and SecretKey of the connection"),
        ("environment", {"login": " "}, "TENCENTCLOUD_SECRET_ID is not set in the environment of this process"),
        ("environment", {"password": "wrong"}, "Check TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY in the"),
        ("machine_role", {"metadata_url": "http://127.0.0.1:1"}, "It answers on Tencent's own machines (CVM) only"),
        ("machine_role", {"role_name": "other"}, "no role 'other' is bound to this machine. Bind a CAM role to it"),
        ("assume_role", {"password": "wrong"}, "Check the keys that the role is to be assumed with"),
        ("assume_role", {"role_arn": "qcs::cam::uin/1:roleName/no"}, "Check role_arn, the role's trusted accounts"),
        ("assume_role", {"role_arn": ""}, "role_arn in extra is missing"),
        ("assume_role", {"sts_url": "http://127.0.0.1:1"}, "no usable answer (nothing came). Check the network"),
    ],
)
def test_a_wrong_connection_fails_with_its_source_and_cause(connect, kind, fields, advice):
    worked, message = connect(kind, **fields).test_connection()
    assert not worked
    assert advice in message
    assert "wrong" not in message
    assert defaults.SECRET_KEY not in message


KEY_ADVICE = {
    "keys": "Check SecretId and SecretKey of the connection (login and password).",
    "machine_role": "check which role is bound to the machine (CVM console).",
    "assume_role": "check role_arn and sts_url in the extra of the connection.",
    "environment": "Check TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY in the environment of this process.",
}


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_key_names_connection_and_bucket_once_and_where_the_key_is(emulator, connect, kind, code):
    emulator.inject("error", operation="list", status=401, code=code, times=None)
    with connect(kind) as hook:
        with pytest.raises((AuthenticationError, PermissionDeniedError)) as caught:
            hook.run(obtain_nothing())
        said = str(caught.value)
        with pytest.raises((AuthenticationError, PermissionDeniedError)) as caught_again:
            hook.run(fail_with(caught.value))
    assert said.startswith("Connection 'tencent_ci_default', bucket examplebucket-1250000000: ")
    assert [source for source, advice in KEY_ADVICE.items() if advice in said] == [kind]
    assert str(caught_again.value) == str(copy.copy(caught.value)) == said


def fail_with(error):
    raise error
    yield


def test_a_role_without_permission_to_list_fails_with_the_action(emulator, connect):
    emulator.add_role(defaults.ROLE_NAME, actions=["ci:CreateInventoryTriggerJob"])
    worked, message = connect("machine_role").test_connection()
    assert not worked
    assert "DescribeInventoryTriggerJobs" in message


@pytest.mark.parametrize("kind", ["machine_role", "assume_role"])
@pytest.mark.parametrize("in_a_loop", [False, True])
def test_airflow_masks_new_keys_in_its_logs(emulator, connect, kind, in_a_loop):
    hook = connect(kind)
    if in_a_loop:

        async def main():
            async with AsyncTransport(await hook.read_config()) as transport:
                await transport.run(obtain_nothing())

        asyncio.run(main())
    else:
        hook.run(obtain_nothing())
    [key] = emulator.temporary_keys
    assert redact(f"{key.secret_key} {key.token}") == "*** ***"


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_airflow_masks_the_keys_of_the_machine_that_assume_a_role(emulator, connect, in_a_loop):
    hook = connect("assume_role", assume_role_with="machine_role", metadata_url=emulator.url)
    obtain_keys = hook.config.credentials
    now = emulator.now
    asyncio.run(obtain_keys.current_async(now)) if in_a_loop else obtain_keys.current(now)
    base, key = emulator.temporary_keys
    assert redact(f"{base.secret_key} {base.token} {key.secret_key} {key.token}") == "*** *** *** ***"


def obtain_nothing():
    from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
    from airflow_provider_tencent_ci.core.wire.request_retry import send_with_retry

    return send_with_retry(build_list(JobFilter()), read_jobs)


@pytest.mark.parametrize("in_a_loop", [False, True])
def test_airflow_masks_the_keys_of_the_environment_and_the_connection(connect, emulator, monkeypatch, in_a_loop):
    secret, token = f"of-the-environment-{in_a_loop}", f"token-of-the-environment-{in_a_loop}"
    monkeypatch.setenv("TENCENTCLOUD_TOKEN", token)
    hook = connect("environment", password=secret)
    config = asyncio.run(hook.read_config()) if in_a_loop else hook.config
    assert config.credentials.token == token
    assert redact(f"{secret} {token}") == "*** ***"


@pytest.mark.parametrize("base", ["keys", "environment"])
@pytest.mark.parametrize("in_a_loop", [False, True])
def test_airflow_masks_the_keys_that_assume_a_role(connect, monkeypatch, in_a_loop, base):
    secret, token = f"base-{in_a_loop}", f"token-of-the-base-{in_a_loop}"
    if base == "environment":
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDBASE")
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", secret)
        monkeypatch.setenv("TENCENTCLOUD_TOKEN", token)
        hook = connect("assume_role", assume_role_with="environment")
    else:
        hook = connect("assume_role", password=secret, token=token)
    asyncio.run(hook.read_config()) if in_a_loop else hook.config
    assert redact(f"{secret} {token}") == "*** ***"


class Supervisor:
    """The process that writes this one's logs; a call in the thread of a loop blocks the loop."""

    def __init__(self):
        self.told = []
        self.loop_thread = None

    def send(self, message):
        if threading.get_ident() != self.loop_thread:
            self.told.append(message.value)

    async def asend(self, message):
        await asyncio.sleep(0)
        self.told.append(message.value)


@pytest.fixture
def supervisor(monkeypatch):
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner", reason="2.11 has no supervisor")
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


def test_the_supervisor_gets_the_secrets_without_blocking_the_loop(supervisor):
    async def main():
        supervisor.loop_thread = threading.get_ident()
        await mask_secrets_async("a-first-secret", None, "a-second-secret")

    asyncio.run(main())
    assert supervisor.told == ["a-first-secret", "a-second-secret"]


def test_a_task_sends_the_secrets_to_the_supervisor(supervisor):
    mask_secrets("a-third-secret", None)
    assert supervisor.told == ["a-third-secret"]


def test_a_missing_supervisor_is_not_an_error(supervisor):
    supervisor.send = supervisor.asend = None
    mask_secrets("a-fourth-secret")
    asyncio.run(mask_secrets_async("a-fifth-secret"))


def test_a_changed_connection_gets_its_own_keys(emulator, connect):
    emulator.add_key("AKIDOTHER", "other-key")
    connect("assume_role").run(obtain_nothing())
    connect("assume_role", login="AKIDOTHER", password="other-key").run(obtain_nothing())
    connect("assume_role").run(obtain_nothing())
    assert emulator.count("assume_role") == 2
    worked, _ = connect("assume_role", password="wrong").test_connection()
    assert not worked, "this connection does not use the keys of another one"


def test_hooks_of_one_process_share_their_keys(emulator, connect):
    for _ in range(3):
        with connect("machine_role") as hook:
            hook.run(obtain_nothing())
    assert emulator.count("metadata") == 1


SOURCES = {
    "machine_role": ("machine_role", "metadata_roles"),
    "named_machine_role": ("machine_role", "metadata"),
    "assume_role": ("assume_role", "assume_role"),
    "assume_role_with_the_machine's": ("assume_role", "metadata"),
}


@pytest.fixture(params=SOURCES)
def slow_source(request, emulator, connect):
    """A hook, and the operation of the service that its keys come from."""
    kind, operation = SOURCES[request.param]
    fields = {"metadata_url": emulator.url}
    if request.param == "named_machine_role":
        fields["role_name"] = defaults.ROLE_NAME
    if request.param == "assume_role_with_the_machine's":
        fields["assume_role_with"] = "machine_role"
    return connect(kind, **fields), operation


@pytest.fixture
def little_time(monkeypatch):
    """A cancel of a killed task has one second, and a fetch of keys many."""
    monkeypatch.setattr(tencent_ci, "_LONGEST_STOP_SECONDS", 1.0)
    monkeypatch.setattr(credentials_fetch, "_METADATA_SECONDS", 60.0)
    monkeypatch.setattr(credentials_fetch, "_STS_SECONDS", 60.0)


@pytest.fixture
def log_text(caplog, capsys):
    """Returns what was logged: Airflow 3 writes lines of hooks to the standard output, unless tests set its log up."""
    return lambda: caplog.text + capsys.readouterr().out


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_cancel_ends_in_time_if_its_keys_do_not_come(emulator, slow_source, little_time, log_text, kind):
    hook, operation = slow_source
    emulator.inject(kind, operation=operation, seconds=60, times=None)
    began_at = time.monotonic()
    hook.cancel_quietly("b0123456789abcdef0123456789abcdef")
    assert time.monotonic() - began_at < 30, "it waits for as long as the source does"
    assert "Could not cancel batch job b0123456789abcdef0123456789abcdef for certain" in log_text()


def test_a_cancel_does_not_wait_longer_for_the_refresh_of_another_caller(emulator, slow_source, little_time, log_text):
    hook, operation = slow_source
    hang = emulator.inject("hang", operation=operation, seconds=6)
    other = threading.Thread(target=hook.test_connection)
    other.start()
    while not hang.injected:
        time.sleep(0.01)
    hook.cancel_quietly("b0123456789abcdef0123456789abcdef")
    assert other.is_alive(), "the refresh of the other caller has not ended yet"
    # Whichever is noticed first.
    causes = ("handed out no keys within the time for this request", "The time for these requests is over")
    said = log_text()
    assert any(cause in said for cause in causes), said
    other.join(30)
    assert not other.is_alive()
    assert emulator.count("list") == 1, "the refresh of the other caller is not disturbed"


def test_no_log_at_any_level_shows_a_key(emulator, connect, caplog, monkeypatch):
    monkeypatch.setattr(credentials_fetch, "_METADATA_SECONDS", 0.5)
    with caplog.at_level(logging.DEBUG):
        for kind in KINDS:
            hook = connect(kind)
            hook.test_connection()
            emulator.inject("error", operation="list", status=403, code="AccessDenied")
            hook.test_connection()
    shown = caplog.text + repr([vars(record) for record in caplog.records])
    for key in emulator.temporary_keys:
        assert key.secret_key not in shown
        assert key.token not in shown
    assert defaults.SECRET_KEY not in shown
