"""The script for the search of the Chinese docs: it splits a query into the words of the index."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs a browser: make test-ui")

SCRIPT = Path(__file__).parents[2] / "docs" / "_static" / "search_zh.js"
# Sphinx's own scripts, as far as this one uses them.
OF_SPHINX = """
const terms = { 时钟: 0, 不准: 0, 批量: 0, 批量任务: 0 };
const Search = { _index: { terms, titleterms: { 权限: 0 } } };
function EnglishStemmer() { this.stemWord = (word) => word.replace(/s$/, ""); }
"""


@pytest.fixture(scope="module")
def search_page(browser):
    """A page with the script, loaded before those of Sphinx."""
    tab = browser.new_page()
    tab.set_content(f"<script>{SCRIPT.read_text('utf-8')}</script><script>{OF_SPHINX}</script>")
    yield tab
    tab.close()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("时钟不准", ["时钟", "不准"]),
        ("批量任务的权限", ["批量任务", "权限"]),
        ("QueueSaturated时钟", ["QueueSaturated", "时钟"]),
        ("fail_on, 0.05 权限", ["fail_on", "0", "05", "权限"]),
        ("没有", ["没有"]),
        ("", []),
    ],
)
def test_a_chinese_query_is_split_into_words_of_the_index(search_page, query, words):
    assert search_page.evaluate("query => splitQuery(query)", query) == words


def test_the_stemmer_of_the_chinese_search_is_the_english_one(search_page):
    assert search_page.evaluate("new ChineseStemmer().stemWord('jobs')") == "job"
