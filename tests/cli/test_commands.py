"""The output and the exit status of each command."""

from __future__ import annotations

import builtins
import re
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from airflow_provider_tencent_ci.cli.main import main
from airflow_provider_tencent_ci.emulator import Emulator, Fault
from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.transport.endpoint_state import _clocks

TRANSCODE = {
    "Tag": "Transcode",
    "JobParam": {"TemplateId": "t0123456789abcdef0123456789abcdef0"},
    "Output": {"Region": "ap-beijing", "Bucket": "examplebucket-1250000000", "Object": "out/${InputName}.mp4"},
}
NO_JOB = "b00000000000000000000000000000000"


@pytest.fixture
def jobs(emulator):
    """Three jobs by name: one that runs for an hour, one that has failed, one of type Job that has succeeded."""
    emulator.configure(submitted_seconds=0, run_seconds=3600)
    with TencentCIHook() as hook:
        ids = {
            "long": hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/").job_id,
            "bad": hook.trigger_inventory_job(name="bad", workflow_ids=WORKFLOW_ID, prefix="media/").job_id,
            "good": hook.trigger_inventory_job(name="good", job=TRANSCODE, prefix="media/0001").job_id,
        }
    emulator.fail_job(ids["bad"])
    emulator.finish_job(ids["good"])
    return ids


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], ["good", "bad", "long"]),
        (["--limit", "2"], ["good", "bad"]),
        (["--state", "Failed"], ["bad"]),
        (["--state", "failed", "--state", "success"], ["good", "bad"]),
        (["--type", "job"], ["good"]),
        (["--name", "long"], ["long"]),
        (["--contains", "ON"], ["long"]),
        (["--contains", "edia/0001"], ["good"]),
        (["--contains", "o", "--limit", "1"], ["good"]),
        (["--contains", "nowhere"], []),
        (["--workflow-id", WORKFLOW_ID], ["bad", "long"]),
        (["--since", "1h"], ["good", "bad", "long"]),
        (["--since", "2999-01-01T00:00:00Z"], []),
    ],
)
def test_list_prints_only_the_jobs_that_match_the_filters(run, jobs, filters, names):
    done = run("list", "--output", "json", *filters)
    assert done.status == 0, done.err
    assert {job["Name"] for job in done.records} == set(names)
    assert len(done.records) == len(names)


@pytest.mark.parametrize("hours", [-3, 3])
def test_since_and_duration_use_the_service_s_clock(run, monkeypatch, hours):
    with Emulator(now=lambda: datetime.now(UTC) + timedelta(hours=hours), run_seconds=3600) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        with TencentCIHook() as hook:
            hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/")
        _clocks.clear()  # a command has a process of its own
        [line] = run("list", "--since", "1h", "--output", "plain").out.splitlines()[1:]
        assert re.search(r" 0:00:[0-5][0-9] +media/$", line)


def test_list_prints_the_same_records_as_xcom(run, jobs):
    with TencentCIHook() as hook:
        expected = hook.get_inventory_job(jobs["bad"]).to_dict()
    assert run("list", "--state", "Failed", "--output", "json").records == [expected]
    assert yaml.safe_load(run("list", "--state", "Failed", "--output", "yaml").out) == [expected]


def test_list_counts_the_files_on_request(run, emulator, jobs):
    [record] = run("list", "--name", "good", "--count", "--output", "json").records
    assert (record["Files"]["Total"], record["Files"]["Success"]) == (1, 1)
    assert "1: 1 succeeded" in run("list", "--name", "good", "--count").out


@pytest.mark.parametrize("form", ["table", "plain"])
def test_list_prints_one_line_for_each_job(run, jobs, form):
    done = run("list", "--output", form)
    lines = [line for line in done.out.splitlines() if any(job_id in line for job_id in jobs.values())]
    assert len(lines) == 3
    assert "Running" in next(line for line in lines if " long " in line)


@pytest.mark.parametrize("form", ["table", "plain"])
def test_list_says_what_each_job_reads(run, jobs, form):
    lines = run("list", "--output", form).out.splitlines()
    assert "reads" in lines[0]
    reads = {name: next(line for line in lines if f" {name} " in line) for name in jobs}
    assert "media/0001" in reads["good"]
    assert "media/" in reads["long"]


def test_list_says_when_the_files_of_a_job_were_modified(run, emulator):
    with TencentCIHook() as hook:
        start, end = (datetime(2026, 11, day, 18, tzinfo=UTC) for day in (28, 29))
        hook.trigger_inventory_job(
            name="night", workflow_ids=WORKFLOW_ID, prefix="media/", start_time=start, end_time=end
        )
    assert (
        "media/, modified from 2026-11-29 02:00:00 to 2026-11-30 02:00:00"
        in run("list", "--timezone", "Asia/Shanghai").out
    )


