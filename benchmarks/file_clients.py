"""
The ways to count the files of an ended job and to list those that failed, each in a process of its own.

Run as a program it is one of them: ``python -m benchmarks.file_clients ours http://127.0.0.1:1234 100000`` prints one
line of JSON. So one way's memory and processor time do not affect those of another.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_tencent_ci.core.api.file_lists import FileList, file_lists_of, list_files_page
from airflow_provider_tencent_ci.core.api.file_records import FileRun
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
from airflow_provider_tencent_ci.core.api.paginator import Paginator
from airflow_provider_tencent_ci.core.files.count_files import count_files
from airflow_provider_tencent_ci.core.files.settled_files import IncrementalCount, SettledFiles
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET, REGION, SECRET_ID, SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from benchmarks.file_service import job_record, read_counters, set_up

__all__ = ["IN_ORDER", "OURS", "SDK", "Part", "Result", "connection", "run", "run_rest"]

OURS, IN_ORDER, SDK = "ours", "in_order", "sdk"

_ROOT = Path(__file__).parents[1]
_WARM_UP_FILES = 1_000
_LONGEST_SECONDS = 4 * 3600


@dataclass(frozen=True, slots=True)
class Part:
    """
    The cost of counting, or of listing.

    :param found: the number of files that were counted or listed.
    :param seconds: on the clock.
    :param cpu_seconds: of the process with all its threads.
    :param requests: all that the service received, refused ones included.
    :param most_in_flight: requests that were not answered yet, at most.
    """

    found: int
    seconds: float
    cpu_seconds: float
    requests: int
    refused: int
    most_in_flight: int


@dataclass(frozen=True, slots=True)
class Result:
    """
    The cost of both.

    :param grown_bytes: the peak of the memory during both, minus the memory before; a job of 1,000 files came first.
    """

    counting: Part
    listing: Part | None
    grown_bytes: int


class Way(Protocol):
    """A way to count and to list."""

    def count(self, files: int) -> int:
        """Count a job's files by state; return how many there are."""

    def list_failed(self, files: int) -> Iterator[object]:
        """Yield the failed files with their reasons."""


def connection(url: str) -> str:
    """Return the value of ``AIRFLOW_CONN_TENCENT_CI_DEFAULT`` for the service at ``url``."""
    extra = {"region": REGION, "bucket": BUCKET, "endpoint_url": url}
    return json.dumps({"conn_type": "tencent_ci", "login": SECRET_ID, "password": SECRET_KEY, "extra": extra})


def run(way: str, url: str, files: int, *, lists: bool = True, interval_seconds: float = 0.0) -> Result:
    """
    Run one way in a new process.

    :param lists: whether it also lists the failed files.
    :param interval_seconds: between two pages of the way in order, to keep a fixed rate.
    """
    found = _output("way", way, url, str(files), str(int(lists)), str(interval_seconds))
    listing = Part(**found["listing"]) if found["listing"] else None
    return Result(Part(**found["counting"]), listing, found["grown_bytes"])


def run_rest(url: str, files: int, open_files: int, latency_ms: float) -> tuple[Part, Part]:
    """
    Count an ended job from the beginning, then from the counts of its wait.

    :param open_files: how many files still ran at the last count of the wait.
    """
    whole, rest = _output("rest", url, str(files), str(open_files), str(latency_ms))
    return Part(**whole), Part(**rest)


def _output(*arguments: str) -> Any:
    url = next(word for word in arguments if word.startswith("http://"))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.file_clients", *arguments],
        cwd=_ROOT,
        env={**os.environ, "AIRFLOW_CONN_TENCENT_CI_DEFAULT": connection(url)},
        stdout=subprocess.PIPE,
        timeout=_LONGEST_SECONDS,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def _job(files: int) -> InventoryJob:
    return InventoryJob.from_dict(job_record(files))


class _Ours:
    """This package's hook."""

    def __init__(self, url: str) -> None:
        self._hook = TencentCIHook()

    def count(self, files: int) -> int:
        return self._hook.run(count_files(_job(files))).total

    def list_failed(self, files: int) -> Iterator[object]:
        return self._hook.list_failed_files(_job(files))


