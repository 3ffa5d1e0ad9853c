from __future__ import annotations

import pytest

from airflow_provider_tencent_ci.emulator.model import defaults
from airflow_provider_tencent_ci.emulator.model.jobs import Job
from airflow_provider_tencent_ci.emulator.protocol.error_answers import ServiceError
from tests.emulator.wire import node_body, request_body

PARAMETERS = ("type", "states", "name", "workflowId", "jobId", "nextToken", "size", "orderByTime")


@pytest.fixture
def submit(service, bucket, clock):
    """Creates a batch, advances the clock by a minute, and returns the name."""

    def submit(name: str, body=request_body, **switches) -> str:
        if switches:
            service.behaviour = service.behaviour.changed(**switches)
        service.create_job(bucket, service.read_create(bucket, body(name=name)))
        clock.advance(60)
        return name

    return submit


@pytest.fixture
def listed(service, bucket):
    """Returns the names on one page, and its token."""

    def listed(**query: str) -> tuple[list[str], str | None]:
        page = service.list_jobs(bucket, query)
        return [record.job.request.name for record in page.entries], page.next_token

    return listed


def test_the_newest_batch_comes_first_by_default(submit, listed):
    for name in "abc":
        submit(name)
    assert listed() == (["c", "b", "a"], None)
    assert listed(orderByTime="Desc")[0] == ["c", "b", "a"]
    assert listed(orderByTime="Asc")[0] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"type": "Workflow"}, ["flow", "failed", "waits"]),
        ({"type": "Job"}, ["node"]),
        ({"states": "Success"}, ["flow", "node"]),
        ({"states": "Failed,Pause"}, ["failed", "waits"]),
        ({"states": "Failed, Pause,"}, ["failed", "waits"]),
        ({"states": "All"}, ["flow", "node", "failed", "waits"]),
        ({"states": "Cancel"}, []),
        ({"name": "node"}, ["node"]),
        ({"name": "nod"}, []),
        ({"name": "NODE"}, []),
        ({"workflowId": defaults.WORKFLOW_ID}, ["flow", "failed", "waits"]),
        ({"workflowId": "w404"}, []),
        ({"jobId": "b404"}, []),
        # 12:00, 12:01, 12:02 and 12:03 in Beijing; bounds are inclusive
        ({"startCreationTime": "2026-01-02T12:01:00+0800"}, ["node", "failed", "waits"]),
        ({"endCreationTime": "2026-01-02T12:01:00+0800"}, ["flow", "node"]),
        ({"startCreationTime": "2026-01-02T04:01:01+0000", "endCreationTime": "2026-01-02T04:02:00+0000"}, ["failed"]),
        (
            dict.fromkeys(["type", "states", "name", "workflowId", "jobId", "nextToken", "size", "orderByTime"], ""),
            None,
        ),
    ],
)
def test_each_filter_selects_its_batches(submit, listed, query, names):
    everything = [submit("flow"), submit("node", node_body), submit("failed", outcome="fail")]
    everything.append(submit("waits", outcome="pause"))
    expected = everything if names is None else names
    assert sorted(listed(**query)[0]) == sorted(expected)


def test_a_batch_is_found_by_its_id(service, submit, listed):
    submit("a"), submit("b")
    first = next(iter(service.jobs))
    assert listed(jobId=first)[0] == ["a"]


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ({"states": "Cancelled"}, "'Cancelled' is not a state"),
        ({"states": "Running,paused"}, "'paused' is not a state"),
        ({"type": "job"}, "type 'job'"),
        ({"orderByTime": "desc"}, "orderByTime 'desc'"),
        ({"size": "0"}, "size '0'"),
        ({"size": "101"}, "size '101'"),
        ({"size": "ten"}, "size 'ten'"),
        ({"nextToken": "abc"}, "nextToken 'abc'"),
        ({"nextToken": "9" * 5000}, "nextToken '9"),
        ({"startCreationTime": "2026-01-02 12:00:00"}, "startCreationTime"),
        ({"endCreationTime": "2026-01-02T12:00:00 0800"}, "endCreationTime"),
    ],
)
def test_invalid_values_are_refused_by_name(listed, query, complaint):
    with pytest.raises(ServiceError, match=complaint) as caught:
        listed(**query)
    assert (caught.value.status, caught.value.code) == (400, "InvalidArgument")


