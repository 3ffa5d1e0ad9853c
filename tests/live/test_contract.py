"""A run records the contract of the service that it asks: over the assumed one, each other answer, and mixtures."""

from __future__ import annotations

import json
import random
from datetime import date

import pytest

from airflow_provider_tencent_ci.emulator import Contract, Emulator
from airflow_provider_tencent_ci.emulator.contract import contract as contract_module
from airflow_provider_tencent_ci.emulator.contract.contract import Given
from airflow_provider_tencent_ci.emulator.contract.facts import FACTS
from tests.contract.contracts import over_each_contract
from tests.faults.scene import START
from tests.live import contract_of_run
from tests.live.check import Answered
from tests.live.conftest import Run
from tests.live.contract_of_run import contract_of
from tests.live.findings import Question, as_assumed, noted
from tests.live.questions import QUESTIONS
from tests.live.running import Outcome
from tests.live.test_report import NAMES, SECRETS

MIXTURES = 6
DAY = START.date()


def mixture(seed: int) -> Contract:
    """A contract with any answer to each fact. A list that never lags does not say how a job is read by its id."""
    chance = random.Random(seed)
    answers = {fact.name: chance.choice((fact.assumed, *fact.others)) for fact in FACTS.values()}
    answers["list_lag_seconds"] = chance.choice((0.0, 7.0, 40.0))
    if not answers["list_lag_seconds"]:
        answers["job_by_id"] = "at_once"
    return Contract.of(**answers)


def assert_recorded(contract: Contract, outcome: Outcome) -> None:
    recorded = Contract.read(outcome.files[2])
    assert recorded.switches() == contract.switches()
    unseen = set() if contract.answer("list_lag_seconds") else {"job_by_id"}
    assert {name for name in FACTS if recorded.seen_on(name) != DAY} == unseen


@pytest.mark.usefixtures("documented_host")
@over_each_contract
def test_a_run_records_the_contract_of_the_service(run: Run, emulator: Emulator, contract: Contract) -> None:
    emulator.configure(**contract.switches())
    assert_recorded(contract, run())


@pytest.mark.usefixtures("documented_host")
@pytest.mark.parametrize("seed", range(MIXTURES))
def test_a_run_records_any_mixture_of_answers(run: Run, emulator: Emulator, seed: int) -> None:
    contract = mixture(seed)
    emulator.configure(**contract.switches())
    assert_recorded(contract, run())


@pytest.mark.usefixtures("documented_host")
def test_the_file_has_answers_and_days_and_nothing_else(run: Run) -> None:
    text = run().files[2].read_text()
    values = json.loads(text)
    assert set(values) == {"format", "of_the_service", "answers"}
    assert values["answers"].keys() == FACTS.keys() - {"job_by_id"}
    assert all(answer.keys() == {"answer", "seen_on"} for answer in values["answers"].values())
    for shown in (*SECRETS, *NAMES):
        assert shown not in text


@pytest.mark.usefixtures("documented_host")
def test_answers_of_earlier_runs_are_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = Contract(
        {"unknown_job": Given("refuse", date(2025, 1, 1)), "same_name": Given("refuse", date(2025, 1, 1))}
    )
    monkeypatch.setattr(contract_of_run, "seen_contract", lambda: earlier)
    recorded = Contract.read(run([one for one in QUESTIONS if one.number == 10]).files[2])
    assert recorded.given == {**earlier.given, "unknown_job": Given("name", DAY)}


def test_answers_of_another_endpoint_are_marked_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = Contract({"same_name": Given("refuse", date(2025, 1, 1))}, of_the_service=True)
    monkeypatch.setattr(contract_of_run, "seen_contract", lambda: earlier)
    recorded = Contract.read(run([one for one in QUESTIONS if one.number == 10]).files[2])
    assert recorded == Contract({"unknown_job": Given("name", DAY)})


def test_contradictory_and_impossible_answers_are_left_out() -> None:
    question = Question(1, "?", "", lambda _check: iter(()))
    findings = [
        as_assumed("one", cancel_of_ended="ignore"),
        noted("another", cancel_of_ended="refuse"),
        noted("not a code", wrong_signature="401 no code"),
        noted("the same", same_name="accept"),
        noted("twice", same_name="accept"),
    ]
    contract = contract_of([Answered(question, findings)], DAY, of_the_service=True)
    assert contract == Contract({"same_name": Given("accept", DAY)}, of_the_service=True)


def test_each_fact_is_of_a_question_of_the_check() -> None:
    assert {fact.question for fact in FACTS.values()} <= {question.number for question in QUESTIONS}


def test_the_report_has_the_contract(run: Run) -> None:
    markdown = run([one for one in QUESTIONS if one.number == 10]).files[0].read_text()
    assert "| `unknown_job` | 10 | name | name |" in markdown
    assert "| `same_name` | 13 | accept | no answer |" in markdown
    assert contract_module.SEEN_FILE.exists()
