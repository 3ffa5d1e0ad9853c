"""Requests and answers, in a form that shows only data of this run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element, ParseError, tostring

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from airflow_provider_tencent_ci.core.wire.messages import Request, Response
from airflow_provider_tencent_ci.core.wire.service_errors import request_id_of
from airflow_provider_tencent_ci.core.wire.signing import query_string
from airflow_provider_tencent_ci.core.wire.texts import shortened

_MOST_OF_A_BODY = 1_200
# The number of requests that are shown at each end of a series of equal ones.
_SHOWN_AT_THE_END = 1


@dataclass(frozen=True, slots=True)
class Exchange:
    """
    One request with its answer, or the reason why there is none.

    :param note: how it was sent, if unusual.
    """

    request: Request
    sent_at: datetime
    response: Response | None = None
    error: str = ""
    note: str = ""

    @property
    def line(self) -> str:
        """The request line."""
        query = f"?{query_string(self.request.query)}" if self.request.query else ""
        return f"{self.request.method} {self.request.path}{query}" + (f"  ({self.note})" if self.note else "")

    def to_dict(self, own_job_ids: Collection[str], own_keys: Collection[str]) -> dict[str, Any]:
        """
        Return it as values for JSON.

        :param own_job_ids: the jobs of this run; no other job is shown.
        :param own_keys: the objects of this run; no other object is shown.
        """
        answer = self.response
        return {
            "sent_at": self.sent_at.isoformat(timespec="milliseconds"),
            "request": self.line,
            "body": _shortened(self.request.body.decode(errors="replace")),
            "status": answer.status if answer else None,
            "request_id": request_id_of(answer) if answer else "",
            "answer": _shown(answer, own_job_ids, own_keys) if answer else self.error,
        }


def condensed(exchanges: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the middle of a series of equal requests, such as polls of a running job."""
    shown: list[dict[str, Any]] = []
    for index, exchange in enumerate(exchanges):
        before, after = exchanges[max(index - 1, 0)], exchanges[min(index + _SHOWN_AT_THE_END, len(exchanges) - 1)]
        if 0 < index < len(exchanges) - 1 and before["request"] == exchange["request"] == after["request"]:
            shown[-1] = {**shown[-1], "left_out": shown[-1].get("left_out", 0) + 1}
        else:
            shown.append(exchange)
    return shown


def _shown(answer: Response, own_job_ids: Collection[str], own_keys: Collection[str]) -> str:
    if not answer.body:
        return ""
    try:
        root = fromstring(answer.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        # A truncated list may name jobs of others; an error page does not.
        text = answer.body.decode(errors="replace") if answer.status >= 300 else ""
        return _shortened(f"({len(answer.body)} bytes that are no XML) {text}")
    for entry in root.iter():
        _show_own_only(entry, own_job_ids, own_keys)
    return _shortened(tostring(root, encoding="unicode"))


def _show_own_only(entry: Element, own_job_ids: Collection[str], own_keys: Collection[str]) -> None:
    if entry.tag == "JobsDetail" and (entry.findtext("JobId") or "") not in own_job_ids:
        entry.clear()
        entry.text = "(a job of another user)"
    elif entry.tag == "Object" and not any((entry.text or "").endswith(key) for key in own_keys):
        entry.text = "(another object)"


def _shortened(text: str) -> str:
    return shortened(text, _MOST_OF_A_BODY)
