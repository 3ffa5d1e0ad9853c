"""How the emulated service behaves: all groups of switches, and the way from a switch's name to its group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from airflow_provider_tencent_ci.emulator.model.switches import (
    AnswerForm,
    Cancellation,
    FileFailures,
    JobRun,
    Lists,
    RequestRules,
    ServiceTime,
    SignatureRules,
    TemporaryKeys,
)

__all__ = ["GROUP_OF_SWITCH", "Behaviour"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """
    The switches of a server, or of one bucket. The defaults follow the service's documents.

    :param jobs: how jobs run.
    :param files: which files fail.
    :param cancellation: how a job is cancelled.
    :param lists: the content of lists.
    :param requests: which requests are accepted.
    :param signatures: which signatures are accepted.
    :param clock: how far the service's clock is off.
    :param keys: how long temporary keys live.
    :param answers: how answers are written.
    """

    jobs: JobRun = field(default_factory=JobRun)
    files: FileFailures = field(default_factory=FileFailures)
    cancellation: Cancellation = field(default_factory=Cancellation)
    lists: Lists = field(default_factory=Lists)
    requests: RequestRules = field(default_factory=RequestRules)
    signatures: SignatureRules = field(default_factory=SignatureRules)
    clock: ServiceTime = field(default_factory=ServiceTime)
    keys: TemporaryKeys = field(default_factory=TemporaryKeys)
    answers: AnswerForm = field(default_factory=AnswerForm)

    def changed(self, **switches: Any) -> Behaviour:
        """
        Return a copy with other values.

        :param switches: values by the names of switches, without their groups.
        :raises ValueError: there is no such switch, or it has no such value.
        """
        if unknown := sorted(switches.keys() - GROUP_OF_SWITCH.keys()):
            raise ValueError(f"No such switch: {', '.join(unknown)}. There are: {', '.join(sorted(GROUP_OF_SWITCH))}.")
        changes: dict[str, dict[str, Any]] = {}
        for name, value in switches.items():
            changes.setdefault(GROUP_OF_SWITCH[name], {})[name] = value
        groups = {group: replace(getattr(self, group), **values) for group, values in changes.items()}
        return replace(self, **groups)

    def flat(self) -> dict[str, Any]:
        """Return the values by the names of switches, without their groups."""
        return {name: value for group in asdict(self).values() for name, value in group.items()}


def _group_of_switch() -> Mapping[str, str]:
    behaviour = Behaviour()
    groups = {group.name: getattr(behaviour, group.name) for group in fields(behaviour)}
    return MappingProxyType({switch.name: name for name, group in groups.items() for switch in fields(group)})


# From the name of a switch to the field of Behaviour that has it.
GROUP_OF_SWITCH: Mapping[str, str] = _group_of_switch()
