"""The languages of the page: their catalogues have the same texts, and no text is outside of them."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

import airflow_provider_tencent_ci
from airflow_provider_tencent_ci.core.api.job_records import JobState

ROOT = Path(__file__).parents[2]
STATIC = Path(airflow_provider_tencent_ci.__file__).parent / "plugins" / "static"
CATALOGUES = sorted(STATIC.glob("catalogue_*.js"))
SCRIPTS = [path for path in sorted(STATIC.glob("*.js")) if path not in CATALOGUES]
TRANSLATIONS = runpy.run_path(str(ROOT / "scripts" / "check-translations"))


def texts(path):
    """Return the texts of a catalogue, which is JSON behind its first words."""
    source = path.read_text("utf-8").partition("export default ")[2]
    pairs = json.loads(source.strip().removesuffix(";"), object_pairs_hook=list)
    assert len(pairs) == len(dict(pairs)), f"{path.name} has a key twice"
    return dict(pairs)


ENGLISH = texts(STATIC / "catalogue_en.js")
CHINESE = [path for path in CATALOGUES if path.stem != "catalogue_en"]


def test_there_are_three_languages():
    assert [path.stem for path in CATALOGUES] == ["catalogue_en", "catalogue_zh_cn", "catalogue_zh_tw"]


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.stem)
def test_every_language_has_the_same_keys_in_the_same_order(path):
    assert list(texts(path)) == list(ENGLISH)


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.stem)
def test_every_language_fills_in_the_same_values(path):
    def values(text):
        return sorted(re.findall(r"\{\w+\}", text))

    assert {key: values(text) for key, text in texts(path).items()} == {
        key: values(text) for key, text in ENGLISH.items()
    }


# Words that are the same in all languages.
SAME = {"job.id", "head.airflow", "plot.legend"}
MARKS = {"files.comma"}


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.stem)
def test_every_text_is_translated(path):
    chinese = texts(path)
    assert {key for key, text in chinese.items() if text == ENGLISH[key]} == SAME - {"files.comma"}
    assert all(
        TRANSLATIONS["CHINESE"].search(text) for key, text in chinese.items() if key not in {*SAME, "files.comma"}
    )


def test_the_chinese_texts_have_the_terms_of_the_glossary():
    glossary, chinese = TRANSLATIONS["read_glossary"](), texts(STATIC / "catalogue_zh_cn.js")
    for key, text in chinese.items():
        message = TRANSLATIONS["Message"](ENGLISH[key], text)
        assert list(TRANSLATIONS["faults_of"](message, glossary)) == [], key


def test_traditional_chinese_has_no_simplified_characters():
    simplified = set("务态显应应错误请传输条筛选权读创时间败执总页单个来无对写进")
    traditional = "".join(texts(STATIC / "catalogue_zh_tw.js").values())
    assert simplified & set(traditional) == set()


def test_each_state_of_a_job_has_a_name():
    assert {f"state.{state.value}" for state in JobState} <= set(ENGLISH)


# --- the scripts

STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`')
COMMENT = re.compile(r"(?m)(?:^| )//.*$")
KEY = re.compile(r"\bt\(\s*\"([\w.]+)\"")
MADE_KEY = re.compile(r"`([\w.]+)\.\$\{")


def code(path):
    return COMMENT.sub("", path.read_text("utf-8"))


def test_each_key_in_the_scripts_is_in_the_catalogues_and_each_text_is_used():
    source = "\n".join(map(code, SCRIPTS))
    strings = {string[1:-1] for string in STRING.findall(source)}
    assert set(KEY.findall(source)) <= set(ENGLISH)
    made = {key for key in ENGLISH if key.rpartition(".")[0] in set(MADE_KEY.findall(source))}
    assert set(ENGLISH) - strings - made == set()


# Texts that are no words for readers: names of the service, of HTTP and of zones, and the code for a DAG file.
NO_WORDS = {
    *(
        "Submitted",
        "Running",
        "Pause",
        "Success",
        "Failed",
        "Cancel",
        "Workflow",
        "Job",
        "Asc",
        "DETAILS",
        "UTC",
        "Hant",
    ),
    *("Start", "End", "POST", "Accept", "Content-Type", "X-Tencent-CI-Page"),
    *("TriggerInventoryJobOperator(", '    task_id="transcode",', '    workflow_ids="w…",', '    prefix="media/",'),
}
# Two words with a space that are no words for readers: classes, selectors, attributes, ids.
MARKUP = {
    *re.findall(r"[\w-]+", (STATIC / "jobs_page.css").read_text("utf-8")),
    *("noopener", "noreferrer", "name", "plot-title", "plot-words", "data-key", "more", "copy"),
}
# A word that begins with a capital letter, two words with a space, or Chinese.
WORDS = re.compile(r"(?<![A-Za-z])[A-Z][a-z]|[A-Za-z]{2,} [A-Za-z]{2,}|[\u4e00-\u9fff]")


def strings_of(source):
    """Yield the texts of a script, without the expressions in them."""
    for string in STRING.findall(source):
        yield re.sub(r"\$\{[^}]*\}", "", string[1:-1])
    # One in single quotes has double quotes in it.
    yield from re.findall(r"'([^'\n]*\"[^'\n]*)'", source)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_no_text_of_the_page_is_outside_of_the_catalogues(path):
    found = {text for text in strings_of(code(path)) if WORDS.search(text)}
    assert {text for text in found if not set(re.findall(r"[\w-]+", text)) <= MARKUP} - NO_WORDS == set()


def test_the_document_has_no_words_but_those_without_a_script():
    words = re.sub(r"<!--.*?-->|<[^>]*>", " ", (STATIC / "index.html").read_text("utf-8"), flags=re.DOTALL).split()
    assert " ".join(words) == "Tencent CI … This page needs JavaScript."


def test_the_scripts_are_short():
    assert {
        path.name: lines for path in STATIC.glob("*.js") if (lines := len(path.read_text("utf-8").splitlines())) > 160
    } == {}
