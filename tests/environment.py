"""The environment variables of this process, which a running Airflow is started from."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

__all__ = ["environment_put_back"]


@contextlib.contextmanager
def environment_put_back(**variables: str) -> Iterator[None]:
    """
    Set variables for the processes to come, and put the environment back at the end, new variables included.

    A stack writes its settings into this process's environment.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
