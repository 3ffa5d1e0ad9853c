"""The Python and the commands that README and docs show, run. (Those of the quick start: test_quick_start.py.)"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from airflow import __version__ as airflow_version
from airflow.utils.session import create_session
from sqlalchemy import text

from airflow_provider_tencent_ci.emulator.model.defaults import SECRET_ID, SECRET_KEY, WORKFLOW_ID
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from tests.cluster.cluster import SETTINGS, Cluster
from tests.live.__main__ import main as live_check
from tests.live.contract_of_run import CONTRACT_FILE
from tests.release.supported_versions import DEFAULT_AIRFLOW
from tests.runs.conftest import only_job
from tests.runs.dag_test import DATABASE, migrated_database, run_dag_file
from tests.snippets import SNIPPETS, snippet

ROOT = Path(__file__).parents[2]
IS_AIRFLOW_2 = airflow_version.startswith("2.")


def dag_file(name):
    """The text of a DAG as it is shown; on 2.11 with the import that its comment names."""
    source = snippet(name)
    return source.replace("from airflow.sdk import DAG", "from airflow import DAG") if IS_AIRFLOW_2 else source


def run_dag(name, **named):
    """Run a DAG without the time between two polls; further arguments are those of ``run_dag_file``."""
    source = dag_file(name)
    source = source.replace("wait_for_completion=True", "wait_for_completion=True, poll_interval=0.3")
    return run_dag_file(source.replace("job_id=submit.output", "job_id=submit.output, poke_interval=0.3"), **named)


def run_tests(source, folder, **variables):
    """Run tests in a folder like a user's project, and return the output of pytest."""
    (folder / "test_shown.py").write_text(source, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    settings = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=folder, env=settings)
    return done.stdout


def airflow(*words):
    """Run a command of Airflow in this process, since one of its own takes four seconds to start."""
    from airflow.cli import cli_parser

    arguments = cli_parser.get_parser().parse_args(words)
    arguments.func(arguments)


def stored(query):
    """The rows of a query in Airflow's database."""
    with create_session() as session:
        return [tuple(row) for row in session.execute(text(query))]


def commands(name):
    """The commands of a snippet without their comments, each as its words."""
    return [shlex.split(line, comments=True) for line in snippet(name).replace("\\\n", "").splitlines()]