class _InOrder:
    """One request after the other, as this package did it before: the next page's token is in the page before."""

    def __init__(self, url: str, interval_seconds: float) -> None:
        self._hook = TencentCIHook()
        self._interval_seconds = interval_seconds

    def count(self, files: int) -> int:
        return Counter(run.state for files_list in file_lists_of(_job(files)) for run in self._each(files_list)).total()

    def list_failed(self, files: int) -> Iterator[object]:
        for files_list in file_lists_of(_job(files)):
            for run in self._each(files_list, "Failed"):
                yield self._hook.run(files_list.explain(run))

    def _each(self, files_list: FileList, states: str | None = None) -> Iterator[FileRun]:
        pages = Paginator()
        while pages.next_token is not None:
            began = time.monotonic()
            page = self._hook.run(list_files_page(files_list, pages.next_token, states=states))
            yield from pages.new_items(page)
            time.sleep(max(0.0, began + self._interval_seconds - time.monotonic()))


class _Sdk:
    """Tencent's SDK in a loop, as its users write it."""

    def __init__(self, url: str) -> None:
        import qcloud_cos

        logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL)  # which is cheaper for it, too
        config = qcloud_cos.CosConfig(
            Region=REGION, SecretId=SECRET_ID, SecretKey=SECRET_KEY, Scheme="http", Domain=url.removeprefix("http://")
        )
        self._client = qcloud_cos.CosS3Client(config, retry=0)

    def count(self, files: int) -> int:
        return Counter(entry["State"] for entry in self._each(files, "All")).total()

    def list_failed(self, files: int) -> Iterator[object]:
        for entry in self._each(files, "Failed"):
            yield self._client.ci_get_workflowexecution(Bucket=BUCKET, RunId=entry["RunId"])

    def _each(self, files: int, states: str) -> Iterator[Mapping[str, str]]:
        token, job_id = "", _job(files).job_id
        while True:
            page = self._client.ci_list_workflowexecution(
                BUCKET, WORKFLOW_ID, States=states, Size=100, NextToken=token, BatchJobId=job_id
            )
            yield from page.get("WorkflowExecutionList", [])
            token = page.get("NextToken")
            if not token:
                return


def _measure(way: Way, url: str, files: int, *, lists: bool) -> Result:
    way.count(_WARM_UP_FILES)
    before = _reset_peak()
    counting = _cost(lambda: way.count(files), url)
    listing = _cost(lambda: sum(1 for _ in way.list_failed(files)), url) if lists else None
    return Result(counting, listing, _memory("VmHWM") - before)


def _cost(work: Callable[[], int], url: str) -> Part:
    before, began, cpu_began = read_counters(url), time.monotonic(), time.process_time()
    found = work()
    seconds, cpu_seconds = time.monotonic() - began, time.process_time() - cpu_began
    after = read_counters(url)
    requests, refused = (int(after[name] - before[name]) for name in ("requests", "refused"))
    return Part(found, seconds, cpu_seconds, requests, refused, int(after["most_in_flight"]))


def _reset_peak() -> int:
    """Reset the peak of the memory to the memory now, and return it in bytes."""
    Path("/proc/self/clear_refs").write_text("5", "utf-8")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _counted_twice(url: str, files: int, open_files: int, latency_ms: float) -> list[Part]:
    hook, job = TencentCIHook(), _job(files)
    settled = _settled(hook, url, job, open_files)
    set_up(url, latency_ms=latency_ms)
    whole = _cost(lambda: hook.run(count_files(job)).total, url)
    set_up(url, latency_ms=latency_ms)
    return [whole, _cost(lambda: hook.run(count_files(job, settled=settled)).total, url)]


def _settled(hook: TencentCIHook, url: str, job: InventoryJob, open_files: int) -> list[SettledFiles]:
    """Count once, as a wait does; return what need not be read again."""
    set_up(url, latency_ms=0, open_files=open_files)
    hook.run(IncrementalCount(job).read_page())  # a wait has polled before, so it knows the service's time
    counting = IncrementalCount(job)
    while hook.run(counting.read_page()) is None:
        pass
    return counting.settled


def main(kind: str, *arguments: str) -> None:
    """Measure, and print the result as JSON."""
    if kind == "way":
        way, url, files, lists, interval = arguments
        ways: Mapping[str, Callable[[], Way]] = {
            OURS: lambda: _Ours(url),
            IN_ORDER: lambda: _InOrder(url, float(interval)),
            SDK: lambda: _Sdk(url),
        }
        found: object = asdict(_measure(ways[way](), url, int(files), lists=bool(int(lists))))
    else:
        url, files, open_files, latency_ms = arguments
        found = [asdict(part) for part in _counted_twice(url, int(files), int(open_files), float(latency_ms))]
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
