"""
Names of batch jobs.

A name has at most 128 characters: Chinese characters, Latin letters, digits, ``-`` and ``_`` (docs/service.md, 2.1).
Whether the service counts characters or bytes is not documented: names made here are short in both, names given by
the user are checked in characters.
"""

from __future__ import annotations

import re

from airflow_provider_tencent_ci.core.wire.texts import text_argument
from airflow_provider_tencent_ci.exceptions import InvalidArgumentError

MAX_NAME_LENGTH = 128

# Limits in bytes: for the readable part of a mapped task's name, and for the label at the end of this part. There is
# room for a token and for "-again-2".
_MOST_OF_MAPPED = 100
_MOST_OF_LABEL = 48

# The documentation says "Chinese" and no more: the unified ideographs with extension A are taken as safe.
_SAFE = "A-Za-z0-9_\\-\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile("-[0-9a-f]{16}$")
_NOT_SAFE = re.compile(f"[^{_SAFE}]+")

# The service may also take the other characters that Unicode calls Han, and the dash that the page prints.
_NOT_ALLOWED = re.compile(
    f"[^{_SAFE}\u2014\u2e80-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\uf900-\ufaff\U00020000-\U0003ffff]"
)


def check_name(name: str) -> str:
    """
    Return ``name`` if the service takes it as it stands. A whole number becomes its text.

    :raises InvalidArgumentError: it is no text, is empty, too long or has other characters.
    """
    if name is None or name == "":
        raise InvalidArgumentError("name is empty: a batch job needs a name.")
    name = text_argument("name", name)
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidArgumentError(
            f"name has {len(name)} characters; the service takes at most {MAX_NAME_LENGTH}: {name!r}."
        )
    if found := _NOT_ALLOWED.search(name):
        raise InvalidArgumentError(
            f"name={name!r} contains {found[0]!r}; only Chinese characters, Latin letters, digits, '-' and '_' "
            "are allowed."
        )
    return name


def readable_name(text: str) -> str:
    """Reduce any text to safe characters: each run of others becomes one ``_``; never empty."""
    return _reduced(text) or "job"


def mapped_name(readable: str, map_index: int, reads: str) -> str:
    """
    Return the readable part of the name for one of several mapped tasks.

    Its end tells them apart, so a name that is too long loses a part before that.

    :param reads: the prefix, manifest, list or object that the job reads; ``""`` if it is not known.
    """
    label = _cut("-".join(filter(None, (str(map_index), _reduced(reads)))), _MOST_OF_LABEL)
    return f"{_cut(readable_name(readable), _MOST_OF_MAPPED - 1 - len(label.encode()))}-{label}"


def readable_part(name: str) -> str:
    """Return what :func:`name_with_token` was given; a name without a token is one as a whole."""
    return _TOKEN.sub("", name)


def name_with_token(readable: str, token: str) -> str:
    """Return ``<readable>-<token>``, the readable part cut so that the whole is at most 128 bytes of UTF-8."""
    room = MAX_NAME_LENGTH - len(token) - 1
    return f"{_cut(readable, room)}-{token}"


def _reduced(text: str) -> str:
    return _NOT_SAFE.sub("_", text).strip("_")


def _cut(text: str, most_bytes: int) -> str:
    return text.encode()[:most_bytes].decode(errors="ignore")
