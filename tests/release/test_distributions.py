"""
The uploaded archives: sdist and wheel, built as for a release.

``make build`` runs these tests over dist/; otherwise both are built from a copy of the tree, with typical leftover
files in it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from airflow_provider_tencent_ci import __version__
from tests.snippets import snippet

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("release"),  # in one process, since they are built once
]

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/airflow-provider-tencent-ci/airflow-provider-tencent-ci"
NAME = f"airflow_provider_tencent_ci-{__version__}"
EPOCH = "1767225600"
LARGEST_FILE_BYTES = 1_000_000

LITTER = [
    ".coverage",
    ".hypothesis/examples/1",
    ".mypy_cache/3.11/airflow.json",
    ".venv-9.9/pyvenv.cfg",
    "airflow_provider_tencent_ci/__pycache__/compat.cpython-311.pyc",
    "airflow_provider_tencent_ci/core/.jobs.py.swp",
    "build/lib/airflow_provider_tencent_ci/gone.py",
    "dist/airflow_provider_tencent_ci-0.0.1.tar.gz",
    "docs/_build/html/index.html",
    "tests/core/__pycache__/files.cpython-311.pyc",
]


def tracked_files() -> set[str]:
    """The files of the tree that belong to the project, including those not added yet."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        pytest.skip("needs a checkout: only git knows which files belong to the project")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


def copy_of_the_tree(to: Path) -> Path:
    for name in tracked_files():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to / name)  # with the time of copying, as in a fresh checkout
    for name in LITTER:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_text("litter")
    return to


def build(tree: Path) -> Path:
    """Both archives, the wheel from the sdist: leftovers of an earlier build in build/ are not used."""
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--out-dir", "built"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return tree / "built"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if given := os.environ.get("TENCENT_CI_DIST"):
        return ROOT / given
    return build(copy_of_the_tree(tmp_path_factory.mktemp("tree")))


@pytest.fixture(scope="session")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(built / f"{NAME}-py3-none-any.whl")


@pytest.fixture(scope="session")
def unpacked(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sdist")
    with tarfile.open(built / f"{NAME}.tar.gz") as archive:
        archive.extractall(place, filter="data")
    return place / NAME


@pytest.fixture(scope="session")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_bytes(wheel.read(f"{NAME}.dist-info/METADATA"))


def test_there_is_one_sdist_and_one_wheel(built):
    archives = {path.name for path in built.iterdir() if path.name != ".gitignore"}
    assert archives == {f"{NAME}.tar.gz", f"{NAME}-py3-none-any.whl"}


def test_the_wheel_contains_only_the_package_with_its_data(wheel):
    package = {name for name in tracked_files() if name.startswith("airflow_provider_tencent_ci/")}
    about = ["METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE"]
    assert set(wheel.namelist()) == package | {f"{NAME}.dist-info/{name}" for name in about}


def test_the_command_of_the_readme_builds_this_wheel(wheel, tmp_path):
    [words] = [words for words in map(shlex.split, snippet("install.sh").splitlines()) if words[1] == "wheel"]
    tree = copy_of_the_tree(tmp_path / "tree")
    shutil.rmtree(tree / "build")  # which a clone does not have
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words[1 : words.index("#")]]
    done = subprocess.run(pip, cwd=tree, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    [found] = (tree / "dist").glob("*.whl")
    assert sorted(zipfile.ZipFile(found).namelist()) == sorted(wheel.namelist())


def test_the_wheel_is_marked_as_typed(wheel):
    assert "airflow_provider_tencent_ci/py.typed" in wheel.namelist()


def test_the_sdist_contains_only_the_project(unpacked):
    packed = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    made = {name for name in packed if ".egg-info/" in name} | {"PKG-INFO"}
    assert packed - made == tracked_files()


def test_the_sdist_contains_no_big_file(unpacked):
    sizes = {path: path.stat().st_size for path in unpacked.rglob("*") if path.is_file()}
    assert not {path: size for path, size in sizes.items() if size > LARGEST_FILE_BYTES}


def test_all_tests_load_from_an_unpacked_sdist(unpacked):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "--quiet", "-p", "no:cacheprovider"],
        cwd=unpacked, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(re.findall(r"(\d+) tests? collected", done.stdout)[0]) > 1000