def in_bash(name, folder):
    """The variables that a snippet sets."""
    command = (
        f"set -a; source {SNIPPETS / name}; {sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    )
    done = subprocess.run(["bash", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_the_nightly_dag_waits_for_its_job(emulator):
    ends_at = datetime(2026, 3, 1, 18, tzinfo=UTC)  # 02:00 in Shanghai
    emulator.add_objects("media/new.mp4", last_modified_at=ends_at - timedelta(hours=3))
    run = run_dag("nightly_dag.py", logical_date=ends_at + timedelta(hours=1))
    assert run.states == {"submit": "success", "wait": "success"}
    assert run.xcoms["wait"]["return_value"]["JobId"] == only_job(emulator).job_id


@pytest.mark.slow
@pytest.mark.skipif(IS_AIRFLOW_2, reason="on 2.11 the command is airflow dags backfill, which also runs the tasks")
def test_the_command_for_one_night_creates_the_run_of_this_night():
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "nightly.py").write_text(snippet("nightly_dag.py"), "utf-8")
    [[_, *words]] = commands("one_night.sh")
    airflow("dags", "reserialize")
    airflow(*words)
    runs = stored("SELECT data_interval_start, data_interval_end FROM dag_run WHERE run_type = 'backfill'")
    intervals = [tuple(str(time)[:19] for time in times) for times in runs]
    assert intervals == [("2026-01-01 18:00:00", "2026-01-02 18:00:00")]  # UTC: from 02:00 to 02:00 in Shanghai


def test_failed_files_are_resubmitted_by_hand(emulator):
    emulator.configure(failing_keys="media/0003.mp4", failing_times=1)
    assert run_dag("again_by_hand.py").state == "success"
    assert [job.files for job in emulator.jobs] == [8, 1]


def test_the_mapped_task_creates_a_job_for_each_batch(emulator):
    assert run_dag("mapped_batches.py").state == "success"
    assert len({job.name for job in emulator.jobs}) == 2


def test_the_waits_without_workers_succeed(emulator):
    assert run_dag("waiting.py").state == "success"
    assert len(emulator.jobs) == 2


def test_a_later_task_reads_the_counts_of_mapped_batches(emulator):
    emulator.configure(failing_keys="media/0002.mp4")
    run = run_dag("read_counts.py")
    assert run.xcoms["report"]["return_value"] == {"media/0001": "0 of 1 failed", "media/0002": "1 of 1 failed"}


def test_a_later_task_reads_the_failed_files_of_a_sensor_that_failed(emulator):
    emulator.add_objects("media/0002.mp4")
    emulator.configure(failing_keys="media/0002.mp4")
    run = run_dag("read_failed_files.py")
    assert (run.states["wait"], run.state) == ("failed", "success"), "the last task decides on the run"
    assert run.xcoms["list_failed"]["return_value"] == ["media/0002.mp4"]


@pytest.mark.skipif(airflow_version < "3.3", reason="retry policies came with Airflow 3.3")
def test_the_retry_policy_is_accepted(emulator):
    assert run_dag("retry_policy.py").state == "success"


@pytest.mark.slow
def test_the_tests_of_dags_pass(tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    for name in ("first_batch.py", "nightly_dag.py"):
        (dags / name).write_text(dag_file(name), "utf-8")
    places = {"AIRFLOW_HOME": str(tmp_path / "home"), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    (tmp_path / "home").mkdir()
    shutil.copyfile(migrated_database(), tmp_path / "home" / DATABASE)  # its own migration finds nothing to do
    source = snippet("test_first_batch.py") + snippet("test_night.py")
    assert "3 passed" in run_tests(source, tmp_path, **places)


def test_the_tests_with_the_emulator_pass(tmp_path):
    assert "2 passed" in run_tests(snippet("test_with_emulator.py"), tmp_path)


def test_the_test_with_a_late_service_passes(tmp_path):
    assert "1 passed" in run_tests(snippet("test_late_service.py"), tmp_path)


def test_the_test_with_a_contract_passes(tmp_path):
    assert "1 passed" in run_tests(snippet("test_contract.py"), tmp_path)


def test_a_contract_is_taken_over_by_a_command_that_exists():
    [[script, option, file]] = commands("take_contract.sh")
    assert (option, file) == ("--take", CONTRACT_FILE)
    done = subprocess.run([sys.executable, script, option, "/no/such/file"], cwd=ROOT, capture_output=True, check=False)
    assert b"The contract cannot be read" in done.stderr


def test_the_readme_s_test_passes_with_a_job_and_fails_without(tmp_path):
    source, dots = snippet("test_my_dag.py"), "...  # run the DAG: it talks to the emulator"
    assert dots in source
    job = (
        "from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook; "
        f"TencentCIHook().trigger_inventory_job(name='n', workflow_ids={WORKFLOW_ID!r}, prefix='media/'); "
        "tencent_ci_emulator.advance(seconds=60)"
    )
    assert "1 passed" in run_tests(source.replace(dots, job), tmp_path)
    assert "1 failed" in run_tests(source, tmp_path)


@pytest.mark.parametrize("target", [words[1] for words in commands("make.sh")])
def test_make_has_the_targets(target):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_install_commands_name_this_tree():
    """``tests/release/test_distributions.py`` builds the wheel with the second one."""
    assert [words[:2] for words in commands("install.sh")] == [["pip", "install"], ["pip", "wheel"]]
    assert {words[-1] for words in commands("install.sh")} == {"."}


def test_the_commands_for_a_new_environment_name_the_default_airflow():
    constraints = f"constraints/airflow-{DEFAULT_AIRFLOW}.txt"
    assert (ROOT / constraints).is_file()
    assert commands("install_new.sh") == [
        ["python3", "-m", "venv", "venv"],
        [".", "venv/bin/activate"],
        ["pip", "install", "--constraint", constraints, f"apache-airflow=={DEFAULT_AIRFLOW}", "."],
    ]


def with_keys(shown, emulator):
    shown = shown.replace("<SecretId>", SECRET_ID).replace("<SecretKey>", SECRET_KEY)
    return shown.replace('"bucket":', f'"endpoint_url": "{emulator.url}", "bucket":')


def test_the_environment_variable_defines_a_working_connection(emulator, monkeypatch, tmp_path):
    value = in_bash("connect_by_variable.sh", tmp_path)["AIRFLOW_CONN_TENCENT_CI_DEFAULT"]
    monkeypatch.setenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT", with_keys(value, emulator))
    assert TencentCIHook().test_connection()[0]


def test_the_command_creates_a_working_connection(emulator, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_TENCENT_CI_DEFAULT")
    [[_, *words]] = commands("connect_by_command.sh")
    airflow(*(with_keys(word, emulator) for word in words))
    query = "SELECT conn_type, login FROM connection WHERE conn_id = 'tencent_ci_default'"
    assert stored(query) == [("tencent_ci", SECRET_ID)]
    airflow("connections", "delete", "tencent_ci_default")  # other tests of this process share the database


def test_the_pool_counts_deferred_tasks():
    [[_, *words]] = commands("pool.sh")
    airflow(*words)
    query = "SELECT slots, include_deferred FROM slot_pool WHERE pool = 'tencent_ci'"
    assert stored(query) == [(200, True)]


def test_the_live_check_runs_as_shown(emulator, monkeypatch, tmp_path):
    """The tests of the live check run the commands that ask for input or check all questions."""
    lines = commands("live_check.sh")
    for name, value in (word.split("=", 1) for line in lines if line[0] == "export" for word in line[1:]):
        monkeypatch.setenv(name, value)
    # Without the variables of the make that runs these tests.
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "ARGS"))}
    shown = [
        subprocess.run(
            ["make", "--dry-run", "--no-print-directory", *line[1:]],
            cwd=ROOT,
            env=settings,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()[-1]
        for line in lines
        if line[0] == "make"
    ]
    arguments = [shlex.split(command.partition(" -m tests.live")[2]) for command in shown]
    assert arguments == [[], ["--only", "7,8,15"], ["--yes"], ["--emulator"]]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert live_check([*arguments[1], "--yes", "--output", str(tmp_path)]) == 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert [len(list(tmp_path.glob(f"live-report-*.{form}"))) for form in ("md", "json")] == [1, 1]
    assert 0 < len(emulator.jobs) <= 4


def test_airflow_has_the_command_that_starts_all_components():
    """The browser tests really start it."""
    from airflow.cli import cli_parser

    [[_, *words]] = commands("first_standalone.sh")
    assert callable(cli_parser.get_parser().parse_args(words).func)


@pytest.mark.parametrize("part", ["command", "comment"])
def test_the_emulator_starts_with_both_commands(part):
    command, _, comment = snippet("emulator.sh").partition("# or: ")
    words = shlex.split((command if part == "command" else comment).replace("8090", "0"))
    found = sys.executable if words[0] == "python" else Path(sys.executable).parent / words[0]
    process = subprocess.Popen([found, *words[1:]], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert "listens on" in process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_the_settings_of_the_cluster_match_those_of_its_tests(tmp_path):
    (tmp_path / "connection.json").write_text(snippet("connections/keys.json"), "utf-8")
    found = in_bash("cluster_settings.sh", tmp_path)
    names = {name for name in found if name.startswith("AIRFLOW__")} - set(os.environ)
    assert names - set(SETTINGS) == {"AIRFLOW__CELERY__BROKER_URL", "AIRFLOW__TRIGGERER__CAPACITY"}
    assert found["AIRFLOW__CORE__EXECUTOR"] == SETTINGS["AIRFLOW__CORE__EXECUTOR"]
    assert json.loads(found["AIRFLOW_CONN_TENCENT_CI_DEFAULT"])["conn_type"] == "tencent_ci"


def test_the_components_of_the_cluster_match_those_of_its_tests():
    shown = {tuple(words[1:]) for words in commands("cluster_components.sh")}
    assert shown == {tuple(word for word in command[:2] if word[0] != "-") for command in Cluster.commands}


def test_the_values_of_the_chart_match_the_variables(tmp_path):
    (tmp_path / "connection.json").write_text(snippet("connections/keys.json"), "utf-8")
    variables = in_bash("cluster_settings.sh", tmp_path)
    both = [yaml.safe_load(snippet(f"kubernetes/{name}.yaml")) for name in ("values", "celery")]
    assert both[-1]["executor"] == variables["AIRFLOW__CORE__EXECUTOR"]
    shown = {
        f"AIRFLOW__{section}__{option}".upper(): str(value)
        for values in both
        for section, options in values["config"].items()
        for option, value in options.items()
    }
    of_the_chart = {"AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CELERY__BROKER_URL"}
    wanted = {name for name in variables if name.startswith("AIRFLOW__")} - set(os.environ) - of_the_chart
    assert {name: shown[name] for name in wanted} == {name: variables[name] for name in wanted}
    [secret] = both[0]["secret"]
    assert secret["envName"] == "AIRFLOW_CONN_TENCENT_CI_DEFAULT"


def test_the_commands_of_the_chart_name_the_secret_and_the_file_of_values():
    """They are not run: no Kubernetes is at hand, as the page says."""
    secret, install = commands("kubernetes/install.sh")
    [wanted] = yaml.safe_load(snippet("kubernetes/values.yaml"))["secret"]
    assert secret[:5] == ["kubectl", "create", "secret", "generic", wanted["secretName"]]
    assert re.fullmatch(rf"--from-file={wanted['secretKey']}=\S+\.json", secret[5])
    assert install[-1] == "values.yaml"
