"""README and docs: their examples come from files that are run, their links have targets, and nothing is missing."""

from __future__ import annotations

import inspect
import re
import runpy
from pathlib import Path

import pytest

from airflow_provider_tencent_ci.operators.cancel_inventory_job import CancelInventoryJobOperator
from airflow_provider_tencent_ci.operators.inventory_job import TriggerInventoryJobOperator
from airflow_provider_tencent_ci.sensors.inventory_job import InventoryJobSensor
from airflow_provider_tencent_ci.triggers.inventory_job_event import InventoryJobEventTrigger
from tests.ui.pictures import PICTURES

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").glob("*.md"))]
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)

BLOCK = re.compile(r"^(?P<above>[^\n]*)\n *```(?P<language>[^\n`]+)\n(?P<code>.*?)^ *```$", re.M | re.S)
MARK = re.compile(r" *<!-- (?P<path>[\w./-]+\.\w+)(?: \w+)? -->")
# Sphinx's own blocks show nothing.
DIRECTIVES = {"{toctree}"}


def shown_files(path):
    """The file of each block of a page; ``None`` for a block that names none."""
    found = []
    for block in BLOCK.finditer(path.read_text("utf-8")):
        if block["language"] not in DIRECTIVES:
            mark = MARK.fullmatch(block["above"])
            found.append(mark["path"] if mark else None)
    return found


@each_page
def test_every_block_names_the_file_that_it_shows(path):
    text = path.read_text("utf-8")
    assert text.count("```") == 2 * len(BLOCK.findall(text)), "a block without a language, or not closed"
    assert None not in shown_files(path)


def test_pages_show_the_current_files():
    for path, page in runpy.run_path(str(ROOT / "scripts" / "write-example-docs"))["pages"]().items():
        assert path.read_text("utf-8") == page, f"{path.name}: run scripts/write-example-docs"


def test_every_example_file_is_shown_and_run():
    """All of ``example_dags`` is run by ``test_example_dags.py``, all policies by ``test_permissions.py``."""
    shown = {Path(name) for page in PAGES for name in shown_files(page)}
    there = {path.relative_to(ROOT) for path in (ROOT / "docs" / "snippets").rglob("*.*")}
    policies = {path.relative_to(ROOT) for path in (ROOT / "docs" / "policies").iterdir()}
    assert {path for path in shown if path.parts[0] != "example_dags"} == there | policies
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    connections = {
        path for path in there if path.parent.name == "connections"
    }  # tests/hooks/test_connection_credentials.py
    assert [path.name for path in sorted(there - connections) if f'"{path.name}"' not in tests] == []


