"""A contract: what its file may have, and how an emulator behaves by it."""

from __future__ import annotations

import json
import re
import runpy
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.emulator import Contract, ContractError, Emulator
from airflow_provider_tencent_ci.emulator.cli import main
from airflow_provider_tencent_ci.emulator.contract.contract import SEEN_FILE, Given, seen_contract
from airflow_provider_tencent_ci.emulator.contract.facts import ASSUMED, FACTS
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour
from airflow_provider_tencent_ci.emulator.model.switches import _CHOICES

ROOT = Path(__file__).parents[3]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "write-contract-docs"))
PAGE = (ROOT / "docs" / "service.md").read_text("utf-8")
DAY = date(2026, 12, 3)

GIVEN = {
    fact.name: st.builds(Given, st.sampled_from((fact.assumed, *fact.others)), st.none() | st.dates())
    for fact in FACTS.values()
}
contracts = st.builds(Contract, st.fixed_dictionaries({}, optional=GIVEN), st.booleans())


@given(contracts)
def test_a_file_has_the_whole_contract(contract):
    assert Contract.from_json(contract.to_json()) == contract


@given(contracts)
def test_an_emulator_gets_an_answer_for_each_fact(contract):
    behaviour = Behaviour().changed(**contract.switches()).flat()
    assert {name: behaviour[name] for name in FACTS} == {name: contract.answer(name) for name in FACTS}


def test_the_assumed_answers_are_the_emulator_s_defaults():
    assert {name: Behaviour().flat()[name] for name in FACTS} == ASSUMED


@pytest.mark.parametrize("fact", FACTS.values(), ids=FACTS)
def test_each_fact_has_a_sentence_for_each_answer_that_its_switch_has(fact):
    answers = (fact.assumed, *fact.others)
    assert set(_CHOICES.get(fact.name, answers)) == set(answers)
    assert len({fact.sentence(answer) for answer in answers}) == len(set(answers)) >= 2
    assert Contract.of(**fact.seen_only_with).switches()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The contract is no JSON: "),
        ("[]", "The contract is no JSON object."),
        ('{"format": 2}', "The contract has the format 2, not 1."),
        ('{"format": 1, "fact": {}}', "The contract has fact; known are answers, format, of_the_service."),
        ('{"format": 1, "answers": []}', "answers is no JSON object."),
        (
            '{"format": 1, "answers": {"bounds": {"answer": "both"}}}',
            "No such fact: bounds. There are: cancel_of_ended, ",
        ),
        ('{"format": 1, "answers": {"same_name": "refuse"}}', "The answer of same_name is no JSON object."),
        ('{"format": 1, "answers": {"same_name": {}}}', "The answer of same_name is missing."),
        (
            '{"format": 1, "answers": {"same_name": {"answer": "maybe"}}}',
            "same_name='maybe' is not one of accept, refuse.",
        ),
        ('{"format": 1, "answers": {"same_name": {"answer": [1]}}}', "same_name=[1] is not one of accept, refuse."),
        ('{"format": 1, "answers": {"list_lag_seconds": {"answer": -1}}}', "list_lag_seconds=-1 is negative."),
        ('{"format": 1, "answers": {"wrong_signature": {"answer": "AKID"}}}', "'AKID' is not a status and a code"),
        ('{"format": 1, "answers": {"run_seconds": {"answer": 3}}}', "No such fact: run_seconds."),
        (
            '{"format": 1, "answers": {"same_name": {"answer": "accept", "seen_on": "today"}}}',
            "same_name: seen_on='today' is no day, such as 2026-12-31.",
        ),
        (
            '{"format": 1, "answers": {"same_name": {"answer": "accept", "seen": "2026-12-31"}}}',
            "The answer of same_name has seen; known are answer, seen_on.",
        ),
    ],
)
def test_a_file_that_is_no_contract_is_refused(tmp_path, text, says):
    path = tmp_path / "contract.json"
    path.write_text(text)
    with pytest.raises(ContractError, match=re.escape(says)) as raised:
        Contract.read(path)
    assert str(raised.value).startswith(f"{path}: ")


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ContractError, match="The contract cannot be read: "):
        Contract.read(tmp_path / "none.json")


