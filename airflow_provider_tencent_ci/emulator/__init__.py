"""
An emulator of Cloud Infinite's batch jobs, for tests and for trials without an account.

.. code-block:: python

    from airflow_provider_tencent_ci.emulator import Emulator

    with Emulator() as emulator:
        ...

It is a real HTTP server. It checks signatures, keeps jobs that run by a clock which tests can put forward, and fails in
the ways of a real service. Other ways to start it: ``python -m airflow_provider_tencent_ci.emulator``, and the fixtures
for pytest in ``emulator.pytest_plugin``.

The rooms, each of which imports the rooms below it only:

.. code-block:: text

    cli, pytest_plugin          ways to start an emulator
    emulator                    an emulator: controls, a server, and a connection to it
    control                     everything that a test sets up, causes and reads
    http                        from a socket to the service and back
    faults | answers | auth     injected errors | the XML of answers | signatures and keys
    contract                    what is assumed of the real service, and what was seen of it
    model                       the service without HTTP: buckets, batches, time
    protocol                    requests, answers, errors and times, which all rooms share

It shares four modules with the client: the signatures of ``core.wire.signing`` and ``core.wire.tc3``, the key pair that
signing takes (``core.wire.request_credentials``), and the XML writer of ``core.wire.xml``. It must not import more: a
mistake that client and emulator share is one that no test finds.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.emulator.contract.contract import Contract, ContractError
    from airflow_provider_tencent_ci.emulator.control.summaries import FileSummary, JobSummary
    from airflow_provider_tencent_ci.emulator.emulator import Emulator
    from airflow_provider_tencent_ci.emulator.faults.fault_catalogue import ActiveFault, Fault, FaultKind
    from airflow_provider_tencent_ci.emulator.http.request_log import RecordedRequest
    from airflow_provider_tencent_ci.emulator.model.settings import Behaviour

__all__ = [
    "ActiveFault",
    "Behaviour",
    "Contract",
    "ContractError",
    "Emulator",
    "Fault",
    "FaultKind",
    "FileSummary",
    "JobSummary",
    "RecordedRequest",
]

# Imported when asked for: every run of pytest loads the plugin, and most runs need no server.
_HOMES = {
    "ActiveFault": "faults.fault_catalogue",
    "Behaviour": "model.settings",
    "Contract": "contract.contract",
    "ContractError": "contract.contract",
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
