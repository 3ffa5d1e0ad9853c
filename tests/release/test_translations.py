"""The Chinese catalogues of the site are complete where they must be, and keep the terms, code, links and numbers."""

from __future__ import annotations

import runpy
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urljoin

import pytest
import release_notes

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts" / "check-translations"))
UPDATE = runpy.run_path(str(ROOT / "scripts" / "update-translations"))
CATALOGUES = sorted(SCRIPT["CATALOGUES"].glob("*.po"))
GLOSSARY = SCRIPT["read_glossary"]()
HEAD = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n'


def message(english, chinese="", fuzzy=False):
    return SCRIPT["Message"](english, chinese, fuzzy)


def faults(english, chinese):
    return list(SCRIPT["faults_of"](message(english, chinese), GLOSSARY))


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_the_translations_of_a_page_have_no_fault(catalogue):
    assert SCRIPT["check"](catalogue) == []


@pytest.mark.parametrize("page", SCRIPT["COMPLETE"])
def test_a_page_that_must_be_complete_has_a_translated_catalogue(page):
    messages = SCRIPT["messages_of"](SCRIPT["CATALOGUES"] / f"{page}.po")
    assert len(messages) > 20
    assert not [found.english for found in messages if found.is_open]


def test_a_release_has_all_pages_translated():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    [first, *_] = release_notes.HEADING.finditer(changelog)
    assert first["date"] == "unreleased" or list(SCRIPT["overview"](CATALOGUES)) == []


def test_each_page_has_a_catalogue_and_each_catalogue_a_page():
    assert [path.stem for path in CATALOGUES] == sorted(path.stem for path in (ROOT / "docs").glob("*.md"))


def test_the_headings_of_each_page_are_in_its_catalogue():
    for catalogue in CATALOGUES:
        lines = _without_code((ROOT / "docs" / f"{catalogue.stem}.md").read_text("utf-8")).splitlines()
        headings = {line.lstrip("# ").strip() for line in lines if line.startswith("#")}
        assert headings <= {found.english for found in SCRIPT["messages_of"](catalogue)}, catalogue.name


def _without_code(text):
    return "".join(text.split("```")[::2])


@pytest.mark.parametrize(
    ("english", "chinese", "fault"),
    [
        ("Set `retries`.", "设置重试。", "inline code: only in English ['`retries`'], only in Chinese []"),
        ("See [this](cli.md#a).", "见[此处](cli.md)。", "targets of links"),
        ("After 300 seconds", "30 秒后", "numbers"),
        ("The parameter ◇", "参数", "marks"),
        ("**Now** it ends", "现在结束", "marks"),
        ("**One end.** More", "**一个结尾。**更多", "Markdown does not see"),
        ("1. Install", "1. 安装", "Markdown reads this as a list"),
        ("The bucket is full", "桶已满", "the glossary has 存储桶"),
        ("Each workflow", "每个流程", "the glossary has 工作流"),
        ("The list of them", "它们的清单", "the glossary has another word than 清单"),
        ("A big batch", "一个大的批次", "the glossary has another word than 批次"),
    ],
)
def test_a_translation_that_loses_something_is_a_fault(english, chinese, fault):
    assert [found for found in faults(english, chinese) if found.startswith(fault)]


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("Since 2 January, 1,000 files", "自 1 月 2 日起，1000 个文件"),
        ("The [README](repo:README.md)", "[README](repo:README.zh-CN.md)"),
        ("The log says \"the bucket is bound\"", "日志中有“the bucket is bound”"),
        ("`bucket` of the task", "任务的 `bucket`"),
        ("**One end**. More", "**一个结尾**。更多"),
        ("A COS inventory", "COS 清单"),
        ("1. Install", r"1\. 安装"),
    ],
)  # fmt: skip
def test_a_translation_that_keeps_all_has_no_fault(english, chinese):
    assert faults(english, chinese) == []


def test_a_translated_term_of_the_glossary_is_a_fault(tmp_path):
    """The English column of the Chinese page would have Chinese words."""
    page = tmp_path / "glossary.po"
    page.write_text(f'{HEAD}\nmsgid "skipped"\nmsgstr "跳过"\n\nmsgid "ours"\nmsgstr "本包自定"\n')
    assert SCRIPT["check"](page) == ["glossary: a term has a translation, so its English column loses it: skipped"]


def test_a_long_term_takes_precedence_over_a_short_one_in_it():
    assert faults("the inventory trigger job", "存量触发任务") == []
    assert faults("a child job", "子任务") == []
    assert faults("the service role", "服务角色") == []


@pytest.mark.parametrize("english", ["`Success`", "300", "`a`, `b`", "存储桶", "—", "[`x`](cli.md)", "dag.json"])
def test_code_and_numbers_and_chinese_need_no_translation(english):
    assert not message(english).is_open


