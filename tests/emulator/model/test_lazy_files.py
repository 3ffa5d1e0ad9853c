"""
Objects and files that are computed when they are used, compared with a model that has all of them in memory.

The model is the plain way: a dictionary of objects, a list of files, a counter of failures, and a filter that looks at
each file.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.buckets import StoredObject
from airflow_provider_tencent_ci.emulator.model.lazy_sequences import Complement
from airflow_provider_tencent_ci.emulator.model.list_pages import STATES, Filters, matches_name
from airflow_provider_tencent_ci.emulator.model.object_store import NumberedKeys, Objects, ObjectSeries
from airflow_provider_tencent_ci.emulator.protocol.answer_times import without_colon
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from tests.emulator.conftest import NOON
from tests.emulator.services import ONE_WORKFLOW, SECOND_WORKFLOW, new_service, submit
from tests.emulator.wire import NODE_OPERATION

MILLION = 1_000_000


@given(st.sets(st.integers(0, 30)), st.integers(0, 31))
def test_a_complement_has_the_other_numbers(others, size):
    others = sorted(number for number in others if number < size)
    complement = Complement(size, others)
    assert list(complement) == [number for number in range(size) if number not in others]
    assert len(complement) == size - len(others)
    assert complement[1:] == tuple(complement)[1:]


# --- objects

PREFIXES = st.sampled_from(["", "a/", "a/0", "a/00", "b/"])
KEYS = st.sampled_from([f"a/{number:04}.mp4" for number in range(8)] + ["a/00003.mp4", "a/00030.mp4", "b/x", "a/0002"])
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS),
        st.tuples(st.just("delete"), KEYS),
        st.tuples(st.just("series"), PREFIXES, st.integers(0, 6)),
    ),
    max_size=12,
)


def of_size(size, key=""):
    return StoredObject(key, size, NOON)


@given(CHANGES, PREFIXES, st.integers(1, 3))
def test_objects_are_those_of_a_dictionary(changes, prefix, divisor):
    objects, expected = Objects(), {}
    for size, (kind, key, *rest) in enumerate(changes):
        if kind == "set":
            objects[key] = expected[key] = of_size(size, key)
        elif kind == "series":
            series = ObjectSeries(NumberedKeys(key, *rest), of_size(size))
            objects.add_series(series)
            expected |= {stored.key: stored for stored in series}
        elif key in expected:
            del objects[key], expected[key]
        else:
            with pytest.raises(KeyError):
                del objects[key]
    assert dict(objects) == expected
    assert (len(objects), len(list(objects))) == (len(expected), len(expected))
    assert ("a/0001.mp4" in objects) == ("a/0001.mp4" in expected)
    selected = objects.select(prefix, lambda stored: stored.size % divisor == 0)
    assert list(selected) == sorted(k for k, s in expected.items() if k.startswith(prefix) and s.size % divisor == 0)


def test_keys_of_a_selection_stay_when_objects_change_later():
    objects = Objects()
    objects.add_series(ObjectSeries(NumberedKeys("a/", 3), of_size(1)))
    selected = objects.select("a/", lambda _: True)
    objects.clear()
    assert list(selected) == ["a/0001.mp4", "a/0002.mp4", "a/0003.mp4"]
    assert not objects


# --- files

RUNS = st.fixed_dictionaries(
    {
        "submitted_seconds": st.sampled_from([0, 5]),
        "run_seconds": st.sampled_from([None, 0, 7, 40]),
        "file_seconds": st.sampled_from([0, 3]),
        "concurrency": st.integers(1, 3),
        "outcome": st.sampled_from(["success", "fail", "cancel", "pause"]),
        "failed_files": st.sampled_from(["success", "fail"]),
        "files_created": st.sampled_from(["at_once", "at_turn"]),
        "clock_offset_seconds": st.sampled_from([0, 90]),
    }
)
FAILURES = st.fixed_dictionaries(
    {
        "failing_every": st.integers(0, 3),
        "failing_keys": st.sampled_from([(), ("*2.mp4",), ("*",), ("*1.mp4", "x*")]),
        "failing_times": st.integers(0, 2),
    }
)
INPUTS = st.sampled_from(
    ["<Prefix>media/</Prefix>", "<Prefix>/</Prefix>", "<Prefix>none</Prefix>", "<UrlFile>list.txt</UrlFile>"]
)
OPERATIONS = st.sampled_from(
    [
        ONE_WORKFLOW,
        ("Workflow", f"<WorkflowIds>{defaults.WORKFLOW_ID},{SECOND_WORKFLOW}</WorkflowIds>"),
        ("Job", NODE_OPERATION),
    ]
)


def add_list(bucket):
    """Add a list that is not in order and names an object that does not exist."""
    content = "\n".join(["media/0003.mp4", "media/none.mp4", "media/0001.mp4", "media/0002.mp4"])
    bucket.objects["list.txt"] = StoredObject("list.txt", 1, NOON - timedelta(hours=2), content.encode())


def chosen_failures(bucket, job, counted):
    """Count the failures of a batch's files in a counter, in the order of the files; return whether each fails."""
    switches = job.behaviour.files
    for work in job.works:
        if work.key not in bucket.objects:
            yield True
            continue
        every = switches.failing_every and (work.index + 1) % switches.failing_every == 0
        if every or any(fnmatchcase(work.key, pattern) for pattern in switches.failing_keys):
            counted[work.key] += 1
            yield not switches.failing_times or counted[work.key] <= switches.failing_times
        else:
            yield False