def pages(listed, **query: str) -> list[tuple[list[str], str | None]]:
    found, token = [], ""
    for _ in range(10):
        page = listed(**query, nextToken=token)
        found.append(page)
        token = page[1]
        if not token:
            break
    return found


@pytest.mark.parametrize(
    ("switches", "size", "lengths", "end"),
    [
        ({}, 2, [2, 2, 1], None),
        ({}, 5, [5], None),
        ({"end_of_list": "empty"}, 2, [2, 2, 1], ""),
        ({"end_of_list": "extra_page"}, 2, [2, 2, 1, 0], None),
        ({"end_of_list": "extra_page"}, 100, [5, 0], None),
        ({"short_pages": True}, 4, [2, 2, 1], None),
        ({"short_pages": True, "end_of_list": "empty"}, 1, [1] * 5, ""),
    ],
)
@pytest.mark.parametrize("order", ["Desc", "Asc"])
def test_pages_contain_every_batch_once_and_end_as_the_switch_sets(
    service, submit, listed, order, switches, size, lengths, end
):
    names = [submit(name) for name in "abcde"]
    service.behaviour = service.behaviour.changed(**switches)
    found = pages(listed, size=str(size), orderByTime=order)
    assert [len(page) for page, _ in found] == lengths
    assert [name for page, _ in found for name in page] == (names if order == "Asc" else names[::-1])
    assert found[-1][1] == end


def test_a_page_has_ten_batches_by_default(submit, listed):
    for number in range(11):
        submit(f"n{number}")
    names, token = listed()
    assert len(names) == 10
    assert token


def test_batches_created_between_pages_shift_no_batch(submit, listed):
    for name in "abc":
        submit(name)
    first, token = listed(size="2")
    submit("d")
    assert (first, listed(size="2", nextToken=token)[0]) == (["c", "b"], ["a"])


def test_a_switch_makes_an_endless_list(service, submit, listed):
    submit("a"), submit("b")
    service.behaviour = service.behaviour.changed(repeat_token=True)
    first = listed(size="1")
    assert listed(size="1", nextToken=first[1]) == first


@pytest.mark.parametrize(
    ("name_filter", "wanted", "names"),
    [
        ("prefix", "night", ["nightly", "nights"]),
        ("prefix", "ly", []),
        ("fuzzy", "LY", ["nightly"]),
        ("exact", "night", []),
    ],
)
def test_names_are_compared_as_the_switch_sets(service, submit, listed, name_filter, wanted, names):
    submit("nightly"), submit("nights")
    service.behaviour = service.behaviour.changed(name_filter=name_filter)
    assert listed(name=wanted, orderByTime="Asc")[0] == names


def test_a_switch_makes_a_list_ignore_the_job_id(service, submit, listed):
    submit("a"), submit("b")
    assert listed(jobId="b0")[0] == []
    service.behaviour = service.behaviour.changed(job_id_filter="ignored")
    assert listed(jobId="b0")[0] == ["b", "a"]


def test_a_new_batch_may_be_missing_from_lists_for_a_time_and_not_by_its_id(service, bucket, clock, listed):
    service.behaviour = service.behaviour.changed(list_lag_seconds=5)
    job = service.create_job(bucket, service.read_create(bucket, request_body())).job
    clock.advance(4.9)
    assert listed()[0] == []
    assert listed(jobId=job.job_id)[0] == []
    assert service.get_job(bucket, job.job_id).job is job
    clock.advance(0.1)
    assert listed()[0] == ["nightly"]


def test_a_new_batch_may_be_missing_from_a_number_of_lists(service, bucket, listed):
    service.behaviour = service.behaviour.changed(list_lag_answers=2)
    service.create_job(bucket, service.read_create(bucket, request_body()))
    assert [listed(name="other")[0], listed(name="nightly")[0], listed()[0]] == [[], [], []]
    assert listed()[0] == ["nightly"]


