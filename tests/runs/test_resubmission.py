"""Only the failed files of a batch are submitted again, once in each round, until none fails or all rounds are used."""

from __future__ import annotations

import json
import logging
import os
import re
from contextlib import suppress
from itertools import pairwise

import pytest

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.core.api import url_list
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.answers import answer_xml
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET, WORKFLOW_ID
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from tests.runs.conftest import only_job
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER, WAITING, waiting, waiting_with_retries

WORKFLOW = "workflow_ids=WORKFLOW"
CHILD_JOBS = (
    "job={'Tag': 'Transcode', 'JobParam': {'TemplateId': 't1'}, 'Output': {'Region': 'ap-beijing', "
    f"'Bucket': {BUCKET!r}, 'Object': 'out/${{InputName}}.mp4'}}}}"
)
both_types = pytest.mark.parametrize("kind", [WORKFLOW, CHILD_JOBS], ids=["workflow", "job"])
FAILING = [f"some/{number:03}.mp4" for number in range(1, 100, 10)]


@pytest.fixture
def a_hundred(emulator):
    emulator.add_objects(*(f"some/{number:03}.mp4" for number in range(100)))
    emulator.configure(failing_keys=("some/*1.mp4",))
    return emulator


def submit(mode, arguments="", kind=WORKFLOW, prefix="some/"):
    if "resubmit_rounds" not in arguments:
        arguments = f"resubmit_rounds=1, {arguments}"
    task = f"TriggerInventoryJobOperator(task_id='submit', {kind}, prefix={prefix!r}, {mode}, "
    return run_dag_file(f"{HEADER}with dag:\n    {task}{arguments})\n")


def keys_of(emulator, job):
    return sorted(file.key for file in emulator.files(job.job_id))


def counts(run):
    files = run.xcoms["submit"]["job"]["Files"]
    return files["Total"], files["Success"], files["Failed"]


def test_the_first_round_asks_for_no_xcom_that_is_not_there(a_hundred, capfd):
    submit(WAITING["deferred"])
    assert "XCom not found" not in "".join(capfd.readouterr()), "Airflow logs it as an error"


@waiting
@both_types
def test_files_that_failed_once_succeed_after_one_round(a_hundred, mode, kind):
    a_hundred.configure(failing_times=1)
    run = submit(mode, "fail_on='any'", kind)
    assert run.state == "success"
    first, second = a_hundred.jobs
    assert keys_of(a_hundred, second) == FAILING, "only the failed ones"
    assert counts(run) == (100, 100, 0)
    xcoms = run.xcoms["submit"]
    assert xcoms["rounds"] == [first.job_id, second.job_id]
    assert xcoms["return_value"] == xcoms["job"]["JobId"] == first.job_id
    assert xcoms["job_id"] == second.job_id
    assert xcoms["job"]["Input"] == {"Prefix": "some/"}


def test_no_reason_is_asked_for_files_that_are_submitted_again(a_hundred):
    a_hundred.configure(failing_times=1)
    assert counts(submit("wait_for_completion=True, poll_interval=0.3")) == (100, 100, 0)
    assert a_hundred.count("execution") == 0


LINE_BYTES = len(f"https://{BUCKET}.cos.ap-beijing.myqcloud.com/{FAILING[0]}\n")


@pytest.fixture
def short_lists(a_hundred, monkeypatch):
    """A list has room for four files, for the client and for the service."""
    monkeypatch.setattr(url_list, "MAX_URL_LIST_BYTES", int(4.5 * LINE_BYTES))
    a_hundred.configure(max_object_bytes=int(4.5 * LINE_BYTES))
    return a_hundred


def round_of(job):
    return int(re.search(r"-again-(\d+)", job.name)[1]) if "-again-" in job.name else 0


def keys_of_round(emulator, number):
    return sorted(key for job in emulator.jobs if round_of(job) == number for key in keys_of(emulator, job))


