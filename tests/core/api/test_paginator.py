from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_tencent_ci.core.api import paginator
from airflow_provider_tencent_ci.core.api.job_records import InventoryJob, WorkflowExecution
from airflow_provider_tencent_ci.core.api.paginator import Page, Paginator
from airflow_provider_tencent_ci.exceptions import UnreadableResponseError


def page(ids, next_token=""):
    return Page(tuple(InventoryJob(f"b{n}") for n in ids), next_token)


def follow(pages_by_token):
    """Read all pages of a service; return the tokens of the requests and the ids."""
    pages, asked, found = Paginator(), [], []
    while pages.next_token is not None:
        asked.append(pages.next_token)
        found += [job.job_id for job in pages.new_items(pages_by_token(pages.next_token))]
    return asked, found


def test_an_item_that_repeats_within_a_page_counts_once():
    first, second = InventoryJob("b1", name="first"), InventoryJob("b1", name="second")
    assert Paginator().new_items(Page((first, second))) == [first]
    runs = (WorkflowExecution("i1"), WorkflowExecution("i1"), WorkflowExecution("i2"))
    assert Paginator().new_items(Page(runs)) == [runs[0], runs[2]]


def test_an_empty_page_with_a_token_is_not_the_end():
    service = {"": page([], "1"), "1": page([], "2"), "2": page([7])}
    assert follow(service.__getitem__) == (["", "1", "2"], ["b7"])


tokens = st.sampled_from(["", "1", "2", "3", "4"])
pages_of_items = st.lists(st.integers(0, 9), max_size=5)


@given(st.fixed_dictionaries({token: st.builds(page, pages_of_items, tokens) for token in ["", "1", "2", "3", "4"]}))
def test_any_list_ends_and_each_item_of_its_pages_is_read_once(service):
    asked, found = follow(service.__getitem__)
    assert len(asked) == len(set(asked)) <= 5
    assert len(found) == len(set(found))
    assert set(found) == {job.job_id for token in asked for job in service[token].items}


@given(st.lists(pages_of_items, min_size=1, max_size=8))
def test_no_item_of_a_correct_service_is_lost(sizes):
    numbers = count()
    contents = [[next(numbers) for _ in ids] for ids in sizes]
    last = len(contents) - 1
    service = {str(n or ""): page(ids, "" if n == last else str(n + 1)) for n, ids in enumerate(contents)}
    asked, found = follow(service.__getitem__)
    assert len(asked) == len(contents)
    assert found == [f"b{n}" for ids in contents for n in ids]


@pytest.mark.parametrize(("new_items", "most"), [(True, 30_000), (False, 10_000)])
def test_an_endless_list_is_an_error_and_not_a_short_list(new_items, most, monkeypatch):
    monkeypatch.setattr(paginator, "_MAX_PAGES", 30_000)
    numbers, asked = count(1), []

    def answer(token):
        asked.append(token)
        return page([next(numbers)] if new_items else [], str(next(numbers)))

    with pytest.raises(UnreadableResponseError, match=f"does not end: the service has answered {most:,} pages"):
        follow(answer)
    assert len(asked) == most


def test_a_list_of_twenty_thousand_pages_is_read_to_its_end():
    sizes = count(1)

    def answer(_token):
        number = next(sizes)
        return page([number], "" if number == 20_000 else f"token-{number}")

    asked, found = follow(answer)
    assert len(asked) == len(found) == 20_000


def test_a_page_without_new_items_is_the_last():
    numbers = count(1)
    asked, found = follow(lambda _token: page([1, 2], str(next(numbers))))
    assert (len(asked), found) == (2, ["b1", "b2"])


def test_the_latest_ten_thousand_items_are_recognised_and_no_more_are_kept():
    pages = Paginator()
    for number in range(0, 20_000, 100):
        pages.new_items(page(range(number, number + 100), f"token-{number}"))
    assert pages.new_items(page([9_999, 10_000, 19_999])) == [InventoryJob("b9999")]
