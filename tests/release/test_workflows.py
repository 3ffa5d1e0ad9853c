"""The workflows agree with the rest of the project; ``make lint`` checks their syntax and safety."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def load(path):
    return yaml.safe_load(path.read_text("utf-8"))


def jobs(name):
    return load(ROOT / ".github" / "workflows" / f"{name}.yml")["jobs"]


def all_jobs():
    return [
        pytest.param(job, id=f"{path.stem}-{name}") for path in WORKFLOWS for name, job in load(path)["jobs"].items()
    ]


def steps(job):
    return job.get("steps", [])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_make_target_of_a_workflow_exists(path):
    targets = {target for line in commands(path) for target in re.findall(r"\bmake ([a-z-]+)", line)}
    targets |= {target for job in load(path)["jobs"].values() for target in matrix(job).get("target", [])}
    assert targets or path.stem == "release"
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_script_of_a_workflow_is_executable(path):
    for script in {word for line in commands(path) for word in re.findall(r"(?:^|\s)((?:\.ci|scripts)/\S+)", line)}:
        assert (ROOT / script).stat().st_mode & 0o111, script


def commands(path):
    return [step["run"] for job in load(path)["jobs"].values() for step in steps(job) if "run" in step]


def matrix(job):
    return job.get("strategy", {}).get("matrix", {})


@pytest.mark.parametrize("job", all_jobs())
def test_every_job_has_a_time_limit(job):
    assert "uses" in job or 0 < job["timeout-minutes"] <= 120


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_no_workflow_needs_a_secret_or_may_write_by_default(path):
    assert "secrets" not in path.read_text("utf-8").replace("Needs no secrets.", "")
    assert load(path)["permissions"] == {"contents": "read"}


def test_a_branch_passes_only_when_every_job_passes():
    everything = jobs("ci")
    assert set(everything["passed"]["needs"]) == set(everything) - {"passed"}


def needed(everything, name):
    direct = everything[name].get("needs", [])
    direct = [direct] if isinstance(direct, str) else direct
    return {*direct, *(further for other in direct for further in needed(everything, other))}


def test_nothing_is_published_without_tests_and_attestation():
    release = jobs("release")
    assert needed(release, "pypi") == {"version", "checks", "build", "provenance"}
    assert needed(release, "page") >= {"pypi"}
    assert release["checks"]["uses"] == "./.github/workflows/ci.yml"
    assert "workflow_call" in load(ROOT / ".github" / "workflows" / "ci.yml")[True]  # YAML 1.1 reads "on" as true


def test_only_jobs_that_sign_or_publish_get_an_identity():
    release = jobs("release")
    identified = {name for name, job in release.items() if "id-token" in job.get("permissions", {})}
    assert identified == {"provenance", "pypi"}
    assert release["pypi"]["environment"] == "pypi"


def test_the_published_archives_are_built_once():
    builders = [name for name, job in jobs("release").items() if any("make build" in str(step) for step in steps(job))]
    assert builders == ["build"]
    for name in ("provenance", "pypi"):
        uses = [step.get("uses", "") for step in steps(jobs("release")[name])]
        assert uses[0].startswith("actions/download-artifact@")
        assert not any("checkout" in use for use in uses)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_an_action_has_one_version_everywhere(path):
    pattern = re.compile(r"uses: ([\w/.-]+)@([0-9a-f]{40}) # (v[\d.]+)$", re.MULTILINE)
    files = [*WORKFLOWS, ROOT / ".github" / "actions" / "python" / "action.yml"]
    everywhere = {use for file in files for use in pattern.findall(file.read_text("utf-8"))}
    assert len({action for action, _, _ in everywhere}) == len(everywhere)
    remote = re.findall(r"uses: (?!\./)(.+)$", path.read_text("utf-8"), re.MULTILINE)
    assert len(remote) == len(pattern.findall(path.read_text("utf-8")))