@waiting
@both_types
def test_files_for_more_than_one_list_are_submitted_in_parts(short_lists, mode, kind):
    short_lists.configure(failing_times=1)
    run = submit(mode, "fail_on='any'", kind)
    assert run.state == "success"
    first, *parts = short_lists.jobs
    assert len(parts) >= 3
    assert keys_of_round(short_lists, 1) == FAILING, "each once"
    assert counts(run) == (100, 100, 0)
    xcoms = run.xcoms["submit"]
    assert xcoms["rounds"] == [first.job_id, *(part.job_id for part in parts)]
    assert xcoms["return_value"] == first.job_id
    assert xcoms["job_id"] == parts[-1].job_id
    uploads = [request.path for request in short_lists.requests if request.method == "PUT"]
    lists = [path.rpartition("/")[2] for path in uploads]
    assert lists == [f"failed-1-part-{number}-of-{len(parts)}.txt" for number in range(1, len(parts) + 1)]


@waiting
def test_files_that_fail_again_in_any_part_are_the_next_round(short_lists, mode, tmp_path):
    """And those that fail to the end are all in the list of failures, whichever part they were in."""
    path = tmp_path / "failed.jsonl"
    run = submit(mode, f"resubmit_rounds=2, fail_on='any', failures_path='file://{path}'")
    assert run.state == "failed"
    assert [keys_of_round(short_lists, number) for number in (1, 2)] == [FAILING, FAILING]
    assert counts(run) == (100, 90, 10)
    assert sorted(json.loads(line)["key"] for line in path.read_text().splitlines()) == FAILING


@waiting
def test_parts_are_submitted_one_after_the_other(short_lists, mode):
    short_lists.configure(failing_times=1)
    assert submit(mode, "fail_on='any'").state == "success"
    times = [(job.created_at, job.ended_at) for job in short_lists.jobs]
    assert all(ended <= created for (_, ended), (created, _) in pairwise(times))


@waiting
def test_no_part_follows_one_that_fails_as_a_job(short_lists, configure_at_uploads, mode):
    short_lists.configure(failing_times=1)
    configure_at_uploads({"outcome": "fail"})
    run = submit(mode, "fail_on='any'")
    assert (run.state, [job.state for job in short_lists.jobs]) == ("failed", ["Success", "Failed"])


@waiting
def test_an_execution_timeout_cancels_the_part_that_runs_and_submits_no_other(short_lists, configure_at_uploads, mode):
    configure_at_uploads({}, {"run_seconds": 3600})
    with suppress(AirflowTaskTimeout):  # which 2.11's dag.test lets through
        submit(mode, "execution_timeout=timedelta(seconds=9)")
    assert [job.state for job in short_lists.jobs] == ["Success", "Success", "Cancel"]


@waiting
@pytest.mark.parametrize("other_seconds", [3], indirect=True)
def test_a_part_waits_for_a_place(taken, short_lists, mode):
    short_lists.configure(failing_times=1)
    run = submit(mode, "max_active_jobs=1, fail_on='any'")
    assert run.state == "success"
    assert keys_of_round(short_lists, 1) == FAILING


@both_types
def test_odd_keys_are_submitted_again_and_readable_in_the_log(emulator, monkeypatch, caplog, kind):
    """The emulator writes the bare control character, which XML forbids."""
    monkeypatch.setattr(answer_xml, "NOT_XML_1_0", re.compile("(?!)"))
    keys = ["some/a ", "some/\ta", "some/http://a", "some/a\x1b[31m", "some/a\u3000"]
    emulator.add_objects(*keys, "some/ok")
    emulator.configure(failing_keys=tuple(keys), failing_times=1)
    with caplog.at_level(logging.INFO):
        run = submit("wait_for_completion=True", "fail_on='any'", kind)
    assert run.state == "success"
    assert counts(run) == (6, 6, 0)
    assert keys_of(emulator, emulator.jobs[-1]) == sorted(keys)
    assert "\x1b[31m:" not in caplog.text


