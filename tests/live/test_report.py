"""A report is safe to publish, and readable."""

from __future__ import annotations

import json
import re

import pytest

from airflow_provider_tencent_ci.core.api.job_calls import create_job
from airflow_provider_tencent_ci.core.api.job_specification import InventoryJobSpecification
from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.emulator import Emulator
from airflow_provider_tencent_ci.emulator.model import defaults
from tests.faults.scene import START, Clock
from tests.live import emulated, orders
from tests.live.conftest import Run
from tests.live.evidence import Exchange, condensed
from tests.live.findings import Question, noted
from tests.live.masking import Mask
from tests.live.questions import QUESTIONS
from tests.live.running import Outcome
from tests.live.service import Service

SECRETS = [
    defaults.SECRET_ID,
    defaults.SECRET_KEY,
    emulated.TEMPORARY_ID,
    emulated.TEMPORARY_KEY,
    emulated.TOKEN,
    "q-signature=",
    "q-ak=",
]
NAMES = [
    defaults.BUCKET,
    "examplebucket",
    "1250000000",
    emulated.OBJECT_KEY,
    emulated.FAILING_KEY,
    "media%2F0001.mp4",
    defaults.WORKFLOW_ID,
    emulated.SECOND_WORKFLOW_ID,
    "t000000000000000000000000000000001",
    "receiver.example.com",
]
THEIRS = ["the-secret-project", "their-films/"]


def written(outcome: Outcome) -> str:
    return "\n".join(file.read_text() for file in outcome.files)


@pytest.fixture
def others(emulator: Emulator, services: list[Service]) -> None:
    """Jobs of another user, one during the run, and one before."""
    emulator.add_objects("their-films/holiday.mp4")
    for name in ("the-secret-project-1", "the-secret-project-2"):
        services[0].budget.most = 1
        services[0].run(
            create_job(
                name,
                InventoryJobSpecification.from_arguments(workflow_ids=defaults.WORKFLOW_ID, prefix="their-films/"),
            )
        )
        services[0].budget.spent = 0
    services[0].exchanges.clear()


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("cos_style", [False, True])
def test_a_complete_report_shows_no_secret_and_no_data_of_others(run: Run, emulator: Emulator, cos_style: bool) -> None:
    emulator.configure(cos_style_errors=cos_style)
    text = written(run())
    for shown in (*SECRETS, *NAMES, *THEIRS):
        assert shown not in text
    assert "(a job of another user)" in text
    assert "[bucket]" in text


@pytest.mark.parametrize("cos_style", [False, True])
def test_temporary_keys_of_the_connection_are_redacted_too(
    run: Run, emulator: Emulator, services: list[Service], cos_style: bool
) -> None:
    emulator.configure(cos_style_errors=cos_style)
    services.reverse()
    text = written(run())
    assert '"keys": "temporary"' in text
    for shown in (*SECRETS, *NAMES):
        assert shown not in text


def test_a_custom_endpoint_is_redacted(run: Run, emulator: Emulator) -> None:
    emulator.inject("reset", operation="get", times=None)
    text = written(run([question for question in QUESTIONS if question.number == 10]))
    assert "No answer from [endpoint] to GET" in text
    assert emulator.url.removeprefix("http://") not in text


def test_sent_signatures_are_not_in_the_report(run: Run, emulator: Emulator) -> None:
    text = written(run())
    signatures = {
        match[1] for sent in emulator.requests if (match := re.search("q-signature=(.+)", sent.authorization))
    }
    assert len(signatures) > 20
    assert not [signature for signature in signatures if signature in text]


def test_values_that_the_service_echoes_are_redacted(run: Run, emulator: Emulator) -> None:
    echo = (
        f"Key {defaults.SECRET_KEY} of uin/100012345678 on qcs::ci:ap-beijing:uid/1299999999:bucket/{defaults.BUCKET}/*"
    )
    emulator.inject("error", operation="get", status=400, code="InvalidArgument", message=echo, times=None)
    text = written(run([question for question in QUESTIONS if question.number in (10, 16)]))
    assert "Key *** of uin/[account] on [resource]" in text
    assert defaults.SECRET_KEY not in text


def test_names_are_shown_only_on_request_and_secrets_never(run: Run) -> None:
    text = written(run(show_names=True))
    assert defaults.BUCKET in text
    assert emulated.OBJECT_KEY in text
    for secret in SECRETS:
        assert secret not in text


def test_the_report_has_a_row_and_an_answer_for_each_question_and_the_end_of_each_job(
    run: Run, emulator: Emulator
) -> None:
    outcome = run()
    markdown = outcome.files[0].read_text()
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", markdown, re.M)] == list(range(1, 24))
    assert [int(number) for number in re.findall(r"^## (\d+)\. ", markdown, re.M)] == list(range(1, 24))
    assert markdown.count("```") % 2 == 0
    for job in emulator.jobs:
        assert re.search(rf"^\| `{job.job_id}` \|.*{job.state} \|$", markdown, re.M)
    assert "x-ci-request-id: " in markdown
    assert "All jobs of this run have ended." in markdown