def test_the_package_has_only_answers_of_the_service_that_were_seen():
    assert list(SCRIPT["problems_of"](seen_contract(), PAGE)) == []
    assert SEEN_FILE.read_text("utf-8") == seen_contract().to_json()


def test_an_emulator_behaves_by_its_contract_also_after_a_reset():
    emulator = Emulator(contract=Contract.of(same_name="refuse", list_lag_seconds=3.0), list_lag_seconds=9.0)
    for _ in range(2):
        behaviour = emulator.state()["behaviour"]
        assert behaviour["same_name"] == "refuse"
        assert behaviour["list_lag_seconds"] == 9.0  # a switch goes before the contract
        emulator.configure(same_name="accept")
        emulator.reset()


def test_an_emulator_without_a_contract_behaves_as_the_real_service_was_seen(monkeypatch):
    seen = Contract({"cancel_of_ended": Given("refuse", DAY)}, of_the_service=True)
    monkeypatch.setattr("airflow_provider_tencent_ci.emulator.emulator.seen_contract", lambda: seen)
    assert Emulator().state()["behaviour"]["cancel_of_ended"] == "refuse"


def test_the_command_refuses_a_file_that_is_no_contract(tmp_path, capsys):
    path = tmp_path / "contract.json"
    path.write_text('{"format": 1, "answers": {"same_name": {"answer": "maybe"}}}')
    with pytest.raises(SystemExit):
        main(["--port", "0", "--contract", str(path)])
    assert "same_name='maybe' is not one of accept, refuse." in capsys.readouterr().err


def test_the_page_on_the_service_says_what_the_contract_says():
    assert SCRIPT["page_of"](seen_contract(), PAGE) == PAGE, "run scripts/write-contract-docs"


def test_the_page_says_what_was_seen_and_when():
    seen = {"interval_bounds": Given("start", DAY), "same_name": Given("accept", DAY)}
    page = SCRIPT["page_of"](Contract(seen, of_the_service=True), PAGE)
    changed = set(page.splitlines()) - set(PAGE.splitlines())
    assert len(changed) == 5
    assert "[The live check](live_check.md) has seen 2 of 20 facts at the real service (2026-12-03)." in changed
    assert "| `interval_bounds` | 2.3 | 3 | `start` | `both`, `end`, `neither` | seen on 2026-12-03 |" in changed
    [row] = [line for line in changed if "<!-- contract: interval_bounds -->" in line]
    assert row.startswith("| `Start` belongs to `TimeInterval`, and `End` does not")
    assert "| seen on 2026-12-03. Against it: assumed (" in row
    [row] = [line for line in changed if "<!-- contract: same_name -->" in line]
    assert "| Names need not be unique | seen on 2026-12-03; public use: " in row
    assert SCRIPT["page_of"](seen_contract(), page) == PAGE


@given(contracts)
def test_the_page_can_be_written_for_any_contract(contract):
    page = SCRIPT["page_of"](contract, PAGE)
    assert SCRIPT["page_of"](contract, page) == page
    assert SCRIPT["page_of"](seen_contract(), page) == PAGE


def test_only_answers_that_the_service_gave_are_taken():
    problems = SCRIPT["problems_of"]
    of_an_emulator = Contract({"same_name": Given("accept", DAY)})
    assert list(problems(of_an_emulator, PAGE)) == [
        "These answers are not of the real service: make test-live asked another endpoint."
    ]
    tried = replace(Contract.of(same_name="accept"), of_the_service=True)
    assert list(problems(tried, PAGE)) == ["The answer of same_name was not seen."]
    moved = PAGE.replace("<!-- contract: same_name -->", "")
    assert list(problems(seen_contract(), moved)) == ["same_name is in section none, not in 2.1."]


def test_a_contract_is_json_that_people_can_write():
    text = json.dumps({"format": 1, "answers": {"interval_bounds": {"answer": "start"}}})
    assert Contract.from_json(text) == Contract.of(interval_bounds="start")
