"""The trigger of asset watchers alone, against the emulator: with its own poll, and with Airflow's shared one."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from airflow_provider_tencent_ci.compat.airflow_names import BaseTrigger
from airflow_provider_tencent_ci.compat.triggerer_features import watched_asset_store
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, JobState
from airflow_provider_tencent_ci.core.polling.ended_jobs import BucketSnapshot, DetectedJobs
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.triggerer import bucket_watcher
from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger
from tests.loops import until


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(submitted_seconds=0, run_seconds=24 * 3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        yield emulator


class Store:
    """The state store of one asset, as Airflow 3.3 gives it to a trigger; JSON, as there."""

    _total = 1

    def __init__(self):
        self.values = {}

    async def aget(self, key, default=None):
        return json.loads(self.values[key]) if key in self.values else default

    async def aset(self, key, value):
        self.values[key] = json.dumps(value)


def submit(name="nightly"):
    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name=name, workflow_ids=WORKFLOW_ID, prefix="media/").job_id


def watcher(store=None, **arguments):
    trigger = InventoryJobEventTrigger(**{"poll_interval": 0.1, **arguments})
    trigger.asset_state_store = store
    return trigger


@asynccontextmanager
async def watching(stream, *, events=None):
    """Collect the events of a trigger for a while."""
    events = [] if events is None else events

    async def collect():
        async for event in stream:
            events.append(json.loads(json.dumps(event.payload)))

    task = asyncio.create_task(collect())
    try:
        yield events
        assert not task.done(), task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def looks(emulator, number=2):
    """Wait for this number of complete polls from now on; each one reads at least two lists."""
    before = emulator.count("list")
    await until(lambda: emulator.count("list") >= before + 2 * number + 1)


def run(main):
    asyncio.run(asyncio.wait_for(main(), 60))


def job_ids(events):
    return [job["JobId"] for event in events for job in event["jobs"]]


def test_the_trigger_s_arguments_are_json_and_recreate_it():
    trigger = InventoryJobEventTrigger("n-*", ("Failed",), "Job", "w1", "media", "b-1", "ap-beijing", 5, 60, 30)
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_tencent_ci.triggers.inventory_job_event.InventoryJobEventTrigger"
    assert InventoryJobEventTrigger(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)
    assert SECRET_KEY not in json.dumps(arguments)


DURATIONS = {"poll_interval": 90, "look_back": 3600, "catch_up": 60}
TEXTS = ("name", "job_type", "workflow_id", "tencent_ci_conn_id", "bucket", "region")
NO_DURATIONS = ["5", "", None, -1, True, float("nan"), float("inf"), timedelta(-1), [], object()]
NO_TEXTS = [5, True, ["a"], {"a": 1}, timedelta(1), object()]
NO_STATES = ["Running", "success", "Success,Failed", "", [], set(), ["Success", None], [["Success"]], 5, object()]
WRONG = [
    *((argument, value) for argument in DURATIONS for value in NO_DURATIONS),
    *((argument, 0) for argument in ("poll_interval", "look_back")),
    *((argument, value) for argument in TEXTS for value in NO_TEXTS),
    *((argument, value) for argument in ("name", "tencent_ci_conn_id") for value in ("", None)),
    *(("states", value) for value in NO_STATES),
]


@pytest.mark.parametrize(("argument", "value"), WRONG)
def test_a_wrong_argument_is_refused_by_its_name_when_the_dag_is_parsed(argument, value):
    with pytest.raises(InvalidArgumentError, match=f"^{argument}="):
        InventoryJobEventTrigger(**{argument: value}).serialize()


def test_a_wrong_argument_is_an_import_error_of_the_dag(tmp_path):
    processor = pytest.importorskip("airflow.dag_processing.processor")
    if not hasattr(processor, "DagFileParseRequest"):
        pytest.skip("Airflow before 3.0 has no asset watchers")
    import structlog  # of Airflow 3

    dag = """
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger
watcher = AssetWatcher(name="w", trigger=InventoryJobEventTrigger(poll_interval=POLL_INTERVAL))
with DAG("watch", schedule=[Asset("a", watchers=[watcher])]):
    pass
