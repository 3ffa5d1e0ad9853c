"""The map of the repository, the tables below it and the description of the inside name files that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.release.supported_versions import AIRFLOWS, DEFAULT_AIRFLOW

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_tencent_ci"
PAGES = ("CONTRIBUTING.md", "docs/how_it_works.md", "docs/what_happens_when.md")


def named_files(page):
    """Each file name in code marks with a folder, or at the root of the package."""
    return sorted(set(re.findall(r"`([\w./-]+\.(?:py|md|svg|yml))`", (ROOT / page).read_text("utf-8"))))


@pytest.mark.parametrize("page", PAGES)
def test_every_named_file_exists(page):
    workflows = {"release.yml"}
    missing = [name for name in named_files(page) if not (PACKAGE / name).is_file() and not (ROOT / name).is_file()]
    assert set(missing) - workflows == set()


def test_every_file_that_a_question_to_the_service_names_exists():
    """Its answer says which file of the package has to be changed."""
    questions = [path.read_text("utf-8") for path in (ROOT / "tests" / "live" / "questions").glob("*.py")]
    named = {name for text in questions for name in re.findall(r"[\w/]+\.py\b", text)}
    assert len(named) > 10
    assert {name for name in named if not (PACKAGE / name).is_file()} == set()


def test_the_map_lists_every_folder():
    """The folders of the package and of its core."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    drawn = set(re.findall(r"(\w+)/", text.partition("```text\n")[2].partition("```")[0]))
    rooms = {path.name for place in (PACKAGE, PACKAGE / "core") for path in place.iterdir() if path.is_dir()}
    assert {room for room in rooms if not room.startswith("_")} <= drawn


def test_how_it_works_describes_every_folder():
    text = (ROOT / "docs" / "how_it_works.md").read_text("utf-8")
    table = text.partition("| room | contents |")[2].partition("\n\n")[0]
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert rooms == set(re.findall(r"`(\w+)/`", "\n".join(line.split(" | ")[0] for line in table.splitlines())))


def test_the_order_of_imports_lists_every_folder_once():
    """The folders of the package; the emulator is not in the order, and the folders of the core have their own line."""
    lines = (ROOT / "docs" / "snippets" / "rooms.txt").read_text("utf-8").splitlines()
    named = [name for line in lines for name in re.split(r" {2,}", re.split(r" {3,}", line)[0])]
    inside = [name for name in named if name.isidentifier()]
    there = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert len(inside) == len(set(inside))
    assert there - set(inside) == {"emulator"}
    assert all((PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file() for name in inside)
    parts = re.findall(r"\w+", next(line for line in lines if line.startswith("core")))[1:]
    assert set(parts) == {
        path.name for path in (PACKAGE / "core").iterdir() if path.is_dir() and path.name != "__pycache__"
    }


def test_the_table_of_behaviours_has_at_least_thirty_five_rows():
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Where is …?")[2].partition("\n## ")[0]
    assert table.count("\n|") - 2 >= 35


@pytest.mark.parametrize("version", AIRFLOWS)
def test_every_test_that_ci_leaves_out_exists(version):
    """A renamed file that is still left out by its old name would be run on all versions."""
    function = re.search(
        r"^left_out_on\(\) \{.*?^\}", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    script = f"{function[0]}\nDEFAULT_AIRFLOW={DEFAULT_AIRFLOW}\nleft_out_on {version}"
    said = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=30).stdout
    left_out = re.findall(r"--ignore=(\S+)", said)
    assert left_out
    assert [name for name in left_out if not (ROOT / name).exists()] == []