@waiting
def test_files_that_never_succeed_use_all_rounds_and_then_fail_on_decides(a_hundred, mode, tmp_path):
    path = f"failures_path='file://{tmp_path}/'"
    run = submit(mode, f"fail_on='any', resubmit_rounds=2, retries=2, retry_delay=timedelta(seconds=0), {path}")
    assert run.state == "failed"
    assert "10 of its 100 files failed (10.0%)" in run.failure
    assert f"`tencent-ci resubmit {run.xcoms['submit']['rounds'][-1]}`" in run.failure, "the job that has these files"
    assert set(run.tries.values()) == {1}, "a retry cannot change it"
    assert [job.files for job in a_hundred.jobs] == [100, 10, 10]
    [listed] = tmp_path.iterdir()
    assert listed.stem == run.xcoms["submit"]["rounds"][0]
    assert sorted(json.loads(line)["key"] for line in listed.read_text().splitlines()) == FAILING


@waiting
def test_each_round_contains_only_the_files_that_still_fail(a_hundred, mode):
    a_hundred.configure(failing_times=2)
    a_hundred.bucket().failed.update(dict.fromkeys(FAILING[:4], 1))  # these have failed before
    run = submit(mode, "resubmit_rounds=5, fail_on=0.01")
    assert run.state == "success"
    assert [job.files for job in a_hundred.jobs] == [100, 10, 6]
    assert counts(run) == (100, 100, 0)
    assert a_hundred.count("put_object") == a_hundred.count("create") - 1 == 2


@waiting
def test_fail_on_is_a_share_of_the_whole_batch(a_hundred, mode):
    run = submit(mode, "fail_on=0.11")
    assert run.state == "success", "10 of 100 fail, although all 10 of the round do"
    assert counts(run) == (100, 90, 10)


@waiting
def test_three_percent_of_ten_thousand_files_are_resubmitted(emulator, mode):
    emulator.add_objects(*(f"many/{number:05}.mp4" for number in range(10_000)))
    emulator.configure(failing_keys=("many/*03.mp4", "many/*37.mp4", "many/*71.mp4"), failing_times=1)
    run = submit(mode, "fail_on='any'", prefix="many/")
    assert run.state == "success"
    assert [job.files for job in emulator.jobs] == [10_000, 300]
    assert counts(run) == (10_000, 10_000, 0)
    failed = [request for request in emulator.requests if "states=Failed" in request.query]
    assert len(failed) == 3, "pages of a hundred files"


@waiting
def test_a_batch_without_failed_files_has_no_round(emulator, mode):
    run = submit(mode, "end_from_trigger=True", prefix="media/")
    job = only_job(emulator)
    assert run.xcoms["submit"]["rounds"] == [job.job_id]
    assert run.xcoms["submit"]["job"]["Files"]["Success"] == 8
    assert emulator.count("put_object") == 0


@waiting
def test_the_name_of_a_round_contains_its_number_and_its_list_names_first_job_and_round(a_hundred, mode):
    a_hundred.configure(failing_times=1)
    submit(f"{mode}, name='nightly', url_list_prefix='lists/{{{{ ds }}}}/'")
    first, second = a_hundred.jobs
    assert second.name.startswith("nightly-again-1-")
    [key] = [key for key in a_hundred.bucket().objects if key.startswith("lists/")]
    assert key.startswith("lists/20")
    assert key.endswith(f"/{first.name}/failed-1.txt")


@waiting_with_retries
def test_a_retry_after_a_lost_round_continues_with_that_round(a_hundred, mode):
    """The wait for round 1 times out once; the retry finds both jobs and submits nothing."""
    a_hundred.configure(failing_times=1, run_seconds=1)
    counts_of_a_round = 2 if "deferrable=True" in mode else 1  # by the trigger, then by the worker
    refused = Fault("error", operation="executions", status=403, code="AccessDenied", skip=2, times=counts_of_a_round)
    a_hundred.inject(refused)
    run = submit(mode, "fail_on='any', retries=1, retry_delay=timedelta(seconds=0), progress_interval=None")
    assert run.state == "success"
    assert run.tries == {"submit": 2}
    assert "FilesUnknownError" in run.failure
    first, second = a_hundred.jobs
    assert run.xcoms["submit"]["rounds"] == [first.job_id, second.job_id]
    assert counts(run) == (100, 100, 0)


