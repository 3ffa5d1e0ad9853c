"""Settings that must stand before anything imports Airflow."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from showcase.process_guard import guard_folder, release_folder

from tests.case_share import is_in_share, read_share, share_of

# The same examples in every run, without a time limit for one; fuzz/ searches at random.
settings.register_profile("tests", derandomize=True, deadline=None)
settings.load_profile("tests")

# One new home for the whole run: connections and plugins of the user's own Airflow do not reach the tests.
_HOME = tempfile.TemporaryDirectory(prefix="airflow-home-", ignore_cleanup_errors=True)
guard_folder(Path(_HOME.name))  # a test's own Airflow processes, which know the home, end with the tests
os.environ.update(
    AIRFLOW_HOME=_HOME.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__CORE__DAGS_FOLDER=os.path.join(_HOME.name, "dags"),
    AIRFLOW__LOGGING__LOGGING_LEVEL="INFO",
)
# A folder for all processes of the run: those of pytest-xdist have the environment of the first one.
os.environ.setdefault("TENCENT_CI_TEST_RUN", os.path.join(_HOME.name, "shared"))
for name in [name for name in os.environ if name.startswith("AIRFLOW_CONN_")]:
    del os.environ[name]


@pytest.fixture(autouse=True)
def nothing_of_an_earlier_emulator():
    """A later emulator may get the port of one that is gone: it has other keys and another time."""
    yield
    if hooks := sys.modules.get("airflow_provider_tencent_ci.hooks.connection_credentials"):
        hooks._credentials_cache.cache_clear()
    if names := sys.modules.get("airflow_provider_tencent_ci.hooks.extra_names"):
        names._warned.clear()
    if transport := sys.modules.get("airflow_provider_tencent_ci.transport.endpoint_state"):
        transport._clocks.clear()


_MASKERS = (
    "airflow.sdk._shared.secrets_masker.secrets_masker",
    "airflow.sdk.execution_time.secrets_masker",  # 3.0
    "airflow.utils.log.secrets_masker",  # 2.11
)


@pytest.fixture(autouse=True)
def no_secret_of_an_earlier_test():
    """Airflow masks each text that was a secret once: 2.11 also one of a single letter, then in every later text."""
    for module in filter(None, map(sys.modules.get, _MASKERS)):
        # A module that only passes names on has no masker, nor has an Airflow without its logging.
        with suppress(AttributeError, RuntimeError):
            masker = module._secrets_masker()
            masker.patterns, masker.replacer = set(), None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests and cases that another version of Airflow runs (``.ci/run``), but none of a running Airflow."""
    tests, cases = (read_share(os.environ.get(f"TENCENT_CI_{what}", "1/1")) for what in ("TESTS", "CASES"))
    shared = [item for item in items if "stack" not in item.path.parts]
    chosen = share_of([(_test_of(item), item.nodeid) for item in shared if is_in_share(_test_of(item), *tests)], *cases)
    left_out = {item for item in shared if item.nodeid not in chosen}
    config.hook.pytest_deselected(items=[*left_out])
    items[:] = [item for item in items if item not in left_out]


def _test_of(item: pytest.Item) -> str:
    """Return what all cases of a parametrized test have in common."""
    return item.nodeid.partition("[")[0]


def pytest_unconfigure(config: pytest.Config) -> None:
    _HOME.cleanup()
    release_folder(Path(_HOME.name))


@pytest.fixture
def job_id(emulator):
    """A job that was submitted to the test's own ``emulator``."""
    from airflow_provider_tencent_ci.emulator.model.defaults import WORKFLOW_ID
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

    with TencentCIHook() as hook:
        return hook.trigger_inventory_job(name="nightly", workflow_ids=WORKFLOW_ID, prefix="media/").job_id
