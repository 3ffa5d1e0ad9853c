"""
The dashboard, the alerts and the mapping, with Prometheus's own programs on the loopback.

``statsd_exporter`` is in few distributions; ``prometheus`` is in Debian's. A test is skipped if its program is missing.
"""

from __future__ import annotations

import contextlib
import json
import re
import runpy
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from airflow_provider_tencent_ci.emulator import Fault
from tests.metrics.night import run_night
from tests.metrics.test_nights import emulator  # noqa: F401 - a fixture
from tests.runs.conftest import airflow_database  # noqa: F401 - a fixture

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "write-metric-docs"))
QUERIES = [query for panel in SCRIPT["PANELS"] for query, _ in panel.queries]
ALERTS = [alert.query for alert in SCRIPT["ALERTS"]]
SERIES = re.compile(r"\bairflow_tencent_ci_\w+")
BY = re.compile(r"by \((\w+)\)")
SAMPLE = re.compile(r"(?P<name>airflow_tencent_ci_\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')

EXPORTER = next(filter(None, map(shutil.which, ("statsd_exporter", "prometheus-statsd-exporter"))), None)
PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")

FORMS = {"tags": "True", "names": "False"}


def test_the_files_beside_the_page_are_current():
    for path, text in SCRIPT["files"]().items():
        assert (ROOT / "docs" / path).read_text("utf-8") == text, f"{path}: run scripts/write-metric-docs"


def block_of(part: str) -> re.Pattern[str]:
    return re.compile(f"(<!-- metrics: {part} -->\n).*?(<!-- metrics: end -->)", re.S)


@pytest.mark.parametrize("content", ["", "\n", "\n\n", "\n| old |\n\n"])
@pytest.mark.parametrize("part", SCRIPT["PARTS"])
def test_a_table_of_the_page_is_written_whatever_was_there(part, content):
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    changed = block_of(part).sub(rf"\g<1>{content}\g<2>", page)
    assert changed != page
    assert SCRIPT["with_tables"](changed) == page


@pytest.mark.parametrize("part", SCRIPT["PARTS"])
def test_a_table_that_is_not_in_the_page_is_an_error(part):
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    with pytest.raises(ValueError, match=part):
        SCRIPT["with_tables"](block_of(part).sub("", page))


def test_the_dashboard_shows_each_metric_once_at_least():
    shown = {re.sub("_(bucket|sum|count)$", "", name) for query in QUERIES for name in SERIES.findall(query)}
    assert shown == {SCRIPT["series"](metric) for metric in SCRIPT["METRICS"]}
    panels = json.loads((ROOT / "docs" / "metrics" / "grafana.json").read_text("utf-8"))["panels"]
    assert [target["expr"] for panel in panels for target in panel["targets"]] == QUERIES
    places = [tuple(panel["gridPos"].values()) for panel in panels]
    assert len({*places}) == len(places)


def test_there_are_five_alerts():
    assert len(ALERTS) == 5


@pytest.mark.skipif(not PROMTOOL, reason="needs promtool, of Debian's package prometheus")
def test_prometheus_accepts_the_alerts():
    subprocess.run([PROMTOOL, "check", "rules", ROOT / "docs" / "metrics" / "alerts.yml"], check=True, timeout=60)


class Exporter:
    """A ``statsd_exporter`` with the mapping of the docs."""

    def __init__(self, folder: Path) -> None:
        self.statsd_port, self.web_port = _free_port(socket.SOCK_DGRAM), _free_port(socket.SOCK_STREAM)
        self._folder = folder

    @property
    def command(self) -> list[str]:
        return [
            str(EXPORTER),
            f"--web.listen-address=127.0.0.1:{self.web_port}",
            f"--statsd.listen-udp=127.0.0.1:{self.statsd_port}",
            "--statsd.listen-tcp=",
            f"--statsd.mapping-config={ROOT / 'docs' / 'metrics' / 'statsd_mapping.yml'}",
        ]

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        text = requests.get(f"http://127.0.0.1:{self.web_port}/metrics", timeout=10).text
        return [
            (found["name"], dict(LABEL.findall(found["labels"] or "")), float(found["value"]))
            for found in map(SAMPLE.fullmatch, text.splitlines())
            if found
        ]


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], url: str) -> Iterator[None]:
    """Run a program of Prometheus until the block ends."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        ends_at = time.monotonic() + 60
        while not _answers(url):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < ends_at, f"{command[0]} does not answer"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.communicate(timeout=30)
        finally:
            process.kill()


def _answers(url: str) -> bool:
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(url, timeout=10).ok
    return False


@pytest.fixture
def exporter(tmp_path):
    if not EXPORTER:
        pytest.skip("needs the program statsd_exporter of Prometheus on the PATH")
    exporter = Exporter(tmp_path)
    with running(exporter.command, f"http://127.0.0.1:{exporter.web_port}/metrics"):
        yield exporter


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_each_query_finds_its_series(emulator, exporter, tmp_path, form):  # noqa: F811
    pytest.importorskip("statsd", reason="Airflow sends to StatsD with this package")
    emulator.inject(Fault("reset", operation="create", after_acting=True))
    run_night(
        {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(exporter.statsd_port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": FORMS[form],
        },
        "complete",
    )
    samples = exporter.samples()
    labels = {}
    for name, of_sample, _ in samples:
        labels.setdefault(name, []).append(of_sample)
    for query in (*QUERIES, *ALERTS):
        for name in SERIES.findall(query):
            assert name in labels, f"{query}: there is no {name}"
            for by in BY.findall(query):
                assert all(by in one for one in labels[name]), f"{query}: {name} has no {by}"
    # One of the night, and one of the table.
    assert [value for _, of, value in samples if of == {"operation": "create_job", "outcome": "no_answer"}] == [2]
    if PROMETHEUS:
        ask_prometheus(exporter, tmp_path)


def ask_prometheus(exporter: Exporter, folder: Path) -> None:
    """Let a Prometheus scrape the exporter, and ask it each query."""
    port = _free_port(socket.SOCK_STREAM)
    url = f"http://127.0.0.1:{port}"
    job = {"job_name": "airflow", "static_configs": [{"targets": [f"127.0.0.1:{exporter.web_port}"]}]}
    settings = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
    (folder / "prometheus.yml").write_text(json.dumps(settings), "utf-8")  # JSON is YAML
    command = [
        str(PROMETHEUS),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, f"{url}/-/ready"):
        wait_for_scrapes(url)
        assert [query for query in QUERIES if not result_of(url, query.replace("$__rate_interval", "1m"))] == []
        results = [result_of(url, query) for query in ALERTS]
    # Each kind of event has just happened; two of the alerts are about rates.
    assert [bool(result) for result in results[:3]] == [True, True, True]


def wait_for_scrapes(url: str) -> None:
    """Wait until each series has two values, which a rate needs."""
    ends_at = time.monotonic() + 60
    while not result_of(url, "count_over_time(airflow_tencent_ci_requests[1m]) >= 2"):
        assert time.monotonic() < ends_at, "Prometheus does not scrape"
        time.sleep(0.3)


def result_of(url: str, query: str) -> list[object]:
    answer = requests.get(f"{url}/api/v1/query", {"query": query}, timeout=10).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]