@pytest.fixture
def executed(service, bucket):
    """Returns the keys on one page of executions."""
    return lambda **query: [record.work.key for record in service.list_executions(bucket, query).entries]


def test_executions_of_one_batch_are_listed(service, bucket, submit, executed):
    submit("a"), submit("b")
    job_id = next(iter(service.jobs))
    keys = [f"media/{number:04}.mp4" for number in range(1, 5)]
    assert executed(jobId=job_id, orderByTime="Asc") == keys
    assert executed(size="100", orderByTime="Asc") == keys * 2
    assert executed(jobId=job_id, name="media/0002.mp4") == ["media/0002.mp4"]
    assert executed(jobId=job_id, workflowId="w404") == []
    assert executed(jobId="b404") == []


def test_executions_are_filtered_by_state(service, submit, clock, executed):
    submit("a", submitted_seconds=30, run_seconds=60, failing_keys="*1.mp4")
    assert executed(states="Failed") == ["media/0001.mp4"]
    assert executed(states="Success") == ["media/0002.mp4"]
    assert executed(states="Running", orderByTime="Asc") == ["media/0003.mp4", "media/0004.mp4"]


@pytest.mark.parametrize(
    ("switches", "size"), [({}, 3), ({}, 4), ({"end_of_list": "extra_page"}, 100), ({"short_pages": True}, 9)]
)
@pytest.mark.parametrize("order", ["Desc", "Asc"])
def test_pages_contain_every_execution_of_all_batches_once_and_in_order(service, bucket, submit, order, switches, size):
    submit("a"), submit("child", node_body), submit("b"), submit("c", **switches)
    jobs = [job for job in service.jobs.values() if job.request.type == "Workflow"]
    expected = [work.work_id for job in jobs for work in job.works]

    def listed(**query):
        page = service.list_executions(bucket, query)
        return [record.work.work_id for record in page.entries], page.next_token

    found = [work_id for page, _ in pages(listed, size=str(size), orderByTime=order) for work_id in page]
    assert found == (expected if order == "Asc" else expected[::-1])
    with pytest.raises(ServiceError, match="nextToken"):
        listed(nextToken="none of ours")


@pytest.mark.parametrize("order", ["Desc", "Asc"])
def test_a_page_of_executions_costs_no_more_than_its_own_files(service, bucket, clock, submit, order, monkeypatch):
    for stored in defaults.media_objects(500, clock.now()):
        bucket.objects[stored.key] = stored
    submit("a")
    asked = []
    status = Job.work_status
    monkeypatch.setattr(Job, "work_status", lambda job, work, *rest: asked.append(work) or status(job, work, *rest))
    query = {"size": "10", "orderByTime": order}
    token = service.list_executions(bucket, query).next_token
    service.list_executions(bucket, {**query, "nextToken": token})
    assert len(asked) == 2 * (10 + 1)


def test_child_jobs_are_listed_at_the_path_of_their_kind(service, bucket, submit):
    submit("a", node_body)
    job_id = next(iter(service.jobs))
    query = {"tag": "Transcode", "inventoryTriggerJobId": job_id, "queueId": defaults.QUEUE_ID}
    assert len(service.list_child_jobs(bucket, query, pictures=False).entries) == 4
    assert service.list_child_jobs(bucket, query, pictures=True).entries == []
    assert service.list_child_jobs(bucket, query | {"tag": "Snapshot"}, pictures=False).entries == []
    one = service.list_child_jobs(bucket, query | {"inputObject": "media/0001.mp4"}, pictures=False).entries
    assert [record.work.key for record in one] == ["media/0001.mp4"]
    with pytest.raises(ServiceError, match="tag is required"):
        service.list_child_jobs(bucket, {}, pictures=False)


def test_another_bucket_does_not_list_the_batches(service, submit, bucket):
    submit("a")
    job_id = next(iter(service.jobs))
    other = defaults.new_bucket("other-1250000000", "ap-shanghai", service.clock.now())
    service.buckets[other.name] = other
    assert service.list_jobs(other, {}).entries == []
    assert service.list_executions(other, {}).entries == []
    assert service.get_job(other, job_id) is None
    with pytest.raises(ServiceError, match="no batch"):
        service.cancel_job(other, job_id)
