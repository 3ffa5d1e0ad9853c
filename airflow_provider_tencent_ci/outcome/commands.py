"""Commands about a batch job that can be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_tencent_ci.core.submitting.round_request import check_one_workflow
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from airflow_provider_tencent_ci.core.api.job_records import InventoryJob
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook

__all__ = ["CommandPlace", "resubmission_advice", "resubmit_command"]

_DEFAULT_CONNECTION = "tencent_ci_default"


@dataclass(frozen=True, slots=True)
class CommandPlace:
    """
    The arguments of commands that name connection and bucket.

    :param conn_id: the connection; empty for the default one.
    :param bucket: the bucket, if it is not the connection's.
    :param region: its region, if it is not the connection's.
    """

    conn_id: str = ""
    bucket: str = ""
    region: str = ""

    @classmethod
    def of_hook(cls, hook: TencentCIHook) -> CommandPlace:
        """Return the arguments with which a command finds the bucket of a hook."""
        return cls(hook.tencent_ci_conn_id, hook.bucket or "", hook.region or "")

    def command(self, name: str, job_id: str) -> str:
        """Return a command that can be pasted into a shell."""
        given = {"--conn-id": self.conn_id, "--bucket": self.bucket, "--region": self.region}
        if self.conn_id == _DEFAULT_CONNECTION:
            del given["--conn-id"]
        options = [word for option, value in given.items() if value for word in (option, value)]
        return shlex.join(["tencent-ci", name, job_id, *options])


def resubmit_command(job: InventoryJob, place: CommandPlace) -> str:
    """Return the command that submits only the failed files of a job again; empty if it would refuse that."""
    try:
        check_one_workflow(job.operation)
    except InvalidArgumentError:
        return ""
    return place.command("resubmit", job.job_id)


def resubmission_advice(jobs: Iterable[InventoryJob], place: CommandPlace) -> str:
    """
    Return the advice to submit only the failed files of jobs again; empty if there is no command for that.

    :param jobs: those which have the failed files.
    """
    commands = filter(None, (resubmit_command(job, place) for job in jobs))
    quoted = " and ".join(f"`{command}`" for command in commands)
    return f"To submit only the failed files again: {quoted}." if quoted else ""
