"""The failed files of a job that has ended are submitted again by a command, once, however often it is given."""

from __future__ import annotations

import builtins
import re
import shlex
import shutil
from pathlib import Path

import pytest
from airflow.configuration import AIRFLOW_HOME

from airflow_provider_tencent_ci.emulator import Fault
from airflow_provider_tencent_ci.emulator.model.defaults import BUCKET, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.outcome.failed_files import InventoryJobFailures
from airflow_provider_tencent_ci.submission import resubmit_job
from tests.cli.test_commands import TRANSCODE

FAILING = ["media/0002.mp4", "media/0005.mp4"]
NOTES = Path(AIRFLOW_HOME, "tencent-ci")
KINDS = {"workflow": {"workflow_ids": WORKFLOW_ID}, "job": {"job": TRANSCODE}}


@pytest.fixture(autouse=True)
def no_notes():
    shutil.rmtree(NOTES, ignore_errors=True)


@pytest.fixture(params=KINDS)
def first(request, emulator):
    """A job of eight files that has ended; two of them failed, once."""
    return ended_job(emulator, **KINDS[request.param])


def ended_job(emulator, name="nightly-transcode-0123456789abcdef", failing=FAILING, **request):
    emulator.configure(submitted_seconds=0, failing_keys=tuple(failing), failing_times=1)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name=name, prefix="media/", **(request or KINDS["workflow"]))
    emulator.advance(60)
    return job


def keys_of(emulator, job):
    return sorted(file.key for file in emulator.files(job.job_id))


def test_only_the_failed_files_are_submitted_and_the_job_id_is_printed(run, emulator, first):
    done = run("resubmit", first.job_id, "--yes")
    assert done.status == 0, done.err
    second = emulator.jobs[1]
    assert keys_of(emulator, second) == FAILING
    assert re.fullmatch(r"nightly-transcode-again-1-[0-9a-f]{16}", second.name)
    assert done.out.startswith(f"Submitted batch job {second.job_id}, {second.name} (")
    assert f"for 2 failed files of {first.job_id}." in done.out
    assert f"tencent-ci tail {second.job_id}" in done.err


@pytest.mark.parametrize("machine", ["the same", "another"])
@pytest.mark.parametrize("has_ended", [False, True])
def test_the_same_command_finds_the_job_of_the_first_call(run, emulator, first, machine, has_ended):
    once = run("resubmit", first.job_id, "--yes", "-o", "json").records
    if has_ended:
        emulator.advance(60)
    if machine == "another":
        shutil.rmtree(NOTES)
    done = run("resubmit", first.job_id, "--yes")
    assert done.out.startswith(f"Found again batch job {once['JobId']}, ")
    assert "Nothing was submitted" in done.out
    assert emulator.count("create") == 2


def test_a_list_in_another_place_is_refused_while_the_files_are_submitted(run, emulator, first):
    again = run("resubmit", first.job_id, "--yes", "-o", "json").records["JobId"]
    done = run("resubmit", first.job_id, "--url-list-prefix", "lists/", "--yes")
    assert done.status == 1
    assert f"were submitted again with another --url-list-prefix, as {again}" in done.err
    assert emulator.count("create") == 2
    emulator.fail_job(again)  # then its files were not processed
    assert run("resubmit", first.job_id, "--url-list-prefix", "lists/", "--yes").status == 0


def test_a_failed_job_without_failed_files_says_what_a_clear_costs(run, emulator):
    job = ended_job(emulator, failing=())
    emulator.configure(outcome="fail", submitted_seconds=0, run_seconds=0)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="bad", prefix="media/", **KINDS["workflow"])
    emulator.advance(60)
    done = run("resubmit", job.job_id, "--yes")
    assert done.out.startswith("No file of batch job")
    assert "the files that were processed before are billed again" in done.err


def test_show_does_not_recommend_what_was_done(run, emulator, first):
    assert f"tencent-ci resubmit {first.job_id}" in " ".join(run("show", first.job_id).out.split())
    again = run("resubmit", first.job_id, "--yes", "-o", "json").records["JobId"]
    emulator.advance(60)
    shown = " ".join(run("show", first.job_id).out.split())
    assert f"submitted again, as batch job {again} (Success): `tencent-ci show {again}`" in shown
    assert "tencent-ci resubmit" not in shown


