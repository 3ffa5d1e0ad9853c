"""The contracts that tests run over: the assumed one, and each other answer alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airflow_provider_tencent_ci.emulator import Contract
from airflow_provider_tencent_ci.emulator.contract.facts import FACTS, Answer, Fact

__all__ = ["BROKEN", "CONTRACTS", "is_broken", "over_each_contract"]

# The promises that do not hold with an answer, by the tests that show it. docs/service.md, 12.1, names each of them.
BROKEN: Mapping[str, Mapping[str, tuple[Answer, ...]]] = {
    "test_a_lost_answer_makes_one_job": {"list_lag_seconds": (310.0,)},
    "test_a_try_that_was_killed_leaves_one_job": {"list_lag_seconds": (310.0,)},
    "test_the_log_of_a_kill_knows_that_the_job_has_stopped": {"list_lag_seconds": (7.0, 40.0, 310.0)},
    "test_a_retry_after_a_failed_job_submits_again": {"same_name": ("refuse",)},
    "test_each_file_is_in_a_night": {"interval_bounds": ("neither",)},
    "test_no_file_is_in_two_nights": {"interval_bounds": ("both",)},
    "test_a_wrong_clock_is_corrected": {"date_header": ("not_on_errors", "none")},
    "test_a_wrong_key_is_named": {"wrong_signature": ("403 AccessDenied",)},
    "test_a_failed_file_is_named_by_its_key": {"control_characters": ("replaced",)},
}


def _turned(fact: Fact, answer: Answer) -> Contract:
    return Contract.of(**{**fact.seen_only_with, fact.name: answer})


CONTRACTS: Mapping[str, Contract] = {
    "assumed": Contract(),
    **{f"{fact.name}={answer}".lower(): _turned(fact, answer) for fact in FACTS.values() for answer in fact.others},
}

over_each_contract = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())


def is_broken(test: str, contract: Contract) -> bool:
    """Whether a test is one of a promise that does not hold with this contract."""
    return any(contract.answer(name) in answers for name, answers in BROKEN.get(test, {}).items())