@pytest.fixture
def old_job(monkeypatch):
    """The id of a job that was created on 29 November 2026 at 18:00 UTC, which is the 30th at 02:00 in Shanghai."""
    with Emulator(now=lambda: datetime(2026, 11, 29, 18, tzinfo=UTC)) as emulator:
        monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", emulator.connection_json())
        with TencentCIHook() as hook:
            job_id = hook.trigger_inventory_job(name="night", workflow_ids=WORKFLOW_ID, prefix="media/").job_id
        _clocks.clear()
        yield job_id


IN_UTC, IN_SHANGHAI = ("UTC", "2026-11-29 18:00:00"), ("Asia/Shanghai", "2026-11-30 02:00:00")


@pytest.mark.parametrize("of_airflow", [None, "utc", "Asia/Shanghai"])
@pytest.mark.parametrize("argument", [None, "UTC", "Asia/Shanghai"])
def test_tables_have_the_time_zone_of_the_argument_or_of_airflow(run, old_job, monkeypatch, of_airflow, argument):
    if of_airflow:
        monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", of_airflow)
    zone, created = IN_SHANGHAI if "Asia/Shanghai" in (argument, not argument and of_airflow) else IN_UTC
    given = ["--timezone", argument] if argument else []
    commands = ["list"], ["show", old_job], ["cancel", old_job, "--yes", "--output", "plain"]
    for done in (run(*command, *given) for command in commands):
        assert f"created ({zone})" in done.out
        assert created in done.out


def test_the_local_time_is_that_of_the_machine(run, old_job, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "system")
    assert re.search(r"created \(local time\) +2026-11-(29|30) ", run("show", old_job).out)


@pytest.mark.parametrize(
    ("since", "found"),
    [
        ("2026-11-30 02:00:00", True),
        ("2026-11-30T02:00:01", False),
        ("2026-11-30", True),
        ("2026-11-29T18:00:01Z", False),
        ("2026-11-29T18:00:00+0000", True),
    ],
)
def test_since_without_an_offset_is_a_time_of_the_table_s_zone(run, old_job, since, found):
    records = run("list", "--timezone", "Asia/Shanghai", "--since", since, "--output", "json").records
    assert [job["JobId"] for job in records] == ([old_job] if found else [])


@pytest.mark.parametrize(("form", "text"), [("table", "No batch jobs found."), ("json", "[]"), ("plain", "")])
def test_list_reports_that_no_job_exists(run, form, text):
    assert run("list", "--output", form).out.strip() == text


def test_list_reads_no_more_pages_than_it_needs(run, emulator, jobs):
    before = emulator.count("list")
    assert len(run("list", "--limit", "2", "--output", "json").records) == 2
    assert emulator.count("list") - before <= 2


def test_show_prints_the_file_counts_and_the_advice(run, emulator):
    emulator.configure(failing_keys=("media/0002.mp4", "media/0005.mp4"))
    with TencentCIHook() as hook:
        job_id = hook.trigger_inventory_job(name="some", workflow_ids=WORKFLOW_ID, prefix="media/").job_id
    run("tail", job_id, "--poll-interval", "1")
    text = run("show", job_id, "--failed-files", "1").out
    assert "8: 6 succeeded, 2 failed" in text
    assert "The first 1 of 2 failed files:" in text
    assert "media/0002.mp4 in Transcode_1: ResourceNotSupported" in text
    assert "resubmit_rounds" in text

    record = run("show", job_id, "--output", "json").records
    assert record["Files"]["Failed"] == 2
    assert [failure["key"] for failure in record["FailedFiles"]] == ["media/0002.mp4", "media/0005.mp4"]


@pytest.mark.parametrize(
    ("job", "said"),
    [("long", "tencent-ci tail"), ("bad", "clear the task"), ("good", '{"Prefix": "media/0001"}')],
)
def test_show_adapts_to_the_state_of_the_job(run, jobs, job, said):
    done = run("show", jobs[job])
    assert done.status == 0
    assert said in done.out
    assert "https://console.cloud.tencent.com/ci/bucket?bucket=examplebucket-1250000000" in done.out


def test_show_continues_when_the_files_cannot_be_counted(run, emulator, jobs):
    emulator.inject(Fault("error", operation="executions", status=403, code="AccessDenied"))
    done = run("show", jobs["bad"], "--output", "json")
    assert done.status == 0
    assert "could not be counted" in done.err
    assert "Files" not in done.records


def test_show_reads_no_files_with_that_option(run, emulator, jobs):
    run("show", jobs["bad"], "--no-count")
    assert emulator.count("executions") == 0


def test_cancel_waits_until_the_job_has_stopped(run, emulator, jobs):
    emulator.configure(cancel_seconds=0.5)
    done = run("cancel", jobs["long"], "--yes")
    assert (done.status, done.out.strip()) == (0, f"Batch job {jobs['long']} was cancelled and has stopped.")
    assert run("show", jobs["long"], "--output", "json").records["State"] == "Cancel"


