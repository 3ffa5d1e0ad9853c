from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from airflow_provider_tencent_ci.emulator import cli
from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

ROOT = Path(__file__).parents[2]
TRANSCODE = {
    "Tag": "Transcode",
    "JobParam": {"TemplateId": "t0"},
    "Output": {"Region": defaults.REGION, "Bucket": defaults.BUCKET, "Object": "out/${InputName}.mp4"},
}
COMMAND = [sys.executable, "-m", "airflow_provider_tencent_ci.emulator"]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_command_follows_a_contract_and_a_switch_goes_before_it(tmp_path):
    contract = tmp_path / "contract.json"
    answers = {"interval_bounds": {"answer": "start", "seen_on": "2026-12-03"}, "no_objects": {"answer": "fail"}}
    contract.write_text(json.dumps({"format": 1, "of_the_service": True, "answers": answers}))
    arguments = ["--port", "0", "--contract", str(contract), "--set", "no_objects=success"]
    with running(*arguments) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        with urlopen(f"{url}/_emulator/state", timeout=10) as answer:  # noqa: S310 - the address is the test's own
            behaviour = json.load(answer)["behaviour"]
    assert (behaviour["interval_bounds"], behaviour["no_objects"]) == ("start", "success")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_and_answers_and_stops_cleanly(number):
    with running("--port", "0", "--objects", "3", "--run-seconds", "2", "--set", "list_lag_seconds=1") as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        name, _, value = process.stdout.readline().removeprefix("export ").partition("=")
        assert name == "AIRFLOW_CONN_TENCENT_CI_DEFAULT"
        assert json.loads(shlex.split(value)[0])["extra"]["endpoint_url"] == url
        with urlopen(f"{url}/_emulator/state", timeout=10) as answer:  # noqa: S310 - the address is the test's own
            state = json.load(answer)
        assert state["buckets"][0]["objects"] == 3
        assert (state["behaviour"]["run_seconds"], state["behaviour"]["list_lag_seconds"]) == (2, 1)
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def state_of(process):
    url = process.stdout.readline().split()[-1]
    with urlopen(f"{url}/_emulator/state", timeout=10) as answer:  # noqa: S310 - the address is the test's own
        return url, json.load(answer)


def test_the_command_makes_each_named_bucket_in_its_region():
    buckets = ["--bucket", "news-1250000000", "--bucket", "archive-1250000000@ap-guangzhou"]
    with running("--port", "0", "--objects", "3", *buckets) as process:
        _, state = state_of(process)
        found = [(bucket["name"], bucket["region"], bucket["objects"]) for bucket in state["buckets"]]
        assert found == [("news-1250000000", "ap-beijing", 3), ("archive-1250000000", "ap-guangzhou", 3)]
        connection = json.loads(shlex.split(process.stdout.readline().partition("=")[2])[0])
        assert connection["extra"]["bucket"] == "news-1250000000"


def test_objects_can_have_been_uploaded_hours_ago(monkeypatch):
    with running("--port", "0", "--submitted-seconds", "0", "--uploaded-hours-ago", "24") as process:
        assert process.stdout
        process.stdout.readline()
        monkeypatch.setenv(*shlex.split(process.stdout.readline().removeprefix("export "))[0].split("=", 1))
        now = datetime.now(UTC)
        with TencentCIHook() as hook:
            jobs = [
                hook.trigger_inventory_job(
                    name="night",
                    workflow_ids=defaults.WORKFLOW_ID,
                    prefix="media/",
                    start_time=now - timedelta(hours=hours),
                    end_time=now - timedelta(hours=hours - 2),
                )
                for hours in (25, 5)
            ]
            assert [
                len(list(hook.list_workflow_executions(defaults.WORKFLOW_ID, job_id=job.job_id))) for job in jobs
            ] == [8, 0]


@pytest.mark.parametrize("job_type", ["Workflow", "Job"])
def test_a_million_objects_of_the_command_line_are_a_batch_at_once(job_type, monkeypatch):
    arguments = ["--submitted-seconds", "0", "--run-seconds", "0", "--set", "failing_every=33"]
    with running("--port", "0", "--objects", "1000000", *arguments) as process:
        assert process.stdout
        process.stdout.readline()
        name, _, value = process.stdout.readline().removeprefix("export ").partition("=")
        monkeypatch.setenv(name, shlex.split(value)[0])
        with TencentCIHook() as hook:
            what = {"workflow_ids": defaults.WORKFLOW_ID} if job_type == "Workflow" else {"job": TRANSCODE}
            job = hook.trigger_inventory_job(name="nightly", prefix="media/", **what)
            assert hook.get_inventory_job(job.job_id).state == "Success"
            failed = list(itertools.islice(hook.list_failed_keys(job), 250))
        assert failed == [f"media/{33 * number:07}.mp4" for number in range(1, 251)]


def test_a_port_in_use_is_reported(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            assert cli.main(["--port", str(port)]) == 1
        finally:
            for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
                signal.signal(number, handler)
    error = capsys.readouterr().err
    assert error.startswith(f"Cannot listen on 127.0.0.1:{port}: ")
    assert "in use" in error


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--set", "run_second=1"], "No such switch: run_second"),
        (["--run-seconds", "-1"], "is negative"),
        (["--port", "many"], "invalid int value"),
        (["--bucket", "news"], "'news' is not the long name of a bucket"),
    ],
)
def test_wrong_arguments_are_reported(capsys, arguments, complaint):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_importing_the_package_loads_neither_server_nor_airflow():
    """The pytest plugin is imported in every run of pytest."""
    code = (
        "import sys, airflow_provider_tencent_ci.emulator.pytest_plugin;"
        "print([name for name in ('aiohttp', 'airflow', 'asyncio', 'requests', 'defusedxml') if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() in ("[]", "['asyncio']")


def test_the_emulator_runs_without_airflow():
    code = (
        "import sys; sys.modules['airflow'] = None;"
        "from airflow_provider_tencent_ci.emulator import Emulator\n"
        "with Emulator() as emulator: print(emulator.url)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert run.stdout.startswith("http://127.0.0.1:")