@pytest.fixture
def other_seconds(request):
    """The duration of another job, which takes the only place in the bucket as soon as the first job has ended."""
    return request.param


@pytest.fixture
def taken(a_hundred, monkeypatch, other_seconds):
    """A bucket in which that happens."""
    from airflow_provider_tencent_ci.submission import rounds

    def take(*arguments):
        found = finish_or_start_round(*arguments)
        if len(a_hundred.jobs) == 1:
            a_hundred.configure(run_seconds=other_seconds)
            with TencentCIHook() as hook:
                hook.trigger_inventory_job(name="other", workflow_ids=WORKFLOW_ID, prefix="media/")
        return found

    finish_or_start_round = rounds.finish_or_start_round
    monkeypatch.setattr(rounds, "finish_or_start_round", take)
    a_hundred.configure(failing_times=1)
    return a_hundred


@waiting
@pytest.mark.parametrize("other_seconds", [3], indirect=True)
def test_a_round_waits_for_a_place_and_counts_nothing_again_meanwhile(taken, mode):
    run = submit(mode, "fail_on='any', max_active_jobs=1, progress_interval=None")
    assert run.state == "success"
    assert [job.files for job in taken.jobs] == [100, 8, 10]
    assert counts(run) == (100, 100, 0)
    first, _, third = taken.jobs
    assert run.xcoms["submit"]["rounds"] == [first.job_id, third.job_id]
    assert counted(taken, first) == 1


@waiting
@pytest.mark.parametrize("other_seconds", [3600], indirect=True)
def test_a_round_that_waits_for_a_place_ends_with_the_execution_timeout_and_is_not_submitted(taken, mode):
    with suppress(AirflowTaskTimeout):  # which 2.11's dag.test lets through
        run = submit(mode, "max_active_jobs=1, execution_timeout=timedelta(seconds=8)")
        assert run.state == "failed"
    first, other = taken.jobs
    assert (first.state, other.name) == ("Success", "other")
    assert taken.count("cancel") == 0


def counted(emulator, job):
    """The number of complete counts of a job's files: reads in any state, from the first page on."""
    queries = [request.query for request in emulator.requests if request.operation == "executions"]
    whole = [query for query in queries if job.job_id in query and "states=" not in query and "nextToken" not in query]
    return len(whole)


@waiting
def test_no_round_begins_when_the_files_cannot_be_counted(a_hundred, mode):
    a_hundred.inject(Fault("error", operation="executions", status=403, code="AccessDenied", times=None))
    run = submit(mode)
    assert run.state == "failed"
    assert "FilesUnknownError" in run.failure
    assert only_job(a_hundred).files == 100
    assert a_hundred.count("put_object") == 0


@waiting
def test_no_round_begins_when_the_list_cannot_be_written(a_hundred, mode):
    a_hundred.inject(Fault("error", operation="put_object", status=403, code="AccessDenied", message="cos:PutObject"))
    run = submit(mode)
    assert run.state == "failed"
    assert "PermissionDeniedError" in run.failure
    assert "cos:PutObject" in run.failure
    assert only_job(a_hundred).files == 100


@pytest.fixture
def configure_at_uploads(a_hundred, monkeypatch):
    """Configure the emulator right before the list of a round is uploaded: the first settings for the first upload."""
    from airflow_provider_tencent_ci.core.api.put_object import put_object

    def configure(*settings):
        left = iter(settings)

        def upload(*arguments):
            a_hundred.configure(**next(left))
            return put_object(*arguments)

        monkeypatch.setattr("airflow_provider_tencent_ci.core.submitting.round_request.put_object", upload)

    return configure


@waiting
def test_a_failed_job_of_a_round_fails_the_task(configure_at_uploads, mode):
    configure_at_uploads({"outcome": "fail", "failure_code": "TemplateNotFound"})
    run = submit(mode)
    assert run.state == "failed"
    assert "TemplateNotFound" in run.failure
    assert counts(run) == (100, 90, 10), "the known counts of the batch"