def slugs(path):
    """The anchors of a page's headings on GitHub and on the site."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S), re.M)
    bare = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in bare}


FENCED = re.compile(r"^ *```.*?^ *```$", re.M | re.S)


# In the language of the reader.
SERVICE_PAGE = re.compile(r"https://(www\.tencentcloud|cloud\.tencent)\.com/document/product/\d+(/\d+)?")


def outline(path):
    """
    The level of each heading of a page, with its content that does not depend on the language: code, names, links,
    rows.
    """
    text = path.read_text("utf-8")
    code = iter(FENCED.findall(text))
    found = []
    for part in re.split(r"^(?=#+ )", FENCED.sub("<code>", text), flags=re.M):
        links = [
            SERVICE_PAGE.sub("the service", link).replace("_zh_cn.png", ".png")
            for link in re.findall(r"\]\(([^)\s]+)\)", part)
            if not link.startswith("README")
        ]
        blocks = [next(code) for _ in range(part.count("<code>"))]
        found.append((part.partition(" ")[0], blocks, sorted(re.findall(r"`[^`]+`", part)), links, part.count("\n|")))
    return found


def test_the_chinese_readme_matches_the_english_one():
    chinese = ROOT / "README.zh-CN.md"
    assert outline(chinese) == outline(ROOT / "README.md")
    assert len(re.findall(r"[\u4e00-\u9fff]", chinese.read_text("utf-8"))) > 1000


@each_page
def test_every_link_has_a_target(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if target.startswith("http"):
            continue
        there = path.parent / target if target else path
        assert there.exists(), link
        assert not anchor or anchor in slugs(there), link


def test_pictures_of_the_browser_are_made_by_its_tests_and_shown():
    """``make pictures`` takes them all."""
    there = {path.stem for path in (ROOT / "docs" / "pictures").glob("*.png")}
    assert there == set(PICTURES)
    shown = {name for page in PAGES for name in re.findall(r"pictures/(\w+)\.png\)", page.read_text("utf-8"))}
    assert shown == there


@each_page
def test_every_page_is_in_the_table_of_contents(path):
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    if path.parent == ROOT or path.name == "index.md":
        return
    assert f"]({path.name})" in index
    assert re.search(rf"^{path.stem}$", index, re.M)


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        (TriggerInventoryJobOperator, "docs/operator.md"),
        (CancelInventoryJobOperator, "docs/cancel.md"),
        (InventoryJobSensor, "docs/sensor.md"),
    ],
)
def test_the_guide_names_every_parameter(kind, page):
    text = (ROOT / page).read_text("utf-8")
    for name, parameter in inspect.signature(kind.__init__).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            assert re.search(rf"`{name}[`=]", text), name


@pytest.mark.parametrize("path", sorted(ROOT.glob("README*.md")), ids=lambda path: path.name)
def test_numbers_in_the_list_of_features_name_a_test_or_a_benchmark(path):
    features = re.findall(r"^\* \*\*.*$", path.read_text("utf-8").split("\n## ")[3], re.M)
    assert len(features) > 4
    for feature in features:
        words, links = re.sub(r"\]\([^)]*\)", "]", feature), re.findall(r"\]\(([^)\s]+)\)", feature)
        has_number = re.search(r"\d|thousand|million|千|百万", words)
        assert not has_number or any(link.startswith(("tests/", "docs/benchmarks.md#")) for link in links), feature


def templated(page):
    """The parameters that a page marks as templated."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    rows = re.findall(r"^\| (`.*`) \(templated\) \|", text, re.M)
    return {*re.findall(r"`(\w+)` ◇", text), *re.findall(r"`(\w+)`", " ".join(rows))}


@pytest.mark.parametrize(
    ("kind", "pages"),
    [
        (TriggerInventoryJobOperator, ["operator.md", "resubmit.md"]),
        (CancelInventoryJobOperator, ["cancel.md"]),
        (InventoryJobSensor, ["sensor.md"]),
    ],
)
def test_the_pages_mark_each_templated_parameter_and_no_other(kind, pages):
    assert set().union(*(templated(page) for page in pages)) == set(kind.template_fields)


def shown_default(text):
    """The value of a default that a page shows; ``...`` if it describes the value in words."""
    number = re.match(r"[\d.]+", text)
    if number:
        return float(number[0])
    value = text.removeprefix("`").removesuffix("`")
    return {"none": None, "False": False, "True": True, '"*"': "*"}.get(value, value if value.endswith("/") else ...)


@pytest.mark.parametrize(
    ("kind", "page", "numbers"),
    [
        (
            TriggerInventoryJobOperator,
            "operator.md",
            {"poll_interval", "contact_timeout", "reconcile_timeout", "progress_interval", "resubmit_rounds"},
        ),
        (TriggerInventoryJobOperator, "resubmit.md", {"resubmit_rounds"}),
        (CancelInventoryJobOperator, "cancel.md", {"stop_timeout"}),
        (InventoryJobSensor, "sensor.md", {"poke_interval", "contact_timeout"}),
        (InventoryJobEventTrigger, "events.md", {"poll_interval", "look_back", "catch_up"}),
    ],
)
def test_the_pages_show_the_defaults_of_the_parameters(kind, page, numbers):
    """In the second column of a table, or in round brackets behind the name."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    parameters = inspect.signature(kind.__init__).parameters
    shown = re.findall(r"`(\w+)`(?: ◇| \(templated\))?(?: \| ([^|]+) \|| \(([^()]+)\))", text)
    found = {name: shown_default((cell or brackets).strip()) for name, cell, brackets in shown if name in parameters}
    assert {name for name, value in found.items() if isinstance(value, float)} == numbers
    for name, value in found.items():
        if value is not ...:
            assert parameters[name].default == value, name


def test_the_pages_on_errors_and_faults_match_code_and_tests():
    pages = runpy.run_path(str(ROOT / "scripts" / "write-error-docs"))["pages"]()
    assert set(pages) == {"errors.md", "faults.md"}
    for name, page in pages.items():
        assert (ROOT / "docs" / name).read_text("utf-8") == page, f"{name}: run scripts/write-error-docs"
