"""The result for a batch's files is the same for operator and sensor, blocking and deferred."""

from __future__ import annotations

import json
import logging
import re
from contextlib import suppress

import pytest
from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_tencent_ci.compat.airflow_names import AirflowTaskTimeout
from airflow_provider_tencent_ci.core.files import count_at_end
from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from tests.runs.dag_test import run_dag_file
from tests.runs.test_operator import HEADER

FILES = 10_000
FAILING = ("many/*03.mp4", "many/*37.mp4", "many/*71.mp4")  # 3 %
MODES = {
    "operator": "operator, deferrable=False",
    "operator, deferred": "operator, deferrable=True",
    "sensor": "sensor, deferrable=False",
    "sensor, deferred": "sensor, deferrable=True",
}
modes = pytest.mark.parametrize("mode", MODES)
PATHS = "from pathlib import Path; from airflow.providers.common.compat.sdk import ObjectStoragePath"


def run(mode, prefix, arguments="", job="workflow_ids=WORKFLOW", before=""):
    """Run a batch over a prefix, with one task or two; return the run and the final record, the XCom ``job``."""
    deferrable = f"deferrable={mode.endswith('deferred')}"
    submit = f"with dag:\n    submit = TriggerInventoryJobOperator(task_id='submit', {job}, prefix={prefix!r}, "
    if mode.startswith("operator"):
        code = f"{submit} wait_for_completion=True, poll_interval=0.3, {deferrable}, {arguments})\n"
        return with_record(run_dag_file(before + HEADER + code), "submit")
    code = f"{submit})\n    InventoryJobSensor(task_id='wait', job_id=submit.output, poke_interval=0.3, {deferrable}, "
    return with_record(run_dag_file(f"{before}{HEADER}{code}{arguments})\n"), "wait")


def with_record(run, task_id):
    return run, run.xcoms.get(task_id, {}).get("job")


def state_of(mode, run):
    return run.states["submit" if mode.startswith("operator") else "wait"]


@pytest.fixture
def ten_thousand(emulator):
    emulator.add_objects(*(f"many/{number:05}.mp4" for number in range(FILES)))
    emulator.configure(failing_keys=FAILING)
    return emulator


@pytest.fixture
def a_hundred(emulator):
    emulator.add_objects(*(f"some/{number:03}.mp4" for number in range(100)))
    emulator.configure(failing_keys=("some/*1.mp4",))
    return emulator


@modes
def test_some_of_ten_thousand_files_fail(ten_thousand, tmp_path, mode):
    path = tmp_path / "lists" / "failed.jsonl"
    run_, record = run(mode, "many/", f"failures_path={f'file://{path}'!r}")
    assert run_.state == "success"
    files = record["Files"]
    assert {word: files[word] for word in ("Total", "Success", "Failed", "Running", "Cancel")} == {
        "Total": FILES, "Success": 9_700, "Failed": 300, "Running": 0, "Cancel": 0,
    }  # fmt: skip
    assert files["FailureList"] == f"file://{path}"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(line["key"] for line in lines) == sorted(
        f"many/{number:05}.mp4" for number in range(FILES) if number % 100 in (3, 37, 71)
    )
    assert {(line["node"], line["code"]) for line in lines} == {("Transcode_1", "ResourceNotSupported")}
    assert len({line["run_id"] for line in lines}) == 300
    assert len(json.dumps(record)) < 2_000, "the list is no part of the record"


@modes
@pytest.mark.parametrize(
    ("fail_on", "state"),
    [("'job'", "success"), ("'any'", "failed"), ("0.1", "failed"), ("0.11", "success"), ("11", "success")],
)
def test_fail_on_decides_about_failed_files(a_hundred, mode, fail_on, state):
    run_, record = run(mode, "some/", f"fail_on={fail_on}, retries=2, retry_delay=timedelta(seconds=0)")
    assert state_of(mode, run_) == state
    if state == "failed":
        assert re.match("AirflowFailException: Connection .*: Batch job ", run_.failure)
        assert "10 of its 100 files failed (10.0%)" in run_.failure
        [job] = a_hundred.jobs
        assert f"To submit only the failed files again: `tencent-ci resubmit {job.job_id}`." in run_.failure
        assert set(run_.tries.values()) == {1}, "a retry cannot change it"
    assert record["Files"]["Failed"] == 10


# With count_files=False, for 100 files of which 10 failed, each list one page: the requests for pages of failed files,
# for pages of all files, and for reasons. The log needs the list of failed files once more.
ASKED = {
    ("'job'", "succeed"): (0, 0, 0),
    ("'job'", "fail"): (0, 1, 0),
    ("'any'", "succeed"): (2, 0, 10),
    ("'any'", "fail"): (2, 0, 10),
    ("10", "succeed"): (2, 0, 10),
    ("11", "succeed"): (2, 0, 10),
    ("0.5", "succeed"): (1, 1, 10),
}