def test_both_formats_contain_the_same_facts(run: Run) -> None:
    outcome = run()
    values = json.loads(outcome.files[1].read_text())
    assert values["run"]["region"] == defaults.REGION
    assert values["run"]["endpoint"] == "endpoint_url of the connection"
    assert sum(values["verdicts"].values()) == len(values["questions"]) == 23
    assert len(values["submissions"]) == 19
    for question in values["questions"]:
        for finding in question["findings"]:
            assert " ".join(finding["text"].split()).replace("<", "&lt;") in outcome.files[0].read_text()


def test_evidence_contains_requests_and_answers(run: Run) -> None:
    outcome = run([question for question in QUESTIONS if question.number == 10])
    [question] = json.loads(outcome.files[1].read_text())["questions"]
    unknown = "b00000000000000000000000000000001"
    assert [(one["request"], one["status"]) for one in question["evidence"]] == [
        (f"GET /inventorytriggerjob/{unknown}", 200),
        (f"GET /inventorytriggerjob?size=100&jobId={unknown}", 200),
        (f"PUT /inventorytriggerjob/{unknown}?cancel=", 400),
    ]
    assert f"<NonExistJobIds>{unknown}</NonExistJobIds>" in question["evidence"][0]["answer"]


def test_a_text_with_markdown_characters_breaks_no_table(run: Run, clock: Clock) -> None:
    text = "a | b\n```\nc <d>"
    markdown = run([Question(1, "?", "", lambda _check: iter([noted(text)]))]).files[0].read_text()
    assert "| 1 | ? | noted | a \\| b ''' c &lt;d> |" in markdown


def exchange(path: str, body: bytes = b"", status: int = 200) -> Exchange:
    return Exchange(Request("GET", path), START, Response(status, {}, body, START))


@pytest.mark.parametrize(
    ("body", "status", "shown"),
    [
        (b"<Response><JobsDetail><JobId>b1</JobId><Name>n</Name></JobsDetail></Response>", 200, "<Name>n</Name>"),
        (b"<Response><JobsDetail><JobId>b2</JobId><Name>n</Name></JobsDetail></Response>", 200, "another user"),
        (b"<Response><JobsDetail><Name>n</Name></JobsDetail></Response>", 200, "another user"),
        (b"<Response><JobsDetail><JobId>b2</JobId><Name>n</Na", 200, "(50 bytes that are no XML) "),
        (b"<html>gateway", 502, "(13 bytes that are no XML) <html>gateway"),
        (b"<W><Object>media/a.mp4</Object></W>", 200, "<Object>media/a.mp4</Object>"),
        (b"<W><Object>media/b.mp4</Object></W>", 200, "<Object>(another object)</Object>"),
        (b"", 200, ""),
    ],
)
def test_evidence_shows_only_the_data_of_this_run(body: bytes, status: int, shown: str) -> None:
    answer = exchange("/", body, status).to_dict({"b1"}, {"media/a.mp4"})["answer"]
    assert shown in answer
    assert ("<Name>n</Name>" in answer) == ("<Name>" in shown)


def test_a_long_body_is_truncated() -> None:
    answer = exchange("/", b"<R>" + b"x" * 5000 + b"</R>").to_dict(set(), set())["answer"]
    assert len(answer) < 1500


def test_a_series_of_equal_requests_is_shown_by_its_first_and_last() -> None:
    rows = [exchange(path).to_dict(set(), set()) for path in ("/a", "/b", "/b", "/b", "/b", "/c", "/b")]
    shown = [(one["request"], one.get("left_out", 0)) for one in condensed(rows)]
    assert shown == [("GET /a", 0), ("GET /b", 2), ("GET /b", 0), ("GET /c", 0), ("GET /b", 0)]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("the key k/e+y=0123 is", "the key *** is"),
        ("encoded k%2Fe%2By%3D0123 is", "encoded *** is"),
        ("films-1250000000 and 1250000000 and films", "[bucket]-[appid] and [appid] and [bucket]"),
        ("uin 100000000001, b100000000001x stays", "uin [account], b100000000001x stays"),
        ("on qcs::cos:x:uid/1:b/* here", "on [resource] here"),
        ("Size 1700000000.5", "Size [account].5"),
        ("the word ab stays", "the word ab stays"),
    ],
)
def test_values_are_masked(text: str, masked: str) -> None:
    mask = Mask()
    mask.hide(["k/e+y=0123", None])
    mask.name(
        [("films-1250000000", "[bucket]-[appid]"), ("films", "[bucket]"), ("1250000000", "[appid]"), ("ab", "[x]")]
    )
    assert mask.text(text) == masked
    assert mask.value({"a": [text, 1, None]}) == {"a": [masked, 1, None]}


def test_the_name_of_an_order_contains_the_run_s_token_and_is_not_too_long(run: Run, emulator: Emulator) -> None:
    run([question for question in QUESTIONS if question.number == 13])
    names = [job.name for job in emulator.jobs]
    assert len(names) == 6
    assert max(map(len, names)) == 128
    assert all(name.startswith(orders.NAME_PREFIX) for name in names)
