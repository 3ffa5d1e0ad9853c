"""The versions of Airflow share tests and the cases of parametrized tests; none is left out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.case_share import read_share, share_of

case_lists = st.lists(st.tuples(st.sampled_from("abc"), st.text()), unique_by=lambda case: case[1])


@given(case_lists, st.integers(1, 5))
def test_all_parts_together_have_every_case_and_each_part_has_every_test(cases, parts):
    shares = [share_of(cases, part, parts) for part in range(1, parts + 1)]
    assert set().union(*shares) == {case for _, case in cases}
    for share in shares:
        assert {test for test, case in cases if case in share} == {test for test, _ in cases}


def test_a_part_has_about_its_share():
    cases = [("test", f"tests/a.py::test[{mode}-{number}]") for mode in ("poke", "deferred") for number in range(300)]
    for part in (1, 2, 3):
        share = share_of(cases, part, 3)
        assert 150 < len(share) < 250
        assert 75 < sum("poke" in case for case in share) < 125, "of each mode"


@pytest.mark.parametrize("text", ["", "3", "0/3", "4/3", "a/b", "1/"])
def test_another_text_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011
        read_share(text)


@pytest.mark.parametrize("variable", ["TENCENT_CI_TESTS", "TENCENT_CI_CASES"])
def test_pytest_runs_a_part(monkeypatch, variable):
    def collected(share):
        monkeypatch.setenv(variable, share)
        command = [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "tests/core/files/test_fail_on.py"]
        done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
        return {line for line in done.stdout.splitlines() if "::" in line}

    def tests(cases):
        return {case.partition("[")[0] for case in cases}

    one, other = (collected(f"{part}/2") for part in (1, 2))
    everything = collected("1/1")
    assert one | other == everything
    if variable == "TENCENT_CI_TESTS":
        assert one
        assert other
        assert tests(one) & tests(other) == set()
    else:
        assert all(len(part) < 0.8 * len(everything) for part in (one, other))
        assert tests(one) == tests(other)