@modes
@pytest.mark.parametrize(("rule", "asked"), ASKED.items(), ids=[" ".join(rule) for rule in ASKED])
def test_without_counts_only_what_decides_is_asked(a_hundred, mode, rule, asked):
    fail_on, on_empty = rule
    run_, record = run(mode, "some/", f"count_files=False, fail_on={fail_on}, on_empty={on_empty!r}")
    assert state_of(mode, run_) == ("failed" if fail_on in ("'any'", "10") else "success")
    assert all("`tencent-ci resubmit " in str(failure) for failure in run_.failures)
    listed = [request for request in a_hundred.requests if request.operation == "executions"]
    failed = [request for request in listed if "states=Failed" in request.query]
    assert (len(failed), len(listed) - len(failed), a_hundred.count("execution")) == asked
    assert ("Files" in record) is (fail_on == "0.5")


@modes
@pytest.mark.parametrize(("on_empty", "state"), [("succeed", "success"), ("skip", "skipped"), ("fail", "failed")])
def test_on_empty_decides_about_a_batch_without_files(emulator, mode, on_empty, state):
    run_, record = run(mode, "nothing/here/", f"on_empty={on_empty!r}")
    assert state_of(mode, run_) == state
    if state == "success":
        assert record["Files"]["Total"] == 0
    if state == "failed":
        assert "no file matched" in run_.failure


@pytest.fixture
def logged(capsys, caplog):
    """Return what the tasks logged since: Airflow 3 prints it, 2.11 logs it."""
    caplog.set_level(logging.INFO)
    return lambda: "\n".join([*capsys.readouterr(), *(record.message for record in caplog.records)])


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode.endswith("deferred")])
def test_the_files_of_a_deferred_wait_are_counted_once(a_hundred, mode, logged):
    """In the triggerer: two requests would mean that the worker counts, too."""
    a_hundred.configure(failing_keys=())
    _, record = run(mode, "some/")
    assert record["Files"]["Success"] == 100
    assert a_hundred.count("executions") == 1
    assert re.search(r"Success after .*\n  files +100\n", logged())


@modes
def test_execution_timeout_ends_a_count_and_says_that_the_job_has_ended(a_hundred, mode, logged):
    """The job is not cancelled: there is nothing to stop."""
    a_hundred.inject(Fault("hang", operation="executions", times=None))
    with suppress(AirflowTaskTimeout):  # which 2.11's dag.test lets through
        run_, _ = run(mode, "some/", "execution_timeout=timedelta(seconds=4), cancel_on_kill=True")
        assert state_of(mode, run_) == "failed"
    text = " ".join(logged().split())
    assert "execution_timeout is over while the files of batch job" in text
    assert "The job itself had ended (Success)." in text
    assert a_hundred.count("cancel") == 0


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_retry_goes_on_with_a_count_that_broke_off(emulator, monkeypatch, is_kept):
    """As far as Airflow keeps it: from 3.3 on."""
    monkeypatch.setattr(count_at_end, "_WRITE_SECONDS", 0.0 if is_kept else 1000.0)
    connection = emulator.connection()
    connection["extra"]["max_connections"] = 1
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", json.dumps(connection))
    emulator.add_objects(*(f"many/{number:05}.mp4" for number in range(FILES)))
    emulator.configure(files_created="at_turn", run_seconds=7200)
    with TencentCIHook() as hook:
        job_id = hook.trigger_inventory_job(name="many", workflow_ids=WORKFLOW_ID, prefix="many/").job_id
    emulator.advance(9000)
    emulator.inject(Fault("error", operation="executions", status=403, code="AccessDenied", skip=90))
    arguments = "fail_on='any', retries=1, retry_delay=timedelta(seconds=0), deferrable=False"
    run = run_dag_file(f"{HEADER}with dag:\n    InventoryJobSensor(task_id='wait', job_id={job_id!r}, {arguments})\n")
    assert (run.states["wait"], run.tries["wait"]) == ("success", 2)
    assert run.xcoms["wait"]["return_value"]["Files"]["Total"] == FILES
    if is_kept and airflow_version >= "3.3":
        assert emulator.count("executions") < 91 + 100 - 60
    else:
        assert emulator.count("executions") >= 91 + 100


@modes
def test_the_log_ends_with_a_table_and_the_first_ten_failures(a_hundred, mode, logged):
    run(mode, "some/")
    text = logged()
    assert re.search(r"Success after .*\n  files +100\n  succeeded +90 +90.0%\n  failed +10 +10.0%", text)
    failures = text.partition("The failed files:\n")[2].splitlines()[:10]
    assert failures[0].startswith("  some/001.mp4 in Transcode_1: ResourceNotSupported: The file was made")
    assert all(line.startswith("  some/") for line in failures)
    said = r"Batch job (\S+) \(.*, reads some/\) succeeded, and (.*?), which fail_on='job' allows. (.*)"
    job_id, failed, advice = re.search(said, text).groups()
    assert failed == "10 of its 100 files failed (10.0%)"
    assert f"To submit only the failed files again: `tencent-ci resubmit {job_id}`." in advice


