"""
An emulator of Cloud Infinite's batch jobs, for tests and for trying things out without an account.

.. code-block:: python

    from airflow_provider_tencent_ci.emulator import Emulator

    with Emulator() as emulator:
        ...

It is a real HTTP server that checks signatures, keeps jobs that run by a clock which tests can put forward, and
fails in the ways that a real service does. It shares nothing with the client but the signature. Also:
``python -m airflow_provider_tencent_ci.emulator``, and fixtures for pytest in ``emulator.pytest_plugin``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.emulator.control.summaries import FileSummary, JobSummary
    from airflow_provider_tencent_ci.emulator.emulator import Emulator
    from airflow_provider_tencent_ci.emulator.faults.fault_catalogue import ActiveFault, Fault, FaultKind
    from airflow_provider_tencent_ci.emulator.http.request_log import RecordedRequest
    from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = [
    "ActiveFault",
    "Behaviour",
    "Emulator",
    "Fault",
    "FaultKind",
    "FileSummary",
    "JobSummary",
    "RecordedRequest",
]

# Imported when asked for: the pytest plugin is loaded in every run of pytest, also where nobody needs a server.
_HOMES = {
    "ActiveFault": "faults.fault_catalogue",
    "Behaviour": "model.settings",
    "Emulator": "emulator",
    "Fault": "faults.fault_catalogue",
    "FaultKind": "faults.fault_catalogue",
    "FileSummary": "control.summaries",
    "JobSummary": "control.summaries",
    "RecordedRequest": "http.request_log",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
