"""The common part of all commands: their hook, and their end."""

from __future__ import annotations

import functools
import os
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_tencent_ci.cli.streams import output_apart, say
from airflow_provider_tencent_ci.exceptions import TencentCIError
from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
from airflow_provider_tencent_ci.notifications.advice import CommandPlace

__all__ = ["CommandError", "command", "command_place", "opened_hook"]

_INTERRUPTED = 130  # as in a shell


class CommandError(Exception):
    """A command failed; the message contains the reason."""


def command(function: Callable[[Namespace], None]) -> Callable[[Namespace], None]:
    """End a command: an error is one line on stderr and exit status 1, and with ``--verbose`` a traceback, too."""

    @functools.wraps(function)
    def run(args: Namespace) -> None:
        try:
            with output_apart(), warnings.catch_warnings():
                if not args.verbose:
                    warnings.simplefilter("ignore", DeprecationWarning)  # log lines of Airflow's own modules
                function(args)
        except (CommandError, TencentCIError) as error:
            if args.verbose:
                traceback.print_exc()
            say(f"Error: {error}")
            raise SystemExit(1) from None
        except KeyboardInterrupt as interrupt:
            say(str(interrupt) or "Interrupted.")
            raise SystemExit(_INTERRUPTED) from None
        except BrokenPipeError:  # the reader of the output has closed it
            raise SystemExit(1) from None

    return run


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