@pytest.mark.parametrize("parts_of_the_next_call", [3, 5, 1])
def test_each_call_submits_the_part_after_those_that_have_succeeded(
    run, emulator, first, monkeypatch, parts_of_the_next_call
):
    monkeypatch.setattr(resubmit_job, "parts_needed", lambda *_: 2)
    monkeypatch.setattr(resubmit_job, "keys_of_part", lambda found, part, parts: sorted(found)[part - 1 :: parts])
    done = run("resubmit", first.job_id, "--yes")
    assert f"Part 2 of 2 is next. When this job has succeeded, `tencent-ci resubmit {first.job_id}` submits" in done.err
    monkeypatch.setattr(resubmit_job, "parts_needed", lambda *_: parts_of_the_next_call)
    assert run("resubmit", first.job_id, "--yes").out.startswith("Found again"), "the first part has not ended"
    emulator.advance(60)
    for begin in ("Submitted", "Found again"):
        done = run("resubmit", first.job_id, "--yes")
        assert done.out.startswith(begin)
        assert "is next" not in done.err
    assert [keys_of(emulator, job) for job in emulator.jobs[1:]] == [[key] for key in FAILING]
    assert re.fullmatch(r"nightly-transcode-again-1-2-[0-9a-f]{16}", emulator.jobs[2].name)


@pytest.mark.parametrize(
    "fault", [Fault("reset", operation="create", after_acting=True), Fault("truncated_xml", operation="create")]
)
def test_a_lost_answer_makes_no_second_job(run, emulator, first, fault):
    emulator.inject(fault)
    done = run("resubmit", first.job_id, "--yes")
    assert done.status == 0, done.err
    assert run("resubmit", first.job_id, "--yes").status == 0
    assert len(emulator.jobs) == 2


def test_a_call_that_is_interrupted_is_continued_by_the_next_one(run, emulator, first, monkeypatch):
    def interrupted(self, action):
        answer = send(self, action)
        if action.request.method == "POST":
            raise KeyboardInterrupt
        return answer

    from airflow_provider_tencent_ci.transport.blocking_driver import BlockingTransport

    send = BlockingTransport._send
    with monkeypatch.context() as patch:
        patch.setattr(BlockingTransport, "_send", interrupted)
        done = run("resubmit", first.job_id, "--yes")
    assert done.status == 130
    assert f"`tencent-ci resubmit {first.job_id}` finds their job" in done.err
    assert run("resubmit", first.job_id, "--yes").out.startswith("Found again")
    assert len(emulator.jobs) == 2


def test_a_resubmission_that_failed_as_a_job_is_submitted_again(run, emulator, first):
    run("resubmit", first.job_id, "--yes")
    emulator.fail_job(emulator.jobs[1].job_id)
    assert run("resubmit", first.job_id, "--yes").out.startswith("Submitted")
    assert len(emulator.jobs) == 3


def test_the_files_that_failed_again_are_a_round_of_their_own(run, emulator, first):
    emulator.configure(failing_times=2)
    run("resubmit", first.job_id, "--yes")
    emulator.advance(60)
    second = emulator.jobs[1]
    run("resubmit", second.job_id, "--yes")
    assert emulator.jobs[2].name.startswith("nightly-transcode-again-2-")
    assert keys_of(emulator, emulator.jobs[2]) == FAILING


@pytest.mark.parametrize("state", ["Submitted", "Running", "Pause"])
def test_a_job_that_has_not_ended_is_refused(run, emulator, state):
    emulator.configure(submitted_seconds=3600 if state == "Submitted" else 0, run_seconds=3600)
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="long", workflow_ids=WORKFLOW_ID, prefix="media/")
    if state == "Pause":
        emulator.inject(Fault("unknown_state", operation="list", times=None))
    done = run("resubmit", job.job_id, "--yes")
    assert done.status == 1
    assert "when it has ended" in done.err
    assert emulator.count("create") == 1


@pytest.mark.parametrize(("answer", "said"), [("n", "Nothing was submitted."), (None, "Give --yes."), ("", "Nothing")])
def test_nothing_is_submitted_without_a_confirmation(run, emulator, first, monkeypatch, answer, said):
    def asked(question):
        questions.append(question)
        if answer is None:
            raise EOFError
        return answer

    questions = []
    monkeypatch.setattr(builtins, "input", asked)
    done = run("resubmit", first.job_id)
    assert done.status == 1
    assert said in done.err
    assert "Submit its 2 failed files again? They are billed again." in questions[0]
    assert (emulator.count("create"), emulator.count("put")) == (1, 0)
    monkeypatch.setattr(builtins, "input", lambda _: "y")
    assert run("resubmit", first.job_id).status == 0


def test_one_file_is_named_as_one(run, emulator, monkeypatch):
    questions = []
    monkeypatch.setattr(builtins, "input", lambda question: questions.append(question) or "y")
    first = ended_job(emulator, failing=FAILING[:1])
    done = run("resubmit", first.job_id)
    assert "Submit its 1 failed file again? It is billed again." in questions[0]
    assert f"for 1 failed file of {first.job_id}." in done.out