@given(st.integers(0, 4), st.lists(st.tuples(INPUTS, OPERATIONS, FAILURES), max_size=4))
def test_files_fail_as_a_counter_of_their_failures_says(objects, batches):
    service, bucket = new_service(objects)
    add_list(bucket)
    bucket.failed["media/0002.mp4"] = 1
    counted = bucket.failed.copy()
    jobs = [submit(service, bucket, inputs, operation, **failures) for inputs, operation, failures in batches]
    for job in jobs:
        failing = list(chosen_failures(bucket, job, counted))
        assert [work.failure is not None for work in job.works] == failing
        assert list(job.works.failing) == [index for index, fails in enumerate(failing) if fails]


def plain_records(service, jobs, query, filters):
    """Return the files that a list has, by a look at each file of each batch."""
    now = service.clock.now()
    for job in jobs:
        timeline = job.timeline()
        for work in job.works:
            created_at = job.work_created_at(work.index, timeline)
            if created_at is None or created_at > now or (timeline.ending and timeline.ending.ends_at < created_at):
                continue
            state = job.shown_status(work, timeline, now).state
            if (
                filters.admit(created_at + job.behaviour.clock.offset, state)
                and query["workflowId"] in ("", work.workflow_id)
                and query["jobId"] in ("", job.job_id)
                and matches_name(query["name"], work.key, service.behaviour.lists)
            ):
                yield work.work_id, created_at + job.behaviour.clock.offset, state


def all_pages(list_page, query):
    found, token = [], ""
    while token is not None:
        page = list_page({**query, "nextToken": token})
        found += [(record.work.work_id, record.created_at, record.status.state) for record in page.entries]
        token = page.next_token
    return found


def act(service, bucket, job, event):
    if event == "cancel":
        service.cancel_job(bucket, job.job_id)
    elif event == "pause":
        service.pause_queue(bucket)
    elif event:
        service.end_job(job, event)


EVENTS = st.sampled_from(["", "", "cancel", "pause", "Success", "Failed"])
WINDOWS = st.sampled_from([None, -5, 0, 1, 7, 20, 90, 100])
QUERIES = st.fixed_dictionaries(
    {
        "states": st.sets(st.sampled_from(sorted(STATES))).map(lambda states: ",".join(sorted(states))),
        "startCreationTime": WINDOWS,
        "endCreationTime": WINDOWS,
        "orderByTime": st.sampled_from(["Asc", "Desc"]),
        "size": st.sampled_from(["1", "2", "3", "100"]),
        "workflowId": st.sampled_from(["", defaults.WORKFLOW_ID, SECOND_WORKFLOW]),
        "jobId": st.sampled_from(["", "first"]),
        "name": st.sampled_from(["", "media/0002.mp4", "media/none"]),
    }
)


@given(
    st.integers(0, 6),
    st.lists(st.tuples(INPUTS, OPERATIONS, RUNS, FAILURES, EVENTS), min_size=1, max_size=3),
    st.sampled_from([0, 0.5, 3, 6, 20, 60]),
    QUERIES,
    st.sampled_from(["exact", "prefix", "fuzzy"]),
)
def test_pages_are_those_of_a_list_in_memory(objects, batches, seconds, query, name_filter):
    service, bucket = new_service(objects)
    add_list(bucket)
    jobs = []
    for inputs, operation, run, failures, event in batches:
        jobs.append(submit(service, bucket, inputs, operation, **run, **failures))
        service.clock.advance(seconds)
        act(service, bucket, jobs[-1], event)
    service.clock.advance(seconds)
    service.behaviour = service.behaviour.changed(name_filter=name_filter)
    for bound in ("startCreationTime", "endCreationTime"):
        at = query[bound]
        query = {**query, bound: "" if at is None else without_colon(NOON + timedelta(seconds=at))}
    query["jobId"] = jobs[0].job_id if query["jobId"] else ""
    filters = Filters.read(query)
    expected = list(plain_records(service, [job for job in jobs if job.request.type == "Workflow"], query, filters))
    assert all_pages(lambda page: service.list_executions(bucket, page), query) == (
        expected if filters.ascending else expected[::-1]
    )
    query |= {"workflowId": "", "name": ""}
    for job in jobs:
        states = Counter(
            state for _, _, state in plain_records(service, [job], query | {"jobId": ""}, Filters.read({}))
        )
        assert service.count_files(job) == states
        assert len(service.files_of(job)) == states.total()
    child_query = {
        **{name: value for name, value in query.items() if name not in ("jobId", "workflowId", "name")},
        "tag": "Transcode",
        "inventoryTriggerJobId": query["jobId"],
    }
    expected = list(plain_records(service, [job for job in jobs if job.request.type == "Job"], query, filters))
    assert all_pages(lambda page: service.list_child_jobs(bucket, page, pictures=False), child_query) == (
        expected if filters.ascending else expected[::-1]
    )


