"""Each answer depends on the service: a test changes the emulator, and the answer changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from airflow_provider_tencent_ci.emulator import Emulator
from tests.live.check import Check, cost_of
from tests.live.conftest import Ask, text_of
from tests.live.findings import Question, Verdict
from tests.live.questions import QUESTIONS
from tests.live.questions.access import ask_hosts
from tests.live.service import Service
from tests.live.settings import Settings

AS_ASSUMED, DIFFERS, NOTED, OUTSIDE = Verdict.AS_ASSUMED, Verdict.DIFFERS, Verdict.NOTED, Verdict.OUTSIDE
NOT_ASKED, UNCLEAR = Verdict.NOT_ASKED, Verdict.UNCLEAR

# The emulator's defaults are the package's assumptions.
BY_DEFAULT = {
    1: AS_ASSUMED,
    2: AS_ASSUMED,
    3: AS_ASSUMED,
    4: AS_ASSUMED,
    5: AS_ASSUMED,
    6: UNCLEAR,
    7: AS_ASSUMED,
    8: AS_ASSUMED,
    9: AS_ASSUMED,
    10: AS_ASSUMED,
    11: AS_ASSUMED,
    12: OUTSIDE,
    13: AS_ASSUMED,
    14: NOTED,
    15: AS_ASSUMED,
    16: AS_ASSUMED,
    17: AS_ASSUMED,
    18: NOT_ASKED,
    19: OUTSIDE,
    20: OUTSIDE,
    21: OUTSIDE,
    22: AS_ASSUMED,
    23: AS_ASSUMED,
}


def test_every_question_is_answered(ask: Ask) -> None:
    answered = ask()
    assert {number: one.verdict for number, one in sorted(answered.items())} == BY_DEFAULT
    assert all(one.findings for one in answered.values())
    assert all(finding.text for one in answered.values() for finding in one.findings)


@pytest.mark.parametrize(
    ("number", "switches", "verdict", "says"),
    [
        (1, {}, AS_ASSUMED, "Object and Prefix is refused"),
        (1, {"exactly_one_input": False}, DIFFERS, "Object and Prefix is accepted"),
        (2, {}, AS_ASSUMED, "executions of the first: 1, of the second: 1"),
        (2, {"several_workflows": False}, DIFFERS, "core/api/job_specification.py"),
        (3, {}, AS_ASSUMED, "So the interval counts for Prefix only. Start when"),
        (3, {"interval_for_all": True}, AS_ASSUMED, "counts for Object, too"),
        (3, {"interval_bounds": "both"}, AS_ASSUMED, "So both bounds are inclusive."),
        (3, {"interval_bounds": "start"}, DIFFERS, "So only Start is inclusive"),
        (3, {"interval_bounds": "end"}, DIFFERS, "So only End is inclusive"),
        (3, {"interval_bounds": "neither"}, DIFFERS, "a second earlier, or a file may be in no night"),
        (4, {}, AS_ASSUMED, "ends as Success with 1 execution. validate=True refuses it all the same"),
        (4, {"paused_workflow": "refuse"}, AS_ASSUMED, "A job with a paused workflow is refused"),
        (5, {}, AS_ASSUMED, "matches nothing ends as Success"),
        (5, {"no_objects": "fail"}, DIFFERS, "ends as Failed (ResourceNotFound: No object matches"),
        (5, {"failed_files": "fail"}, DIFFERS, "its executions: 1 Failed. core/files/fail_on.py: fail_on"),
        (6, {}, UNCLEAR, "No batch of this run failed"),
        (6, {"failed_files": "fail"}, AS_ASSUMED, "has Code 'InternalError' and Message 'Some files failed.'"),
        (7, {}, AS_ASSUMED, "ends without a NextToken"),
        (7, {"end_of_list": "empty"}, AS_ASSUMED, "ends with an empty NextToken"),
        (7, {"end_of_list": "extra_page"}, AS_ASSUMED, "ends with a page without jobs"),
        (7, {"short_pages": True}, AS_ASSUMED, "may be short"),
        (7, {"repeat_token": True}, DIFFERS, "never ends"),
        (8, {}, AS_ASSUMED, "The filter is exact."),
        (8, {"name_filter": "prefix"}, AS_ASSUMED, "The filter is prefix."),
        (8, {"name_filter": "fuzzy"}, AS_ASSUMED, "in lower case: found)."),
        (9, {}, AS_ASSUMED, "shows jobs of Job and Workflow"),
        (10, {}, AS_ASSUMED, "200 with RequestId, NonExistJobIds"),
        (10, {"unknown_job": "refuse"}, AS_ASSUMED, "HTTP 404 ResourceNotFound"),
        (11, {}, AS_ASSUMED, "ended as Cancel after 0.0 s"),
        (11, {"cancel_seconds": 4.0}, AS_ASSUMED, "ended as Cancel after 4.0 s"),
        (11, {"cancel_seconds": 300.0}, AS_ASSUMED, "ended as Success after 8.0 s"),
        (11, {"cancel_seconds": 300.0, "run_seconds": 3000.0}, DIFFERS, "after 120 s it had not ended"),
        (11, {"cancel_of_ended": "refuse"}, AS_ASSUMED, "ended as Success: HTTP 400 InvalidArgument"),
        (12, {}, OUTSIDE, "No job of this run was paused"),
        (13, {}, AS_ASSUMED, "A name of 128 characters and 346 bytes is accepted"),
        (13, {"same_name": "refuse"}, DIFFERS, "a name in use is an error then"),
        (13, {"name_limit": "bytes"}, DIFFERS, "has to count bytes"),
        (15, {}, AS_ASSUMED, "the list with name: 0.0 s"),
        (15, {"list_lag_seconds": 7.0}, AS_ASSUMED, "(GET …/<jobId>): 0.0 s; the list with jobId: 7.0 s"),
        (15, {"list_lag_seconds": 7.0, "job_by_id": "with_list"}, AS_ASSUMED, "(GET …/<jobId>): 7.0 s; the list with"),
        (15, {"list_lag_answers": 4}, AS_ASSUMED, "the list with name: 1.0 s"),
        (15, {"list_lag_seconds": 30.0}, AS_ASSUMED, "the list with name: 30.0 s"),
        (
            15,
            {"list_lag_seconds": 900.0},
            DIFFERS,
            "the list with name: not within 320 s. core/submitting/submission_search.py",
        ),
        (16, {}, AS_ASSUMED, "with a signature that is over: HTTP 401 SignatureExpired"),
        (16, {"cos_style_errors": True}, AS_ASSUMED, "made with another key: HTTP 403 SignatureDoesNotMatch"),
        (16, {"skew_seconds": 60.0}, AS_ASSUMED, "begins in ten minutes: HTTP 401 SignatureExpired"),
        (16, {"skew_seconds": 7200.0}, DIFFERS, "that begins in an hour is accepted"),
        (16, {"all_parameters_signed": False}, AS_ASSUMED, "covers neither host nor parameters: accepted"),
        (16, {"wrong_signature": "401 AccessDenied"}, AS_ASSUMED, "with another key: HTTP 401 AccessDenied"),
        (16, {"wrong_signature": "401 Strange"}, DIFFERS, "CODES needs 'Strange'"),
        (17, {}, AS_ASSUMED, "x-cos-security-token: accepted"),
        (17, {"cos_token_accepted": False}, AS_ASSUMED, "x-cos-security-token: HTTP 401 InvalidAuthorization"),
        (22, {}, AS_ASSUMED, "Date is on the answer to a list, an unknown job, a wrong signature, a wrong parameter."),
        (
            22,
            {"date_header": "not_on_errors"},
            DIFFERS,
            "missing on the answer to a wrong parameter, a wrong signature.",
        ),
        (
            22,
            {"date_header": "none"},
            DIFFERS,
            "missing on the answer to a list, a wrong parameter, a wrong signature,",
        ),
        (23, {}, AS_ASSUMED, "The list has '\ufffd' for the character U+0003"),
        (23, {"control_characters": "reference"}, AS_ASSUMED, "The list has '&#x3;' for"),
        (23, {"control_characters": "bare"}, AS_ASSUMED, r"The list has '\x03' for"),
    ],
)
def test_the_answer_follows_the_service(
    ask: Ask, emulator: Emulator, number: int, switches: dict[str, Any], verdict: Verdict, says: str
) -> None:
    emulator.configure(**switches)
    answered = ask(number)[number]
    assert says in text_of(answered)
    assert answered.verdict == verdict


def test_a_list_of_urls_replaces_no_object(ask: Ask, emulator: Emulator) -> None:
    emulator.add_objects("lists/one.txt", content="somebody's")
    assert "HTTP 200 for what is under TENCENT_CI_LIST_KEY" in text_of(ask(1)[1])
    assert emulator.bucket().objects["lists/one.txt"].content == b"somebody's"


def test_a_paused_job_is_an_answer(ask: Ask, emulator: Emulator) -> None:
    emulator.configure(outcome="pause")
    answered = ask(11, 12)
    assert "went through Pause → Cancel" in text_of(answered[12])
    assert "Cancelling a job that was Pause: accepted" in text_of(answered[11])


@pytest.mark.parametrize(
    ("number", "setting", "says"),
    [
        (1, "list_key", "needs TENCENT_CI_LIST_KEY"),
        (2, "second_workflow_id", "needs TENCENT_CI_SECOND_WORKFLOW_ID"),
        (4, "paused_workflow_id", "needs TENCENT_CI_PAUSED_WORKFLOW_ID"),
        (5, "failing_object_key", "needs TENCENT_CI_FAILING_OBJECT_KEY"),
        (9, "job", "needs TENCENT_CI_JOB"),
        (23, "control_prefix", "needs TENCENT_CI_CONTROL_PREFIX"),
        (21, "notification_url", "Set TENCENT_CI_NOTIFICATION_URL"),
    ],
)
def test_a_question_without_its_setting_is_skipped_and_named(
    ask: Ask, emulator: Emulator, settings: Settings, number: int, setting: str, says: str
) -> None:
    with_it = cost_of(QUESTIONS, settings).jobs
    answered = ask(number, **{setting: ""})[number]
    assert says in text_of(answered)
    assert answered.verdict is not Verdict.FAILED
    assert len(emulator.jobs) < with_it


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(question.number))
def test_a_question_submits_no_more_than_announced(
    ask: Ask, emulator: Emulator, settings: Settings, question: Question
) -> None:
    assert ask(question.number)[question.number].verdict is not Verdict.FAILED
    assert emulator.count("create") <= cost_of([question], settings).jobs


def test_different_questions_cost_no_job_twice(ask: Ask, emulator: Emulator, settings: Settings) -> None:
    ask()
    assert emulator.count("create") <= cost_of(QUESTIONS, settings).jobs == 19
    assert sum(len(emulator.files(job.job_id)) for job in emulator.jobs) <= cost_of(QUESTIONS, settings).files == 13


def test_a_failed_question_does_not_end_the_run(ask: Ask, emulator: Emulator) -> None:
    emulator.inject("error", operation="get", status=403, code="AccessDenied", times=None)
    answered = ask(10, 14, 15)
    assert "HTTP 403 AccessDenied" in text_of(answered[10])
    assert "not within 320 s" in text_of(answered[15])
    assert answered[14].verdict is NOTED


def test_an_error_of_a_question_is_reported(ask: Ask, emulator: Emulator) -> None:
    emulator.inject("error", operation="list", status=403, code="AccessDenied", times=None)
    answered = ask(8)[8]
    assert answered.verdict is Verdict.FAILED
    assert "PermissionDeniedError" in text_of(answered)


@pytest.mark.usefixtures("documented_host")
def test_other_hosts_get_unsigned_requests(services: list[Service], settings: Settings) -> None:
    check = Check(settings, services[0], "0a1b2c3d")
    text = " ".join(finding.text for finding in ask_hosts(check))
    assert "Plain http: HTTP 308" in text
    assert "ci.<region>.tencentcos.cn: HTTP 4" in text
    assert "IPv4: 2 addresses, 1 of them private." in text
    assert "IPv6: no address" in text
    assert [exchange.note for exchange in services[0].exchanges] == ["Plain http", "ci.<region>.tencentcos.cn"]


def numbers(questions: Sequence[Question]) -> list[int]:
    return sorted(question.number for question in questions)


def test_every_open_question_has_a_check() -> None:
    assert numbers(QUESTIONS) == list(range(1, 24))