@modes
@pytest.mark.parametrize(("fail_on", "allows"), [(11, True), (10, False), (0.2, True), (0.1, False)])
@pytest.mark.parametrize("count_files", [True, False])
def test_failed_files_that_fail_on_allows_are_a_warning(a_hundred, mode, fail_on, allows, count_files, logged):
    run_, _ = run(mode, "some/", f"fail_on={fail_on}, count_files={count_files}")
    assert state_of(mode, run_) == ("success" if allows else "failed")
    assert (f", which fail_on={fail_on!r} allows." in logged()) == allows


@modes
def test_a_batch_of_type_job_needs_no_request_per_failure(a_hundred, tmp_path, mode):
    job = "job={'Tag': 'Transcode', 'JobParam': {'TemplateId': 't1'}, 'Output': {'Region': 'ap-beijing', "
    job += "'Bucket': 'examplebucket-1250000000', 'Object': 'out/${InputName}.mp4'}}"
    run_, record = run(mode, "some/", f"failures_path='file://{tmp_path}/'", job)
    assert (run_.state, record["Files"]["Total"], record["Files"]["Failed"]) == ("success", 100, 10)
    [path] = tmp_path.iterdir()
    assert path.name == f"{record['JobId']}.jsonl"
    assert json.loads(path.read_text().splitlines()[0])["node"] == "Transcode"
    assert a_hundred.count("execution") == 0


@modes
@pytest.mark.parametrize(
    "path",
    [
        "ObjectStoragePath('file://FOLDER/{{ task.task_id }}.jsonl')",
        "Path('FOLDER/{{ task.task_id }}.jsonl')",
        "ObjectStoragePath('file://FOLDER/')",
    ],
)
def test_the_list_is_written_to_a_path_of_any_kind(a_hundred, tmp_path, mode, path):
    given = path.replace("FOLDER", str(tmp_path))
    run_, record = run(mode, "some/", f"failures_path={given}", before=PATHS)
    assert state_of(mode, run_) == "success"
    [written] = tmp_path.iterdir()
    names = [task if isinstance(task, str) else task[0] for task in run_.states]
    assert written.stem in (*names, record["JobId"])
    assert record["Files"]["FailureList"].endswith(written.name)
    assert len(list(InventoryJobFailures.read(ObjectStoragePath(f"file://{written}")))) == 10


@modes
@pytest.mark.parametrize(
    ("arguments", "state"), [("", "success"), ("fail_on='any'", "failed"), ("count_files=False", "success")]
)
def test_a_failed_count_fails_only_tasks_that_depend_on_it(a_hundred, mode, arguments, state):
    a_hundred.inject(Fault("error", operation="executions", status=403, code="AccessDenied", times=None))
    run_, record = run(mode, "some/", arguments)
    assert state_of(mode, run_) == state
    if state == "failed":
        assert "FilesUnknownError" in run_.failure
    else:
        assert "Files" not in record
    if arguments == "count_files=False":
        assert a_hundred.count("executions") == 0


@modes
def test_a_list_that_cannot_be_written_fails_the_task_and_the_retry_writes_it(a_hundred, tmp_path, mode):
    place = tmp_path / "place"
    place.write_text("a file, where a folder is needed")
    arguments = f"failures_path='file://{place}/failed.jsonl', retries=0"
    run_, _ = run(mode, "some/", arguments)
    assert state_of(mode, run_) == "failed"
    assert "FilesUnknownError" in run_.failure
    assert str(place) in run_.failure
    [job] = a_hundred.jobs
    assert job.state == "Success"


@modes
def test_an_unwritable_path_fails_before_any_submission(emulator, mode):
    run_, _ = run(mode, "media/", "failures_path='nowhere9://a/b'")
    assert state_of(mode, run_) == "failed"
    assert "InvalidArgumentError" in run_.failure
    if mode.startswith("operator"):
        assert emulator.jobs == []


@modes
def test_files_are_counted_during_the_wait(a_hundred, mode, logged):
    a_hundred.configure(submitted_seconds=0, run_seconds=4)
    run_, _ = run(mode, "some/", "progress_interval=0.5")
    assert run_.state == "success"
    text = logged()
    assert text.count("of 100 files done") >= 2
    assert re.search(r"of 100 files done .*, \d+ left, [\d,]+ a minute, to end about \d\d:\d\d UTC", text)


def test_failed_files_can_be_listed_by_the_hook(a_hundred):
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="by-hand", workflow_ids=WORKFLOW_ID, prefix="some/")
        a_hundred.advance(10)
        failures = list(hook.list_failed_files(hook.get_inventory_job(job.job_id)))
    assert [failure.key for failure in failures] == [f"some/{number:03}.mp4" for number in range(1, 100, 10)]
