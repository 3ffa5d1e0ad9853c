"""
Checks the open questions of the documentation with the real service, and writes a report. It submits a few jobs over
one small object and over prefixes without objects, and ends all of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

try:
    from showcase import interrupts
    from showcase.display import Display
    from showcase.failures import Interrupted

    from tests.live.failures import Unprepared
    from tests.live.settings import CONNECTION_VARIABLE, TEMPORARY_CONNECTION_VARIABLE, VARIABLES, Settings
except ImportError as missing:
    sys.exit(f"{missing}: this Python lacks packages that the check needs. Try: make test-live")

if TYPE_CHECKING:
    from tests.live.findings import Question
    from tests.live.service import Service

_UNPREPARED = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the check; return the exit status."""
    options = _parser().parse_args(argv)
    display = Display()
    interrupts.listen()
    try:
        with ExitStack() as cleanup:
            return _check(options, display, cleanup)
    except Unprepared as failure:
        display.error(str(failure))
        return _UNPREPARED
    except Interrupted as interrupt:
        display.say("Interrupted.")
        return 128 + interrupt.number


def _check(options: argparse.Namespace, display: Display, cleanup: ExitStack) -> int:
    cleanup.enter_context(_airflow_home())
    if options.emulator:
        from tests.live.emulated import emulated_environment

        os.environ.update(cleanup.enter_context(emulated_environment()))
    elif options.connection_file:
        os.environ[CONNECTION_VARIABLE] = _read(options.connection_file)
    settings = _settings(options)
    _check_place(options.output)
    service = cleanup.enter_context(_service("tencent_ci_default"))
    from tests.live import running

    if options.sweep:
        return running.sweep(service, settings, display)
    questions = _questions(options.only)
    _agree(settings, questions, display, agreed=options.yes or options.emulator)
    temporary = None
    if TEMPORARY_CONNECTION_VARIABLE in os.environ:
        temporary = cleanup.enter_context(_service("tencent_ci_temporary"))
    place, shown = options.output, options.show_names
    outcome = running.run(settings, service, questions, display, temporary=temporary, directory=place, show_names=shown)
    return outcome.status


def _settings(options: argparse.Namespace) -> Settings:
    """
    Read the settings.

    :raises Unprepared: a setting is missing; the message says how to set it.
    """
    lacking = (
        [] if CONNECTION_VARIABLE in os.environ else [f"  {CONNECTION_VARIABLE}: the connection (docs/connection.md)"]
    )
    limits = {"poll_seconds": 0.3, "wait_seconds": 30.0, "end_seconds": 30.0} if options.emulator else {}
    environment = dict(os.environ)
    if options.sweep:  # which needs only the connection
        environment |= dict.fromkeys((VARIABLES["workflow_id"][0], VARIABLES["object_key"][0]), "none")
    try:
        settings = Settings.read(environment, **limits)
    except Unprepared as failure:
        raise Unprepared("\n".join([str(failure), *lacking, "See docs/live_check.md."])) from None
    if lacking:
        raise Unprepared("\n".join(["Missing in the environment:", *lacking, "See docs/live_check.md."]))
    return settings


def _check_place(directory: Path) -> None:
    """Check that the report can be written, before anything is submitted."""
    if not os.access(directory, os.W_OK | os.X_OK) or not directory.is_dir():
        raise Unprepared(f"The report cannot be written to {directory}: it is no directory, or not a writable one.")


@contextmanager
def _service(conn_id: str) -> Iterator[Service]:
    """Read a connection and check that it works, before anything is submitted."""
    from airflow_provider_tencent_ci.exceptions import InvalidArgumentError
    from airflow_provider_tencent_ci.hooks.tencent_ci import TencentCIHook
    from tests.live.service import Service

    with TencentCIHook(conn_id) as hook:
        try:
            config = hook.config
        except InvalidArgumentError as error:
            raise Unprepared(str(error)) from None
        works, message = hook.test_connection()
    if not works:
        raise Unprepared(f"The connection {conn_id} does not work. {message}")
    service = Service(config)
    try:
        yield service
    finally:
        service.close()


def _questions(only: str) -> Sequence[Question]:
    from tests.live.questions import QUESTIONS

    if not only:
        return QUESTIONS
    wanted = {number.strip() for number in only.split(",")}
    if unknown := sorted(wanted - {str(question.number) for question in QUESTIONS}):
        raise Unprepared(f"There is no question {', '.join(unknown)}; there are 1 to {len(QUESTIONS)}.")
    return [question for question in QUESTIONS if str(question.number) in wanted]


def _agree(settings: Settings, questions: Sequence[Question], display: Display, *, agreed: bool) -> None:
    """
    Print the highest cost of the run, and ask for agreement.

    :raises Unprepared: the user did not agree.
    """
    from tests.live.check import cost_of, orders_of

    cost = cost_of(questions, settings)
    orders = {order.key: order for order in orders_of(questions) if not settings.lacks(order.needs)}
    rows = [(order.key, str(order.files), order.purpose) for order in orders.values()]
    display.table("What is submitted at most, each once", ("job", "files", "what"), rows)
    display.paragraph(
        f"Questions: {len(questions)}. Jobs, at most: {cost.jobs}. Files that they process, at most: {cost.files}, for "
        "which the account is billed as for any other."
    )
    if agreed:
        return
    if not sys.stdin.isatty():
        raise Unprepared("Nothing was submitted. Agree to it with --yes: make test-live ARGS=--yes")
    try:
        said = display.console.input("Type yes to start: ")
    except EOFError:
        said = ""
    if said.strip() != "yes":
        raise Unprepared("Nothing was submitted.")


@contextmanager
def _airflow_home() -> Iterator[None]:
    """Give Airflow its own home before it is imported, so that it creates none in the user's home."""
    with tempfile.TemporaryDirectory(prefix="live-check-", ignore_cleanup_errors=True) as home:
        os.environ.setdefault("AIRFLOW_HOME", home)
        os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "WARNING")
        yield


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unprepared(f"The connection cannot be read: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make test-live", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="agree to what it costs")
    parser.add_argument("--only", default="", metavar="7,8,…", help="check these questions only")
    parser.add_argument("--connection-file", type=Path, help=f"a file with the value of {CONNECTION_VARIABLE}")
    parser.add_argument("--output", type=Path, default=Path(), help="the directory for the report (default: here)")
    parser.add_argument("--show-names", action="store_true", help="leave bucket, keys and ids in the report")
    parser.add_argument("--sweep", action="store_true", help="only end jobs that earlier runs left behind")
    parser.add_argument("--emulator", action="store_true", help="check an emulator, which costs nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