def test_an_id_names_one_file_and_has_the_shape_of_ci(service, bucket, clock):
    jobs = [submit(service, bucket, submitted_seconds=0) for _ in range(3)]
    records = [record for job in jobs for record in service.files_of(job)]
    ids = [record.work.work_id for record in records]
    assert len({*ids, *(task for record in records for task in record.work.task_ids)}) == 2 * len(ids)
    for record in records:
        assert service.get_execution(bucket, record.work.work_id).work == record.work
        assert len(record.work.work_id) == 33
        int(record.work.work_id[1:], 16)
    changed = [ids[0][:-1] + ("0" if ids[0][-1] != "0" else "1"), "i0" + ids[0][2:], "j" + ids[0][1:]]
    for wrong in [*changed, ids[0].replace(ids[0][1:13], "x" * 12), ids[0].upper(), "", "i", *records[0].work.task_ids]:
        if wrong not in ids:
            with pytest.raises(ServiceError, match="no workflow execution"):
                service.get_execution(bucket, wrong)


def test_ids_are_not_in_the_order_of_the_files(service, bucket):
    ids = [record.work.work_id for record in service.files_of(submit(service, bucket, submitted_seconds=0))]
    assert ids not in (sorted(ids), sorted(ids, reverse=True))


# --- a million


@contextmanager
def memory_within(megabytes):
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


@pytest.fixture
def million():
    """A service with a batch of a million files; 30,303 of them fail. An hour of its two has passed."""
    service, bucket = new_service(0)
    with memory_within(1):
        bucket.objects.add_series(defaults.media_objects(MILLION, NOON))
        run = {"submitted_seconds": 0, "run_seconds": 7200, "files_created": "at_turn", "failing_every": 33}
        job = submit(service, bucket, **run)
    service.clock.advance(3600)
    return service, bucket, job


@pytest.mark.parametrize("order", ["Asc", "Desc"])
@pytest.mark.parametrize("states", ["All", "Failed", "Success", "Running", "Failed,Running", "Cancel"])
def test_a_page_of_a_million_files_needs_no_memory_for_the_others(million, states, order):
    service, bucket, job = million
    noon = NOON + timedelta(minutes=20)
    window = {"startCreationTime": without_colon(noon), "endCreationTime": without_colon(noon + timedelta(minutes=50))}
    query = {"jobId": job.job_id, "states": states, "orderByTime": order, "size": "100", **window}
    with memory_within(1):
        first = service.list_executions(bucket, query)
        service.list_executions(bucket, {**query, "nextToken": first.next_token or ""})
    assert len(first.entries) == {"Running": 1, "Cancel": 0}.get(states, 100)


def test_the_files_of_a_million_are_counted_by_their_states_at_once(million):
    service, _, job = million
    with memory_within(1):
        assert service.count_files(job) == {"Failed": 15_151, "Running": 1, "Success": 484_849}


def test_a_million_files_of_which_a_pattern_chooses_cost_four_bytes_for_each_that_fails():
    service, bucket = new_service(20_000)
    with memory_within(1):
        job = submit(service, bucket, submitted_seconds=0, run_seconds=0, failing_keys="*")
        assert service.count_files(job) == {"Failed": 20_000}


def test_files_of_later_batches_fail_again_once_failures_are_forgotten():
    service, bucket = new_service(4)
    switches = {"failing_keys": ("*2.mp4",), "failing_times": 1}
    first, second = (submit(service, bucket, **switches) for _ in range(2))
    bucket.forget_failures()
    third = submit(service, bucket, **switches)
    assert [len(job.works.failing) for job in (first, second, third)] == [1, 0, 1]
