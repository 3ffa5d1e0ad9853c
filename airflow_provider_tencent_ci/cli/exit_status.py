"""
The end of a command, and its exit status: 0, 1 for an error, 130 if a user interrupts it.

Wrong arguments end with argparse's 2 before a command begins.
"""

from __future__ import annotations

import functools
import traceback
import warnings
from argparse import Namespace
from collections.abc import Callable

from airflow_provider_tencent_ci.cli.streams import output_apart, say
from airflow_provider_tencent_ci.exceptions import TencentCIError

__all__ = ["CommandError", "command"]

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
