"""A share of the tests, and of their cases, for runs on several versions of Airflow that together run all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from zlib import crc32

__all__ = ["is_in_share", "read_share", "share_of"]


def read_share(text: str) -> tuple[int, int]:
    """
    Return the part and the number of parts of ``TENCENT_CI_TESTS`` or ``TENCENT_CI_CASES``, such as ``2/3``.

    :raises ValueError: it is anything else.
    """
    part, _, parts = text.partition("/")
    if not 1 <= int(part) <= int(parts):
        raise ValueError(f"A share is such as 2/3, the second of three parts, but not {text!r}.")
    return int(part), int(parts)


def is_in_share(name: str, part: int, parts: int) -> bool:
    """Whether a name is in one part of all names; by a digest, since every third case may be of the same mode."""
    return crc32(name.encode()) % parts == part - 1


def share_of(cases: Iterable[tuple[Hashable, str]], part: int, parts: int) -> set[str]:
    """
    Return the ids of one part of the cases. Each case is in a part, and each test has a case in every part.

    :param cases: of each case the test, and the id.
    :param part: which part, from 1 on.
    """
    of_test: dict[Hashable, list[str]] = defaultdict(list)
    for test, case in cases:
        of_test[test].append(case)
    return {case for ids in of_test.values() for case in _share_of_test(ids, part, parts)}


def _share_of_test(ids: Sequence[str], part: int, parts: int) -> list[str]:
    chosen = [case for case in ids if is_in_share(case, part, parts)]
    return chosen or [ids[(part - 1) % len(ids)]]