def test_untranslated_and_fuzzy_messages_are_listed_for_each_page(tmp_path):
    page = tmp_path / "cli.po"
    page.write_text(
        f'{HEAD}\nmsgid "One"\nmsgstr ""\n\n#, fuzzy\nmsgid "Two"\nmsgstr "二"\n\nmsgid "Six"\nmsgstr "六"\n'
    )
    assert list(SCRIPT["overview"]([page])) == ["cli: 1 not translated, 1 fuzzy"]
    assert SCRIPT["check"](page) == []
    found = SCRIPT["check"](page.rename(tmp_path / f"{SCRIPT['COMPLETE'][0]}.po"))
    assert [line.partition(": ")[2] for line in found] == ["not translated: One", "fuzzy: Two"]


def test_a_message_of_the_english_page_that_its_catalogue_lacks_is_a_fault(tmp_path):
    template, catalogue = tmp_path / "cli.pot", tmp_path / "cli.po"
    template.write_text(f'{HEAD}\nmsgid "One"\nmsgstr ""\n\nmsgid "Two"\nmsgstr ""\n')
    catalogue.write_text(f'{HEAD}\nmsgid "One"\nmsgstr "一"\n')
    found = SCRIPT["missing_in"](catalogue, template)
    assert found == ["cli: not in the catalogue (scripts/update-translations adds it): Two"]
    assert len(SCRIPT["missing_in"](tmp_path / "no.po", template)) == 2


@pytest.mark.parametrize(
    ("english", "expected"),
    [
        ("Look at `new.py` and `b.py`", "看 `b.py` 和 `new.py`"),
        ("Look at `a.py` and `a.py`", "看 `a.py` 和 `a.py`"),
    ],
)
def test_a_renamed_file_is_renamed_in_the_translation(english, expected):
    old = message("Look at `a.py` and `b.py`", "看 `b.py` 和 `a.py`")
    assert UPDATE["with_new_code"](english, old) == expected


def test_code_that_became_two_different_ones_is_left_to_a_translator():
    old = message("From `a` to `a`", "从 `a` 到 `a`")
    assert UPDATE["with_new_code"]("From `a` to `b`", old) is None


def test_only_messages_with_the_same_words_take_their_new_code(tmp_path):
    page = tmp_path / "cli.po"
    fuzzy = '\n#, fuzzy\nmsgid "{}"\nmsgstr "旧的 `a.py`"\n'
    page.write_text(HEAD + fuzzy.format("See `b.py`") + fuzzy.format("Read `b.py`"))
    UPDATE["take_new_code"](page, [message("See `a.py`", "见 `a.py`")])
    found = {entry.english: (entry.chinese, entry.fuzzy) for entry in SCRIPT["messages_of"](page)}
    assert found == {"See `b.py`": ("见 `b.py`", False), "Read `b.py`": ("旧的 `a.py`", True)}


def test_the_glossary_names_a_source_for_each_term_of_the_service_and_of_airflow():
    text = SCRIPT["GLOSSARY"].read_text("utf-8")
    rows = [line for line in text.partition("## Terms of this package")[0].splitlines() if line.startswith("| ")]
    assert len(rows) > 50
    assert all(len(row.strip("| ").split(" | ")) == 3 for row in rows)


def test_the_chinese_readme_has_the_terms_of_the_glossary():
    text = (ROOT / "README.zh-CN.md").read_text("utf-8")
    assert all(word in text for word in ("存量触发任务", "批量任务", "数据万象", "存储桶", "工作流", "模拟器"))
    assert not [word for word in SCRIPT["ONLY_FOR"] if word in text]


def test_make_docs_checks_the_catalogues_and_builds_both_languages():
    recipe = (ROOT / "Makefile").read_text("utf-8").partition("\ndocs:")[2].partition("\n\n")[0] + "\n"
    assert "scripts/check-translations docs/_build/gettext\n" in recipe
    assert "docs $(DOCS_OUT)\n" in recipe
    assert "-D language=zh_CN" in recipe
    assert "docs $(DOCS_OUT)/zh_CN\n" in recipe


@pytest.mark.parametrize("page", ["index", "sensor", "api/hook"])
def test_the_switch_of_a_page_leads_to_the_same_page_in_the_other_language(page):
    link = runpy.run_path(str(ROOT / "docs" / "conf.py"))["link_to_other_language"]
    english, chinese = f"/latest/{page}.html", f"/latest/zh_CN/{page}.html"
    for language, here, there in (("en", english, chinese), ("zh_CN", chinese, english)):
        context = {}
        link(SimpleNamespace(config=SimpleNamespace(language=language)), page, "page.html", context, None)
        assert urljoin(here, context["other_language"]["address"]) == there
        assert f'href="{context["other_language"]["address"]}"' in context["metatags"]


def test_a_page_says_that_it_is_not_translated_as_a_whole(tmp_path):
    note = runpy.run_path(str(ROOT / "docs" / "conf.py"))["_note_on_translation"]
    (tmp_path / "cli.po").write_text(f'{HEAD}\nmsgid "One"\nmsgstr ""\n')
    (tmp_path / "events.po").write_text(f'{HEAD}\nmsgid "One"\nmsgstr "一"\n\nmsgid "`x`"\nmsgstr ""\n')
    note.__globals__["_translations"]["CATALOGUES"] = tmp_path
    assert "尚未全部翻译" in note("cli")
    assert note("events") == ""
    assert "只有英文" in note("api/hook")
