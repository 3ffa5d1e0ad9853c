from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.control.controls import Controls
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.emulator.wire import JOBS, call, create, request_body


def test_a_new_emulator_is_ready_to_be_used():
    with Emulator(objects=3, run_seconds=20) as emulator:
        assert emulator.url == f"http://127.0.0.1:{emulator.port}"
        job_id = create(emulator)
        emulator.advance(30)
        assert [job.state for job in emulator.jobs] == ["Success"]
        assert [file.key for file in emulator.files(job_id)] == [f"media/000{n}.mp4" for n in (1, 2, 3)]


def test_the_connection_reaches_the_emulator(emulator):
    connection = json.loads(emulator.connection_json())
    assert connection == {
        "conn_type": "tencent_ci",
        "login": defaults.SECRET_ID,
        "password": defaults.SECRET_KEY,
        "extra": {"region": "ap-beijing", "bucket": "examplebucket-1250000000", "endpoint_url": emulator.url},
    }
    uri = urlsplit(emulator.connection_uri())
    assert (uri.scheme, uri.username, uri.password) == ("tencent-ci", defaults.SECRET_ID, defaults.SECRET_KEY)
    assert dict(parse_qsl(uri.query)) == connection["extra"]


def test_another_clock_may_be_passed():
    noon = datetime(2026, 1, 2, 4, 0, tzinfo=UTC)
    emulator = Emulator(now=lambda: noon)
    emulator.advance(60)
    assert emulator.now() == noon + timedelta(minutes=1)


def test_errors_inside_the_emulator_are_raised_when_it_stops():
    emulator = Emulator().start()
    emulator.bucket().queues.clear()  # a broken emulator
    assert exchange_create(emulator) == 500
    with pytest.raises(StopIteration):
        emulator.stop()
    emulator.stop()


def test_an_error_of_the_emulator_does_not_hide_an_error_of_the_test():
    def broken_test() -> None:
        with Emulator() as emulator:
            emulator.bucket().queues.clear()
            exchange_create(emulator)
            raise KeyError("the test's own")

    with pytest.raises(KeyError) as caught:
        broken_test()
    assert any("The emulator failed, too" in note for note in caught.value.__notes__)


def exchange_create(emulator: Emulator) -> int:
    return call(emulator, "POST", JOBS, body=request_body()).status


def test_a_stopped_emulator_can_start_again():
    emulator = Emulator()
    for _ in range(2):
        with emulator:
            create(emulator)
        with pytest.raises(RuntimeError, match="not running"):
            emulator.url  # noqa: B018 - looks for the port
    assert len(emulator.jobs) == 2


def test_an_emulator_is_not_started_twice(emulator):
    with pytest.raises(RuntimeError, match="running already"):
        emulator.start()


def test_an_address_in_use_raises_an_os_error(emulator):
    with pytest.raises(OSError, match="in use"):
        Emulator(port=emulator.port).start()


def test_many_threads_may_use_the_emulator_at_once(emulator):
    threads = [threading.Thread(target=lambda: [create(emulator) for _ in range(5)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({job.job_id for job in emulator.jobs}) == emulator.count("create") == 40


def test_the_emulator_documents_each_control():
    controls = {name: getattr(Controls, name) for name in vars(Controls) if not name.startswith("_")}
    for name, control in controls.items():
        own = vars(Emulator)[name]
        assert isinstance(own, property) is isinstance(control, property), name
        assert own.__doc__, name
