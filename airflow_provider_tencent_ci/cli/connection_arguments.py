"""The arguments of all commands that name a connection, a bucket and a region, and the hook that they make."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_tencent_ci.cli.exit_status import CommandError
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.outcome.commands import CommandPlace

__all__ = ["command_place", "opened_hook"]


@contextmanager
def opened_hook(args: Namespace) -> Iterator[TencentCIHook]:
    """
    Return the hook of the connection, bucket and region that the arguments name.

    :raises CommandError: there is no such connection, or it cannot be read.
    :raises InvalidArgumentError: it is not valid; the message names the field.
    """
    # As `airflow connections` does: else Airflow 3.1 and later do not read their database.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    with TencentCIHook(args.conn_id, bucket=args.bucket, region=args.region) as hook:
        _read_connection(hook)
        yield hook


def command_place(args: Namespace) -> CommandPlace:
    """Return the arguments with which another command finds the same bucket."""
    return CommandPlace(args.conn_id, args.bucket or "", args.region or "")


def _read_connection(hook: TencentCIHook) -> None:
    try:
        _ = hook.config
    except TencentCIError:
        raise
    except Exception as error:  # its text may contain the connection
        conn_id = hook.tencent_ci_conn_id
        raise CommandError(
            f"Connection {conn_id!r} cannot be read ({type(error).__name__}). Is it defined? "
            f"`airflow connections get {conn_id}` has details."
        ) from error
