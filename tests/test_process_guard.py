"""No process or folder remains after a test process is interrupted or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.stack import postgresql

ROOT = Path(__file__).parents[1]
START_SECONDS, END_SECONDS = 120.0, 30.0

# A replacement for Airflow: two processes that ignore SIGTERM, in two process groups and outside the home.
AIRFLOW = """
import os, pathlib, signal, time
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
os.chdir("/")
pathlib.Path(os.environ["STARTED"], str(os.getpid())).touch()
time.sleep(600)
"""

# A process that a test waits for; it has its own session and the home in its environment.
OTHER = """
import os, pathlib, time
started = pathlib.Path(os.environ["STARTED"])
(started / str(os.getpid())).touch()
time.sleep(600)
"""

# Starts what the fixtures of tests/stack start, and such a process.
TEST = f"""
import os, signal, subprocess, sys
from pathlib import Path
from showcase.stack import AirflowStack, free_port
from tests.stack.postgresql import PostgreSQL, programs

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in its background without it

def test_a_guarded_process_runs_until_it_is_interrupted(tmp_path):
    started = Path(os.environ["STARTED"])
    (tmp_path / "airflow.py").write_text({AIRFLOW!r})
    os.environ["PYTHONPATH"] = str(tmp_path)
    with PostgreSQL(programs()) as database, AirflowStack(tmp_path, free_port()) as stack:
        assert database.query("SELECT 1") == [(1,)]
        (started / (database._home / "data" / "postmaster.pid").read_text().split()[0]).touch()
        (started / "folders").write_text(f"{{stack.home}} {{database._home}}")
        stack.begin_database()
        subprocess.run([sys.executable, "-c", {OTHER!r}], cwd="/", start_new_session=True)
"""


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A folder of empty files that are named like the started processes."""
    folder = tmp_path / "started"
    folder.mkdir()
    return folder


@pytest.fixture
def tests(tmp_path: Path, started: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A pytest process that leads a process group, as if a shell had started it."""
    module = tmp_path / "test_it.py"
    module.write_text(TEST, "utf-8")
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    command += [f"--config-file={ROOT / 'setup.cfg'}", f"--basetemp={tmp_path / 'base'}", str(module)]
    environment = {**os.environ, "STARTED": str(started)}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment, process_group=0)
    yield process
    process.kill()
    process.wait()
    print((tmp_path / "log").read_text("utf-8"))


@pytest.mark.stack
@pytest.mark.skipif(not postgresql.programs(), reason="needs PostgreSQL's server programs, such as Debian's package")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_is_left_after_a_signal_to_the_tests(number: signal.Signals, tests, started):
    assert _comes_true(lambda: len(list(started.iterdir())) == 5, START_SECONDS)
    folders = [Path(name) for name in (started / "folders").read_text("utf-8").split()]
    processes = [psutil.Process(int(path.name)) for path in started.iterdir() if path.name.isdigit()]
    assert all(folder.exists() for folder in folders)
    assert all(map(_is_alive, processes))

    os.killpg(tests.pid, number)
    assert _comes_true(lambda: tests.poll() is not None, END_SECONDS)
    _comes_true(lambda: not any(map(_is_alive, processes)), END_SECONDS)
    assert [process for process in processes if _is_alive(process)] == []
    _comes_true(lambda: not any(folder.exists() for folder in folders), END_SECONDS)
    assert [folder for folder in folders if folder.exists()] == []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _comes_true(is_so: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