"""
    path = tmp_path / "watch.py"

    def import_errors(poll_interval):
        path.write_text(dag.replace("POLL_INTERVAL", poll_interval))
        named = {"bundle_name": "b"} if "bundle_name" in processor.DagFileParseRequest.model_fields else {}
        request = processor.DagFileParseRequest(file=str(path), bundle_path=tmp_path, callback_requests=[], **named)
        return " ".join(processor._parse_file(request, structlog.get_logger()).import_errors.values())

    assert import_errors("60") == ""
    assert "poll_interval='60' must be a positive number of seconds, or a timedelta." in import_errors("'60'")


@pytest.mark.parametrize("argument", DURATIONS)
def test_a_timedelta_is_the_same_as_its_seconds(argument):
    seconds = DURATIONS[argument]
    triggers = [watcher(**{argument: duration}) for duration in (seconds, timedelta(seconds=seconds))]
    assert triggers[0].serialize() == triggers[1].serialize()
    assert triggers[0].shared_stream_key() == triggers[1].shared_stream_key()
    assert json.loads(json.dumps(triggers[1].serialize()[1]))[argument] == seconds


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset, iter, lambda states: dict.fromkeys(states)])
def test_states_have_one_order(kind):
    orders = [("Success", "Failed"), ("Failed", "Success"), ("Failed", "Success", "Failed")]
    assert {tuple(watcher(states=kind(order)).serialize()[1]["states"]) for order in orders} == {("Failed", "Success")}


@pytest.mark.parametrize("argument", ["job_type", "workflow_id", "bucket", "region"])
def test_an_empty_text_is_not_given(argument):
    assert watcher(**{argument: ""}).serialize() == watcher().serialize()


@pytest.mark.parametrize("nonsense", [None, [], {}, "x", -1, object()])
def test_the_constructor_accepts_any_arguments(nonsense):
    assert isinstance(InventoryJobEventTrigger(*[nonsense] * 10), BaseTrigger)


def test_an_ended_job_sends_one_event_with_a_small_record(emulator):
    job_id = submit()

    async def main():
        async with watching(watcher().run()) as events:
            await looks(emulator)
            emulator.finish_job(job_id)
            await until(lambda: events)
            await looks(emulator)
        [event] = events
        assert (event["version"], event["bucket"]) == (1, TencentCIHook().config.bucket)
        assert event["jobs"] == [event["job"]]  # the former field, for receivers that were written for it
        job = InventoryJob.from_dict(event["job"])
        assert (job.job_id, job.name, job.state.value) == (job_id, "nightly", "Success")
        assert job.input == {"Prefix": "media/"}
        assert job.operation == {"WorkflowIds": WORKFLOW_ID}

    run(main)


@pytest.fixture
def poll_results(monkeypatch):
    """The results of polls in place of those of a bucket; an entry may be added while a watcher runs."""
    given = asyncio.Queue()

    async def given_results(*_):
        while True:
            ended = await given.get()
            yield DetectedJobs(tuple(ended), BucketSnapshot(datetime(2026, 1, 1, tzinfo=UTC), {}, {}))

    monkeypatch.setattr(bucket_watcher, "watch_bucket", given_results)
    return given


def ended_jobs(numbers, name="nightly"):
    return [InventoryJob(f"b{number}", name, state=JobState.SUCCESS) for number in numbers]


@pytest.mark.parametrize(
    ("polls", "reported"),
    [
        ([range(4)], [["b0", "b1", "b2", "b3"]]),
        ([range(4), [], range(4, 6), range(6)], [["b0", "b1", "b2", "b3"], ["b4", "b5"]]),
        ([[2], [2, 3]], [["b2"], ["b3"]]),
        ([range(1000)], [[f"b{number}" for number in range(1000)]]),
        ([[], []], []),
    ],
    ids=["one poll", "two polls", "one job again", "many", "none"],
)
def test_all_jobs_that_end_in_one_poll_are_in_one_event(emulator, poll_results, polls, reported):
    async def main():
        async with watching(watcher(name="nightly").run()) as events:
            for numbers in polls:
                poll_results.put_nowait([*ended_jobs(numbers), *ended_jobs([900_000], "other")])
            poll_results.put_nowait(ended_jobs([999_999]))
            await until(lambda: job_ids(events)[-1:] == ["b999999"])
        assert [job_ids([event]) for event in events] == [*reported, ["b999999"]]
        assert all(event["job"] == event["jobs"][0] for event in events)

    run(main)


def test_jobs_that_end_between_two_polls_are_in_one_event(emulator):
    ids = [submit(f"nightly-{number}") for number in range(4)]

    async def main():
        async with watching(watcher().run()) as events:
            await looks(emulator)
            emulator.inject(Fault("internal_error", operation="list", times=5))  # no poll sees some of them ended
            for job_id in ids:
                emulator.finish_job(job_id)
            await until(lambda: events)
            await looks(emulator)
            [event] = events
            assert sorted(job_ids([event])) == sorted(ids)

    run(main)


def test_only_jobs_that_match_the_criteria_are_reported(emulator):
    ids = [submit("nightly-1"), submit("nightly-2"), submit("weekly-1")]

    async def main():
        async with watching(watcher(name="nightly-*", states="Failed", workflow_id=WORKFLOW_ID).run()) as events:
            await looks(emulator)
            emulator.finish_job(ids[0])
            emulator.fail_job(ids[1])
            emulator.fail_job(ids[2])
            await until(lambda: events)
            await looks(emulator)
            assert job_ids(events) == [ids[1]]

    run(main)


def test_a_pattern_that_no_job_matches_is_said_once_with_the_name_of_a_job(emulator, caplog):
    caplog.set_level("INFO")
    ids = [submit("nightly_transcode-submit-1"), submit("nightly_transcode-submit-2"), submit("nightly-3")]

    async def main():
        async with watching(watcher(name="nightly-*").run()) as events:
            await looks(emulator)
            for job_id in ids:
                emulator.finish_job(job_id)
                await looks(emulator)
            await until(lambda: events)
            assert job_ids(events) == [ids[2]]

    run(main)
    [said] = [record for record in caplog.records if "none matches" in record.getMessage()]
    assert "name='nightly-*'" in said.getMessage()
    assert "nightly_transcode-submit-1 (Success)" in said.getMessage()


@pytest.mark.parametrize("kind", ["internal_error", "slow_down", "reset", "garbage_body", "expired_token"])
def test_errors_do_not_end_the_watcher(emulator, kind):
    job_id = submit()

    async def main():
        async with watching(watcher().run()) as events:
            await looks(emulator)
            emulator.inject(Fault(kind, operation="list", times=5))
            emulator.finish_job(job_id)
            await until(lambda: events)
            assert job_ids(events) == [job_id]

    run(main)


def test_a_watcher_waits_as_long_as_the_service_asks(emulator):
    async def main():
        async with watching(watcher().run()):
            await looks(emulator)
            emulator.inject(Fault("slow_down", operation="list", retry_after_seconds=1))
            await until(lambda: emulator.requests[-1].status == 429)
            before = emulator.count("list")
            await asyncio.sleep(0.7)  # seven intervals
            assert emulator.count("list") == before
            await looks(emulator)

    run(main)


def test_a_connection_that_is_corrected_later_is_used(emulator, monkeypatch, caplog):
    job_id = submit()
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", '{"conn_type": "tencent_ci"}')

    async def main():
        async with watching(watcher().run()) as events:
            await until(lambda: "Cannot poll the batch jobs; will keep trying. InvalidArgumentError: " in caplog.text)
            monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
            await looks(emulator)
            emulator.finish_job(job_id)
            await until(lambda: events)

    run(main)


def test_earlier_ended_jobs_are_reported_only_on_request(emulator):
    job_id = submit()
    emulator.finish_job(job_id)

    async def main():
        async with watching(watcher().run()) as events:
            await looks(emulator)
            assert events == []
        async with watching(watcher(catch_up=3600).run()) as events:
            await until(lambda: events)
            await looks(emulator)
            assert job_ids(events) == [job_id]

    run(main)


def test_a_job_that_ended_without_a_watcher_is_reported_by_the_next_watcher_of_the_asset(emulator):
    first, missed, running = submit(), submit(), submit()
    store = Store()

    async def main():
        async with watching(watcher(store).run()) as events:
            await looks(emulator)
            emulator.finish_job(first)
            await until(lambda: events)
            await looks(emulator, 3)  # it is recorded half an interval later
        emulator.finish_job(missed)
        short = submit()
        emulator.finish_job(short)
        async with watching(watcher(store).run()) as events:
            await until(lambda: events)
            await looks(emulator)
            assert len(events) == 1
            assert {*job_ids(events)} == {missed, short}
        [written] = store.values.values()
        assert {*json.loads(written)["active"]} >= {running}

    run(main)


def test_a_reported_and_unrecorded_job_is_reported_again(emulator):
    class Slow(Store):
        async def aset(self, key, value):
            if self.values:
                await asyncio.Event().wait()  # the triggerer ends first
            await super().aset(key, value)

    store = Slow()
    job_id = submit()

    async def main():
        async with watching(watcher(store).run()) as events:
            await until(lambda: store.values)
            emulator.finish_job(job_id)
            await until(lambda: events)
        async with watching(watcher(store).run()) as events:
            await until(lambda: events)
            assert job_ids(events) == [job_id]

    run(main)


def test_a_watcher_with_other_criteria_keeps_its_own_state(emulator):
    store = Store()
    job_id = submit()

    async def main():
        async with watching(watcher(store).run()):
            await looks(emulator, 3)
        emulator.finish_job(job_id)
        async with watching(watcher(store, states=["Failed"]).run()) as events:
            await looks(emulator, 3)
            assert events == []

    run(main)
    assert len(store.values) == 2


@pytest.mark.parametrize(
    ("states", "key"),
    [
        ("Success", "tencent_ci.watch.472b015e46a4cce4"),
        (["Success", "Failed"], "tencent_ci.watch.e3bbd485b6cbe91c"),
    ],
)
def test_a_watcher_goes_on_with_the_state_that_the_release_before_stored(emulator, states, key):
    """That release made the key from the states as they were written in the DAG."""
    store = Store()
    job_id = submit()

    async def main():
        async with watching(watcher(store, states=states).run()):
            await until(lambda: store.values)
        [written] = store.values.values()
        store.values = {key: written}
        emulator.finish_job(job_id)
        arguments = watcher(states=states).serialize()[1]  # as in the row of the trigger
        async with watching(watcher(store, **arguments).run()) as events:
            await until(lambda: events)
            assert job_ids(events) == [job_id]

    run(main)


def test_an_idle_watcher_writes_nothing(emulator):
    class Counting(Store):
        written = 0

        async def aset(self, key, value):
            Counting.written += 1
            await super().aset(key, value)

    submit()

    async def main():
        async with watching(watcher(Counting()).run()):
            await looks(emulator, 8)

    run(main)
    assert Counting.written == 1


def test_a_failing_store_loses_no_event(emulator):
    class Broken(Store):
        async def aset(self, key, value):
            raise RuntimeError("no room")

    job_id = submit()

    async def main():
        async with watching(watcher(Broken()).run()) as events:
            await looks(emulator)
            emulator.finish_job(job_id)
            await until(lambda: events)
            await looks(emulator)
            assert job_ids(events) == [job_id]

    run(main)


def test_two_watchers_of_one_bucket_share_one_poll(emulator):
    shared_stream = pytest.importorskip("airflow.triggers.shared_stream", reason="Airflow 3.3 and later can share")
    ids = [submit("nightly-1"), submit("weekly-1")]
    triggers = [watcher(name="nightly-*"), watcher(name="weekly-*", states=["Success"])]
    assert triggers[0].shared_stream_key() == triggers[1].shared_stream_key()

    async def main():
        manager = shared_stream.SharedStreamManager()
        streams = [
            trigger.filter_shared_stream(
                manager.subscribe(trigger_id=number, trigger=trigger, key=trigger.shared_stream_key())
            )
            for number, trigger in enumerate(triggers)
        ]
        async with watching(streams[0]) as nightly, watching(streams[1]) as weekly:
            await looks(emulator, 5)
            for job_id in ids:
                emulator.finish_job(job_id)
            await until(lambda: nightly and weekly)
        await manager.stop_all()
        assert job_ids(nightly) == [ids[0]]
        assert job_ids(weekly) == [ids[1]]

    run(main)
    listed = [parse_qs(request.query)["states"][0] for request in emulator.requests if request.operation == "list"]
    active, ended = "Submitted,Running,Pause", "Success,Failed,Cancel"
    # The first poll sends one more request; later polls send two requests each, in turn, as a single watcher does.
    assert listed[:3] == [ended, active, ended]
    assert listed[3:] == ([active, ended] * len(listed))[: len(listed) - 3]


@pytest.mark.parametrize(
    "other",
    [{"bucket": "b-1"}, {"region": "ap-x"}, {"tencent_ci_conn_id": "x"}, {"poll_interval": 7}, {"look_back": 9}],
)
def test_watchers_of_other_buckets_or_options_do_not_share(other):
    assert watcher(**other).shared_stream_key() != watcher().shared_stream_key()


def test_a_watcher_of_several_assets_uses_no_store(monkeypatch):
    store = Store()
    assert watched_asset_store(watcher(store)) is store
    monkeypatch.setattr(store, "_total", 2)
    assert watched_asset_store(watcher(store)) is None
    assert watched_asset_store(InventoryJobEventTrigger()) is None
