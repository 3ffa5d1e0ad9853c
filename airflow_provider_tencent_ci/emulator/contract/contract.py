"""A contract: an answer for each fact, from the live check of the real service, from a person, or assumed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from airflow_provider_tencent_ci.emulator.contract.facts import ASSUMED, FACTS, Answer
from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = ["FORMAT", "SEEN_FILE", "Contract", "ContractError", "Given", "seen_contract"]

#: The version of the file's format.
FORMAT = 1
#: The answers that the real service has given to the live check.
SEEN_FILE = Path(__file__).with_name("seen.json")

_KEYS = frozenset({"format", "of_the_service", "answers"})
_KEYS_OF_ANSWER = frozenset({"answer", "seen_on"})


class ContractError(ValueError):
    """A file that is no contract, or an answer that a fact cannot have; the message names it."""


@dataclass(frozen=True, slots=True)
class Given:
    """
    An answer that is not only assumed.

    :param answer: a value of the fact's switch.
    :param seen_on: the day on which the live check saw it; ``None``: a person wrote it down to try it.
    """

    answer: Answer
    seen_on: date | None = None


@dataclass(frozen=True, slots=True)
class Contract:
    """
    Answers by the names of facts; all others are assumed.

    :param given: the answers that are not only assumed.
    :param of_the_service: whether they come from the real service, and not from an emulator or another endpoint.
    :raises ContractError: there is no such fact, or it cannot have this answer.
    """

    given: Mapping[str, Given] = field(default_factory=dict)
    of_the_service: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(self.given.keys() - FACTS.keys()):
            raise ContractError(f"No such fact: {', '.join(unknown)}. There are: {', '.join(sorted(FACTS))}.")
        for name, given in self.given.items():
            _check(name, given.answer)

    @classmethod
    def of(cls, **answers: Answer) -> Contract:
        """Return a contract with some answers that are tried, by the names of facts."""
        return cls({name: Given(answer) for name, answer in answers.items()})

    @classmethod
    def read(cls, path: Path | str) -> Contract:
        """
        Read a file.

        :raises ContractError: it cannot be read, or is no contract.
        """
        try:
            return cls.from_json(Path(path).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ContractError(f"The contract cannot be read: {error}") from None
        except ContractError as error:
            raise ContractError(f"{path}: {error}") from None

    @classmethod
    def from_json(cls, text: str) -> Contract:
        """
        Read the text of a file.

        :raises ContractError: it is no contract.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ContractError(f"The contract is no JSON: {error}") from None
        _check_keys("The contract", values, _KEYS)
        if values.get("format") != FORMAT:
            raise ContractError(f"The contract has the format {values.get('format')!r}, not {FORMAT}.")
        answers = values.get("answers", {})
        if not isinstance(answers, dict):
            raise ContractError("answers is no JSON object.")
        given = {name: _read_given(name, value) for name, value in answers.items()}
        return cls(given, of_the_service=values.get("of_the_service") is True)

    def to_json(self) -> str:
        """Return the text of a file: no name, no id and no key is in it."""
        answers = {
            name: {"answer": given.answer} | ({"seen_on": given.seen_on.isoformat()} if given.seen_on else {})
            for name, given in sorted(self.given.items())
        }
        values = {"format": FORMAT, "of_the_service": self.of_the_service, "answers": answers}
        return json.dumps(values, indent=1) + "\n"

    def with_answers(self, given: Mapping[str, Given]) -> Contract:
        """Return a copy with further answers; they replace those of the same facts."""
        return Contract({**self.given, **given}, self.of_the_service)

    def answer(self, name: str) -> Answer:
        """Return the answer for a fact, given or assumed."""
        return self.given[name].answer if name in self.given else ASSUMED[name]

    def seen_on(self, name: str) -> date | None:
        """Return the day on which the answer was seen; ``None``: it is assumed, or tried by a person."""
        return self.given[name].seen_on if name in self.given else None

    def switches(self) -> dict[str, Answer]:
        """Return the answer for each fact: the switches of an emulator that behaves accordingly."""
        return {name: self.answer(name) for name in FACTS}


@cache
def seen_contract() -> Contract:
    """Return the answers that the real service has given, as far as there are any."""
    return Contract.read(SEEN_FILE)


def _read_given(name: str, value: Any) -> Given:
    _check_keys(f"The answer of {name}", value, _KEYS_OF_ANSWER)
    if "answer" not in value:
        raise ContractError(f"The answer of {name} is missing.")
    day = value.get("seen_on")
    try:
        return Given(value["answer"], None if day is None else date.fromisoformat(day))
    except (TypeError, ValueError):
        raise ContractError(f"{name}: seen_on={day!r} is no day, such as 2026-12-31.") from None


def _check_keys(what: str, values: Any, known: frozenset[str]) -> None:
    if not isinstance(values, dict):
        raise ContractError(f"{what} is no JSON object.")
    if unknown := sorted(values.keys() - known):
        raise ContractError(f"{what} has {', '.join(unknown)}; known are {', '.join(sorted(known))}.")


def _check(name: str, answer: Answer) -> None:
    try:
        Behaviour().changed(**{name: answer})
    except (ValueError, TypeError) as error:
        raise ContractError(str(error)) from None
