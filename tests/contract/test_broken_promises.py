"""docs/service.md, 12.1, names each promise that does not hold with an answer, and its test."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_provider_tencent_ci.emulator.contract.facts import FACTS
from tests.contract import test_promises
from tests.contract.contracts import BROKEN

PAGE = Path(__file__).parents[2] / "docs" / "service.md"
ROW = re.compile(r"^\| `(\w+)`: (`[^|]+`) \|.*\| `(test_\w+)` \|$", re.M)


def shown_rows():
    section = PAGE.read_text("utf-8").partition("### 12.1 ")[2]
    return {
        (test, fact, answer)
        for fact, answers, test in ROW.findall(section)
        for answer in re.findall("`([^`]+)`", answers)
    }


def test_the_page_names_each_broken_promise_and_its_test():
    broken = {
        (test, fact, f"{answer:g}" if isinstance(answer, float) else str(answer))
        for test, facts in BROKEN.items()
        for fact, answers in facts.items()
        for answer in answers
    }
    assert shown_rows() == broken


def test_each_broken_promise_is_of_a_test_and_an_answer_that_exist():
    for test, facts in BROKEN.items():
        assert hasattr(test_promises, test)
        for name, answers in facts.items():
            assert set(answers) <= {FACTS[name].assumed, *FACTS[name].others}