@waiting_with_retries
def test_a_retry_after_a_failed_job_of_a_round_submits_the_whole_round_again(a_hundred, configure_at_uploads, mode):
    configure_at_uploads({"outcome": "fail"}, {"outcome": "success", "failing_keys": ()})
    # Before Airflow 3.3 the retry searches for this time for the job that it does not know.
    run = submit(mode, "fail_on='any', reconcile_timeout=1, retries=1, retry_delay=timedelta(seconds=0)")
    assert run.state == "success"
    assert run.tries == {"submit": 2}
    assert [(job.state, job.files) for job in a_hundred.jobs] == [("Success", 100), ("Failed", 10), ("Success", 10)]


@waiting
def test_an_execution_timeout_cancels_the_job_of_the_round(a_hundred, configure_at_uploads, mode):
    configure_at_uploads({"run_seconds": 3600})
    with suppress(AirflowTaskTimeout):  # which 2.11's dag.test lets through
        run = submit(mode, "resubmit_rounds=2, execution_timeout=timedelta(seconds=6)")
        assert run.state == "failed"
    assert [job.state for job in a_hundred.jobs] == ["Success", "Cancel"]


@waiting
def test_a_wait_timeout_bounds_each_round_by_itself(a_hundred, mode):
    a_hundred.configure(failing_times=2, submitted_seconds=0, run_seconds=2)
    run = submit(mode, "resubmit_rounds=2, fail_on='any', wait_timeout=4")
    assert run.state == "success", "three jobs of two seconds"
    assert len(a_hundred.jobs) == 3


@waiting
def test_files_that_are_deleted_before_their_round_still_count_as_failed(a_hundred, mode, monkeypatch, tmp_path):
    a_hundred.configure(failing_times=1)
    from airflow_provider_tencent_ci.core.api import url_list

    monkeypatch.setattr("airflow_provider_tencent_ci.outcome.failed_files.write_url_list", _all_but_two(url_list))
    run = submit(mode, f"fail_on=3, failures_path='file://{tmp_path}/'")
    assert counts(run) == (100, 98, 2)
    assert [path.read_text() for path in tmp_path.iterdir()] == [""], "the round did not process them"


def _all_but_two(url_list):
    write = url_list.write_url_list
    return lambda keys, *arguments, **options: write(list(keys)[2:], *arguments, **options)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("url_list_prefix='/lists/'", "begins with a slash"),
        ("workflow_ids=[WORKFLOW, 'w2']", "resubmit_rounds=1: Failed files are submitted again for one workflow only"),
    ],
)
def test_wrong_arguments_fail_before_any_submission(emulator, arguments, complaint):
    given = {"workflow_ids": "WORKFLOW", "wait_for_completion": "True", "resubmit_rounds": "1"}
    code = f"dict({', '.join(f'{name}={value}' for name, value in given.items())}) | dict({arguments})"
    run = run_dag_file(
        f"{HEADER}with dag:\n    TriggerInventoryJobOperator(task_id='submit', prefix='media/', **({code}))\n"
    )
    assert run.state == "failed"
    assert complaint in run.failure
    assert emulator.jobs == []