@pytest.mark.parametrize(("answer", "state"), [("y", "Cancel"), ("", "Running"), ("no", "Running"), (None, "Running")])
def test_cancel_asks_for_confirmation(run, monkeypatch, jobs, answer, state):
    def reply(question):
        assert jobs["long"] in question
        if answer is None:
            raise EOFError
        return answer

    monkeypatch.setattr(builtins, "input", reply)
    done = run("cancel", jobs["long"])
    assert done.status == (0 if state == "Cancel" else 1)
    assert ("Nothing was cancelled" in done.err) == (state == "Running")
    assert run("show", jobs["long"], "--output", "json").records["State"] == state


def test_cancel_does_not_touch_an_ended_job(run, emulator, jobs):
    done = run("cancel", jobs["good"])
    assert done.status == 0
    assert "had ended before it could be cancelled: Success" in done.out
    assert emulator.count("cancel") == 0


def test_cancel_fails_if_the_job_does_not_stop_in_time(run, emulator, jobs):
    emulator.configure(cancel_seconds=3600)
    done = run("cancel", jobs["long"], "--yes", "--stop-timeout", "1")
    assert done.status == 1
    assert "has not stopped within 1 seconds" in done.err


def test_tail_prints_each_change_once_and_the_final_state(run, emulator, job_id):
    done = run("tail", job_id, "--poll-interval", "1")
    assert done.status == 0, done.err
    assert done.out.count(" is Success.") == 1
    assert f"Batch job {job_id}: Success after" in done.out
    assert "100.0%" in done.out


def test_tail_writes_all_times_in_one_zone(run, emulator, job_id):
    emulator.configure(run_seconds=4)
    lines = run("tail", job_id, "--poll-interval", "1", "--timezone", "Asia/Shanghai").out.splitlines()
    stamped = [line for line in lines if " Batch job " in line or "files done" in line]
    assert stamped
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00 ", line) for line in stamped)
    assert not any("UTC" in line for line in lines)


def test_tail_prints_one_record_for_each_poll(run, emulator, job_id):
    done = run("tail", job_id, "--poll-interval", "1", "--output", "json")
    states = [record["State"] for record in done.lines]
    assert states[0] in ("Submitted", "Running")
    assert states[-1] == "Success"
    assert states.count("Success") == 1
    assert done.lines[-1]["Files"]["Success"] == 8


@pytest.mark.parametrize(
    ("end", "said"), [("fail_job", " failed: "), ("cancel_job", " was cancelled.")], ids=["failed", "cancelled"]
)
def test_tail_fails_when_the_job_did_not_succeed(run, emulator, job_id, end, said):
    getattr(emulator, end)(job_id)
    done = run("tail", job_id)
    assert done.status == 1
    assert said in done.err


def test_tail_survives_an_outage(run, emulator, job_id):
    emulator.inject(Fault("internal_error", operation="list", skip=1, times=1))
    done = run("tail", job_id, "--poll-interval", "1")
    assert done.status == 0
    assert "Could not poll the batch job; will keep polling." in done.out
    assert "The service answers again." in done.out


@pytest.mark.parametrize("command", ["show", "cancel", "tail"])
@pytest.mark.parametrize(
    ("job_id", "said"),
    [(NO_JOB, f"bucket examplebucket-1250000000: Batch job '{NO_JOB}' is not in the job list"), ("no/job", "no/job")],
    ids=["none", "wrong"],
)
def test_a_missing_job_prints_one_line_on_stderr(run, command, job_id, said):
    done = run(command, job_id)
    assert (done.status, done.out) == (1, "")
    last = done.err.splitlines()[-1]  # Airflow 2.11 prints a line first
    assert last.startswith("Error: ")
    assert said in last
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "such as 24h"),
        (["--timezone", "Shanghai"], "There is no time zone 'Shanghai'. Give an IANA name, such as Asia/Shanghai."),
        (["--timezone", "../etc/passwd"], "There is no time zone"),
        (["--conn-id", "nobody"], "Connection 'nobody' cannot be read"),
        (["--bucket", "nonsense"], "nonsense"),
        (["--region", "Beijing"], "is not a region"),
        (["--bucket", "other-1250000000"], "Check bucket (name-appid) and region"),
    ],
)
def test_an_error_is_printed_in_one_line(run, arguments, said):
    done = run("list", *arguments)
    assert (done.status, done.out) == (1, "")
    assert said in done.err.splitlines()[-1]
    assert "commands.py" not in done.err  # where a traceback of this package would be printed


def test_a_traceback_is_shown_on_demand(run):
    assert "commands.py" in run("list", "--region", "Beijing", "--verbose").err


@pytest.mark.parametrize("value", ['{"conn_type": "tencent_ci", "password": "%s"', "tencent_ci://user:%s@[host"])
def test_an_unreadable_connection_shows_no_secret(run, monkeypatch, value):
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", value % SECRET_KEY)
    done = run("list", "--conn-id", "broken")
    assert done.status == 1
    assert SECRET_KEY not in done.out + done.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--limit", "0"], "--limit"),
        (["list", "--state", "Finished"], "--state"),
        (["list", "--output", "xml"], "--output"),
        (["show"], "JOB_ID"),
        ([], "COMMAND"),
    ],
)
def test_wrong_arguments_are_reported_clearly(capsys, arguments, said):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert said in capsys.readouterr().err
