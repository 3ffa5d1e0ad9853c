"""The contract of a run: the answers of its questions to the facts of the contract, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from airflow_provider_tencent_ci.emulator import Contract, ContractError
from airflow_provider_tencent_ci.emulator.contract.contract import Given, seen_contract
from airflow_provider_tencent_ci.emulator.contract.facts import FACTS, Answer
from tests.live.check import Answered

CONTRACT_FILE = "contract.json"


def contract_of(answered: Iterable[Answered], day: date, *, of_the_service: bool) -> Contract:
    """
    Return what a run says about the facts. Answers that contradict each other, or that no fact can have, are left out.

    :param day: the day of the run.
    :param of_the_service: whether the real service was asked.
    """
    found: dict[str, set[Answer]] = {}
    for name, answer in _answers(answered):
        found.setdefault(name, set()).add(answer)
    contract = Contract(of_the_service=of_the_service)
    for name, answers in found.items():
        if len(answers) == 1:
            contract = _with(contract, name, Given(answers.pop(), day))
    return contract


def write_contract(contract: Contract, directory: Path) -> Path:
    """Write the file of a run; answers of the service that earlier runs have seen are kept."""
    whole = seen_contract().with_answers(contract.given) if contract.of_the_service else contract
    path = directory / CONTRACT_FILE
    path.write_text(whole.to_json(), encoding="utf-8")
    return path


def contract_rows(contract: Contract) -> list[dict[str, object]]:
    """Return a row for each fact, for the report."""
    return [
        {
            "fact": fact.name,
            "question": fact.question,
            "assumed": str(fact.assumed),
            "seen": str(contract.answer(fact.name)) if contract.seen_on(fact.name) else "no answer",
        }
        for fact in FACTS.values()
    ]


def _answers(answered: Iterable[Answered]) -> Iterator[tuple[str, Answer]]:
    for one in answered:
        for finding in one.findings:
            yield from finding.answers.items()


def _with(contract: Contract, name: str, given: Given) -> Contract:
    try:
        return contract.with_answers({name: given})
    except ContractError:
        return contract