@pytest.mark.parametrize(
    ("arguments", "warns"),
    [
        ("prefix='/', resubmit_rounds=1", True),
        ("prefix='.airflow/', resubmit_rounds=1", True),
        ("prefix='media/', resubmit_rounds=1, url_list_prefix='media/lists/'", True),
        ("prefix='media/', resubmit_rounds=1", False),
        ("prefix='/'", False),
        ("object_key='media/0001.mp4', resubmit_rounds=1", False),
    ],
)
def test_a_batch_that_covers_its_own_lists_is_a_warning(emulator, warned, arguments, warns):
    code = f"workflow_ids=WORKFLOW, wait_for_completion=True, poll_interval=0.3, {arguments}"
    run = run_dag_file(f"{HEADER}with dag:\n    TriggerInventoryJobOperator(task_id='submit', {code})\n")
    assert run.state == "success"
    assert len(warned("where resubmit_rounds puts lists of failed files")) == warns


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        *(({"resubmit_rounds": rounds}, "resubmit_rounds=") for rounds in (-1, 1.5, "2", None, True)),
        ({"wait_for_completion": False}, "needs wait_for_completion=True"),
        ({"count_files": False}, "needs count_files=True"),
        ({"on_existing": "submit"}, 'needs on_existing="adopt"'),
        ({"fail_on": 0}, "fail_on=0"),
        ({"on_empty": "ignore"}, "on_empty='ignore'"),
        ({"poll_interval": 0}, "poll_interval=0"),
        ({"wait_timeout": "1h"}, "wait_timeout='1h'"),
        ({"max_active_jobs": 0}, "max_active_jobs=0"),
    ],
    ids=str,
)
def test_a_wrong_argument_without_a_template_fails_when_the_dag_is_parsed(arguments, complaint):
    with pytest.raises(InvalidArgumentError, match=complaint):
        TriggerInventoryJobOperator(
            **{"task_id": "submit", "resubmit_rounds": 1, "wait_for_completion": True, "name": "n", **arguments}
        )


def test_the_log_describes_each_round(a_hundred, capsys, caplog):
    caplog.set_level(logging.INFO)
    submit(WAITING["deferred"], "resubmit_rounds=3")
    text = "\n".join([*capsys.readouterr(), *(record.message for record in caplog.records)])
    for number in (1, 2, 3):
        assert f"Round {number} of at most 3: the failed files of batch job " in text
        assert f"/failed-{number}.txt" in text


def test_failures_can_be_listed_uploaded_and_submitted_by_hand(a_hundred, tmp_path):
    a_hundred.configure(failing_times=1)
    with TencentCIHook() as hook:
        first = hook.trigger_inventory_job(name="by-hand", workflow_ids=WORKFLOW_ID, prefix="some/")
        a_hundred.advance(10)
        failures = InventoryJobFailures.of_job(hook, hook.get_inventory_job(first.job_id))
        assert list(failures) == FAILING
        url_file = failures.upload(hook, "lists/again.txt")
        second = hook.trigger_inventory_job(name="by-hand-again", workflow_ids=WORKFLOW_ID, url_file=url_file)
        a_hundred.advance(10)
        assert not InventoryJobFailures.of_job(hook, hook.get_inventory_job(second.job_id))
    assert keys_of(a_hundred, a_hundred.jobs[1]) == FAILING


def test_failures_can_be_read_from_the_list_of_a_task(a_hundred, tmp_path):
    run = run_dag_file(
        f"{HEADER}with dag:\n    TriggerInventoryJobOperator(task_id='submit', {WORKFLOW}, prefix='some/', "
        f"{WAITING['blocking']}, failures_path='file://{tmp_path}/failed.jsonl')\n"
    )
    assert list(InventoryJobFailures.read(run.xcoms["submit"]["job"]["Files"]["FailureList"])) == FAILING


# The long version (make test-chaos) has 300,000: about 130 s of processor time, most of it the emulator's.
MANY = int(os.environ.get("TENCENT_CI_FAILED_FILES", "3_000"))


def test_many_failed_files_are_submitted_again_each_once(emulator, monkeypatch):
    """In three lists, since a list has a limit; the service's own has room for 600,000 such keys."""
    emulator.add_objects(count=MANY, prefix="many/")
    third = MANY * 28  # bytes; a line has 76 or 77
    emulator.configure(failing_keys=("many/*",), failing_times=1, max_object_bytes=third)
    monkeypatch.setattr(url_list, "MAX_URL_LIST_BYTES", third)
    run = submit("wait_for_completion=True, poll_interval=0.3, deferrable=True", "fail_on='any'", prefix="many/")
    assert run.state == "success"
    assert counts(run) == (MANY, MANY, 0)
    first, *parts = emulator.jobs
    assert len(parts) >= 3
    assert keys_of_round(emulator, 1) == keys_of(emulator, first)
    assert emulator.count("execution") == 0