def test_a_dry_run_shows_the_number_of_files(run, emulator, first):
    assert run("resubmit", first.job_id, "--dry-run").out == (
        f"2 files of batch job {first.job_id} failed. Nothing was submitted.\n"
    )
    assert run("resubmit", first.job_id, "--dry-run", "-o", "json").records == {
        "JobId": first.job_id,
        "FailedFiles": 2,
    }
    assert emulator.count("create") == 1


def test_a_dry_run_names_the_job_of_files_that_were_submitted_again(run, emulator, first):
    run("resubmit", first.job_id, "--yes")
    [_, again] = emulator.jobs
    said = run("resubmit", first.job_id, "--dry-run")
    assert f"Its failed files were submitted again, as batch job {again.job_id}" in said.out + said.err
    assert len(emulator.jobs) == 2


def test_a_job_without_failed_files_submits_nothing(run, emulator):
    job = ended_job(emulator)
    emulator.configure(failing_keys=())
    with TencentCIHook() as hook:
        job = hook.trigger_inventory_job(name="good", workflow_ids=WORKFLOW_ID, prefix="media/0001")
    emulator.advance(60)
    done = run("resubmit", job.job_id, "--yes")
    assert (done.status, done.out) == (0, f"No file of batch job {job.job_id} failed. Nothing was submitted.\n")


def test_a_job_of_several_workflows_is_refused(run, emulator):
    job = ended_job(emulator, workflow_ids=[WORKFLOW_ID, WORKFLOW_ID])
    done = run("resubmit", job.job_id, "--yes")
    assert done.status == 1
    assert "for one workflow only" in done.err


@pytest.mark.parametrize("prefix", [".airflow/tencent-ci/", "lists/"])
def test_the_round_of_a_task_is_named_instead(run, emulator, prefix):
    first = ended_job(emulator)
    for number in (1, 2):
        emulator.configure(failing_times=number + 1)
        with TencentCIHook() as hook:
            failures = InventoryJobFailures.of_job(hook, hook.get_inventory_job(emulator.jobs[-1].job_id))
            url_file = failures.upload(hook, f"{prefix}{first.name}/failed-{number}.txt")
            hook.trigger_inventory_job(name=f"nightly-again-{number}", workflow_ids=WORKFLOW_ID, url_file=url_file)
        emulator.advance(60)
    for number, job in enumerate(emulator.jobs[:2]):
        done = run("resubmit", job.job_id, "--yes")
        assert done.status == 1
        assert done.err.rstrip().endswith(f"tencent-ci resubmit {emulator.jobs[number + 1].job_id}")
    assert run("resubmit", emulator.jobs[2].job_id, "--dry-run").out.startswith("2 files")


def test_a_part_of_a_round_that_goes_on_is_refused(run, emulator):
    first = ended_job(emulator)
    emulator.configure(failing_times=2)
    with TencentCIHook() as hook:
        for part in (1, 2):
            key = f"lists/{first.name}/failed-1-part-{part}-of-2.txt"
            url_file = InventoryJobFailures([FAILING[part - 1]]).upload(hook, key)
            hook.trigger_inventory_job(name=f"part-{part}", workflow_ids=WORKFLOW_ID, url_file=url_file)
            emulator.advance(60 if part == 1 else 0)
    parts = emulator.jobs[1:]
    done = run("resubmit", parts[0].job_id, "--yes")
    assert (done.status, emulator.count("create")) == (1, 3)
    assert f"another part is Running: {parts[1].job_id}" in done.err
    emulator.advance(60)
    assert run("resubmit", parts[0].job_id, "--yes").status == 0


def test_nothing_is_sent_that_cannot_be_noted(run, emulator, first):
    NOTES.write_text("in the way")
    try:
        done = run("resubmit", first.job_id, "--yes")
    finally:
        NOTES.unlink()
    assert done.status == 1
    assert "the note about it cannot be written to" in done.err
    assert emulator.count("create") == 1


@pytest.mark.parametrize("command", ["show", "tail", "resubmit"])
def test_each_hint_is_a_command_that_can_be_pasted(run, emulator, monkeypatch, command):
    first = ended_job(emulator)
    monkeypatch.setenv("AIRFLOW_CONN_NEWS", emulator.connection_json().replace(BUCKET, "other-1250000000"))
    monkeypatch.delenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT")
    options = ("--yes", "-o", "json") if command == "resubmit" else ()
    done = run(command, first.job_id, *options, "--conn-id", "news", "--bucket", BUCKET)
    hints = re.findall(r"tencent-ci (?:show|tail|resubmit) b\w+[^`\n;]*", done.out.replace("\n", " ") + done.err)
    assert hints
    for hint in hints:
        words = shlex.split(hint)[1:]
        assert run(*words, *(["--dry-run"] if words[0] == "resubmit" else [])).status == 0, hint
