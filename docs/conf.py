"""Settings for Sphinx, which makes a site of these Markdown pages (``make docs``)."""

from __future__ import annotations

import os
import re
import runpy
from configparser import ConfigParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_tencent_ci import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

ROOT = Path(__file__).parents[1]

_setup = ConfigParser()
_setup.read(ROOT / "setup.cfg", "utf-8")
_urls = dict(line.split(" = ") for line in _setup["metadata"]["project_urls"].strip().splitlines())

project = _setup["metadata"]["name"]
copyright = f"the authors of {project}; Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "snippets"]
templates_path = ["_templates"]

# The site is built once for each language. The Chinese one is in zh_CN/ of the English one, so that no site has one
# language only. One catalogue for each page, without line numbers: a catalogue changes only with the words of its page.
language = "en"
locale_dirs = ["locale", "locale_of_theme"]
_translations = runpy.run_path(str(ROOT / "scripts" / "check-translations"))
gettext_compact = False
gettext_location = False
gettext_last_translator = f"the authors of {project}"
gettext_language_team = "Chinese"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

# A name of this package in a docstring must exist. Names of Python, Airflow and pytest are not checked: that would need
# requests to other sites.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(?!airflow_provider_tencent_ci).*"),
    # Users do not call the sources of credentials: docs/connection.md.
    ("py:class", r"airflow_provider_tencent_ci\.core\.(credentials|wire\.request_credentials)\..*"),
    # Nor do they observe requests, or choose how a service signs and refuses.
    ("py:class", r"airflow_provider_tencent_ci\.core\.wire\.service_observer\..*"),
    ("py:class", r"airflow_provider_tencent_ci\.core\.wire\.service_dialect\..*"),
]

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"{project} {__version__}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_copy_source = False
# Furo's own list, and the switch between the languages.
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
html_theme_options = {"source_repository": _urls["Source"], "source_branch": "main", "source_directory": "docs/"}

# The links of a release must not change with the main branch. Their revision is not in the pages: catalogues of
# translations have the words of a page as keys.
_REVISION = os.environ.get("READTHEDOCS_GIT_IDENTIFIER", "main")
myst_url_schemes = {
    **dict.fromkeys(("http", "https", "mailto")),
    "repo": {"url": f"{_urls['Source']}/blob/{_REVISION}/{{{{path}}}}"},
}


def link_to_repository(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Let links to files outside of ``docs/`` lead to the repository: the site does not have these files."""
    source[0] = re.sub(r"\]\(\.\./([^)\s]+)\)", r"](repo:\1)", source[0])


def leave_out_tests(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Leave out the comments that name tests and facts: a renamed one does not make a translation out of date."""
    comment = r"<!-- (?:tests|no claim|contract): [^>]*? -->"
    source[0] = re.sub(rf"^ *{comment}\n| ?{comment}", "", source[0], flags=re.M)


def link_to_pages(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Let docstrings that name a page lead to it."""
    lines[:] = [re.sub(r"``docs/(\w+)\.md``", r":doc:`/\1`", line) for line in lines]


def link_to_other_language(app: Sphinx, page: str, _template: str, context: dict[str, Any], doctree: Any) -> None:
    """Give the templates the address of this page in the other language, and say if it is not translated."""
    chinese = app.config.language == "zh_CN"
    up = "../" * page.count("/")
    address = f"{up}../{page}.html" if chinese else f"{up}zh_CN/{page}.html"
    code, name = ("en", "English") if chinese else ("zh-CN", "简体中文")
    context["other_language"] = {"code": code, "name": name, "address": address}
    alternate = f'<link rel="alternate" hreflang="{code}" href="{address}">'
    context["metatags"] = context.get("metatags", "") + alternate
    if chinese and doctree is not None:
        context["body"] = _note_on_translation(page) + context["body"]


def _note_on_translation(page: str) -> str:
    if page.startswith("api/"):
        note = "API 参考由代码中的说明生成，只有英文。"
    elif any(message.is_open for message in _translations["messages_of"](_translations["CATALOGUES"] / f"{page}.po")):
        note = "本页尚未全部翻译，未翻译的部分为英文。"
    else:
        return ""
    return f'<p class="translation-note">{note}</p>'


def know_chinese_words(app: Sphinx, config: Config) -> None:
    """Let the search of the Chinese site know the terms of the glossary as words."""
    if config.language != "zh_CN":
        return
    import jieba

    jieba.setLogLevel("WARNING")
    words = Path(app.doctreedir) / "search_words.txt"
    words.parent.mkdir(parents=True, exist_ok=True)
    words.write_text("".join(f"{word}\n" for _, terms in _translations["read_glossary"]() for word in terms), "utf-8")
    config.html_search_options = {"dict": str(words)}


def let_chinese_search_work(app: Sphinx, page: str, _template: str, _context: dict[str, Any], _doctree: Any) -> None:
    """Give the search of the Chinese site a stemmer and words: see the script. ``scripts/check-search`` looks at it."""
    if page == "search" and app.config.language == "zh_CN":
        app.add_js_file("search_zh.js")


def setup(app: Sphinx) -> None:
    """Have these called by Sphinx."""
    app.connect("config-inited", know_chinese_words)
    app.connect("source-read", link_to_repository)
    app.connect("source-read", leave_out_tests)
    app.connect("autodoc-process-docstring", link_to_pages)
    app.connect("html-page-context", link_to_other_language)
    app.connect("html-page-context", let_chinese_search_work)