def test_make_finds_all_its_files_in_an_unpacked_sdist(unpacked):
    done = subprocess.run(
        ["make", "--dry-run", "test", "lint", "typecheck", "demo"],
        cwd=unpacked, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_package_indexes_accept_both_archives(built):
    archives = sorted(str(path) for path in built.glob("airflow_provider*"))
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", *archives],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_description_links_to_files_of_this_version(metadata):
    html = MarkdownIt("commonmark").render(metadata.get_payload())
    targets = re.findall(r'(?:href|src)="([^"]+)"', html)
    ours = [target for target in targets if target.startswith(REPOSITORY) or "githubusercontent" in target]
    assert ours
    for target in targets:
        assert target.startswith(("https://", "#")), target
    for target in ours:
        _, found, path = target.partition(f"/v{__version__}/")
        assert found, target
        assert (ROOT / path.partition("#")[0]).exists(), target


def load_setup_py():
    specification = importlib.util.spec_from_file_location("setup_py", ROOT / "setup.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


PAGES = f"{REPOSITORY}/blob/v1/"
RAW = "https://raw.githubusercontent.com/airflow-provider-tencent-ci/airflow-provider-tencent-ci/v1/"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[errors](docs/errors.md)", f"[errors]({PAGES}docs/errors.md)"),
        ("[a code](docs/errors.md#codes)", f"[a code]({PAGES}docs/errors.md#codes)"),
        ("[here](./docs/errors.md)", f"[here]({PAGES}docs/errors.md)"),
        ("[`example_dags/`](example_dags)", f"[`example_dags/`]({PAGES}example_dags)"),
        ("![form](docs/form.png)", f"![form]({RAW}docs/form.png)"),
        ("[![form](docs/form.png)](docs/ui.md)", f"[![form]({RAW}docs/form.png)]({PAGES}docs/ui.md)"),
        ('<img src="docs/form.svg" width="1">', f'<img src="{RAW}docs/form.svg" width="1">'),
        ('<a href="README.zh-CN.md">', f'<a href="{PAGES}README.zh-CN.md">'),
        ("[section](#install)", "[section](#install)"),
        ("[service](https://cloud.tencent.com/)", "[service](https://cloud.tencent.com/)"),
        ("```python\nsteps[name](job)\n```", "```python\nsteps[name](job)\n```"),
        ("```sh\n[a](b)\n```\n[a](b.md)", f"```sh\n[a](b)\n```\n[a]({PAGES}b.md)"),
    ],
)
def test_relative_links_become_absolute(written, shown):
    assert load_setup_py().with_absolute_links(written, REPOSITORY, "v1") == shown


def test_the_metadata_contain_the_fields_that_registries_read(metadata):
    classifiers = metadata.get_all("Classifier")
    assert {"Framework :: Apache Airflow", "Framework :: Apache Airflow :: Provider", "Typing :: Typed"} <= {
        *classifiers
    }
    urls = dict(url.split(", ") for url in metadata.get_all("Project-URL"))
    assert set(urls) >= {"Documentation", "Source", "Changelog", "Issues"}
    assert urls["Source"] == REPOSITORY
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Version"] == __version__


def test_the_wheel_can_be_built_again_byte_by_byte(built, tmp_path):
    if "TENCENT_CI_DIST" in os.environ:
        pytest.skip("dist/ has the time of its commit")
    again = build(copy_of_the_tree(tmp_path))
    name = f"{NAME}-py3-none-any.whl"
    assert (again / name).read_bytes() == (built / name).read_bytes()
