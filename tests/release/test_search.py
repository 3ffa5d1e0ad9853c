"""The search of a built site has its stemmer: Sphinx 9 gives the Chinese site only the name of one, and no warning."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
FAULT_OF = runpy.run_path(str(ROOT / "scripts" / "check-search"))["fault_of"]
OURS = ROOT / "docs" / "_static" / "search_zh.js"


@pytest.fixture
def site(tmp_path):
    """Make a site from the scripts of its search page."""

    def make(**scripts):
        tags = [f'<script src="_static/{name}.js?v=0123"></script>' for name in scripts]
        (tmp_path / "search.html").write_text("\n".join(tags), "utf-8")
        (tmp_path / "_static").mkdir()
        for name, text in scripts.items():
            (tmp_path / "_static" / f"{name}.js").write_text(text, "utf-8")
        return tmp_path

    return make


def of_sphinx(stemmer):
    return f"var EnglishStemmer=function(){{}};\nwindow.Stemmer = {stemmer};\n"


def test_a_site_whose_search_defines_its_stemmer_has_no_fault(site):
    assert FAULT_OF(site(language_data=of_sphinx("EnglishStemmer"))) is None


def test_a_site_whose_search_only_names_its_stemmer_has_a_fault(site):
    assert "defines ChineseStemmer" in FAULT_OF(site(language_data=of_sphinx("ChineseStemmer")))


def test_the_script_of_the_chinese_site_defines_the_stemmer(site):
    ours = OURS.read_text("utf-8")
    assert FAULT_OF(site(search_zh=ours, language_data=of_sphinx("ChineseStemmer"))) is None


def test_a_site_whose_search_names_no_stemmer_has_a_fault(site):
    assert "sets window.Stemmer" in FAULT_OF(site(language_data="var EnglishStemmer=function(){};\n"))


@pytest.mark.parametrize(
    ("language", "page", "added"),
    [("zh_CN", "search", ["search_zh.js"]), ("zh_CN", "index", []), ("en", "search", [])],
)
def test_only_the_search_of_the_chinese_site_has_the_script(language, page, added):
    scripts = []
    app = SimpleNamespace(config=SimpleNamespace(language=language), add_js_file=scripts.append)
    runpy.run_path(str(ROOT / "docs" / "conf.py"))["let_chinese_search_work"](app, page, "page.html", {}, None)
    assert scripts == added


def test_make_docs_checks_the_search_of_both_languages():
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\ndocs:")[2].partition("\n\n")[0] + "\n"
    assert "scripts/check-search $(DOCS_OUT) $(DOCS_OUT)/zh_CN\n" in recipe
