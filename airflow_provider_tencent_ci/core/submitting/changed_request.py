"""The warning of a try whose request differs from the one that an earlier try has submitted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from airflow_provider_tencent_ci.core.submitting.submission_note import SubmissionNote

# Airflow warns of a stored value above 64 KB.
_MAX_NODES, _MAX_TEXT, _MAX_TOLD = 50, 100, 5


def describe_changed_request(earlier: SubmissionNote, before: Any, now: Mapping[str, str]) -> str:
    """
    Say what an earlier try submitted, what differs in this try's request, and that both are billed.

    :param earlier: the note of the earlier try.
    :param before: its :func:`node_texts` as they were stored.
    :param now: those of this try.
    """
    job = f"batch job {earlier.job_id}" if earlier.job_id else f"a batch job with the token {earlier.token} in its name"
    return (
        f"An earlier try of this task submitted {job} with another request, so this try does not look for it. "
        f"{_difference(before, now)} Files that both jobs process are billed twice. Keep values that change from try "
        "to try out of the request."
    )


def node_texts(nodes: Mapping[str, Any]) -> dict[str, str]:
    """Return the nodes of a request as short texts by their path, such as ``TimeInterval/End``; 50 at most."""
    return dict(islice(_walk("", nodes), _MAX_NODES))


def _walk(path: str, node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from _walk(f"{path}/{name}" if path else str(name), value)
    else:
        text = str(node)
        digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:8]
        yield path, text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({digest})"


def _difference(before: Any, now: Mapping[str, str]) -> str:
    if not isinstance(before, Mapping):
        return "The nodes of the earlier request were not stored, so the difference is not known."
    changed = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    told = [f"{path} was {before.get(path)!r} and is {now.get(path)!r}" for path in changed[:_MAX_TOLD]]
    return f"{'; '.join(told) or 'They differ in a node that was not noted'}."
