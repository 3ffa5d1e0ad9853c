"""The cost of reading a page of jobs, and the inputs that a reader refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from defusedxml.ElementTree import fromstring

from airflow_provider_tencent_ci.core.api.job_requests import JobFilter, build_list, read_jobs
from airflow_provider_tencent_ci.core.wire.messages import Response
from airflow_provider_tencent_ci.emulator.emulator import Emulator
from benchmarks.record import Chart, Claim, Record
from benchmarks.service import fill, handed_in
from benchmarks.timing import cpu_seconds_each, medians_of_turns

__all__ = ["DISTRIBUTIONS", "measure", "missing"]

DISTRIBUTIONS = ("cos-python-sdk-v5", "defusedxml")

OURS, SDK, PARSER = "this package, into values", "official SDK, into dictionaries", "defusedxml, into elements"

Reader = Callable[[bytes], object]

# All of them are small, so that a reader without limits survives the measurement.
_HOSTILE = {
    "a DTD": '<!DOCTYPE Response SYSTEM "http://127.0.0.1:9/x.dtd"><Response/>',
    "an entity": '<!DOCTYPE Response [<!ENTITY a "aaaa">]><Response><NextToken>&a;</NextToken></Response>',
    "nested entities": (
        '<!DOCTYPE Response [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>'
        "<Response><NextToken>&c;</NextToken></Response>"
    ),
    "an external entity": (
        '<!DOCTYPE Response [<!ENTITY a SYSTEM "file:///etc/hostname">]><Response><NextToken>&a;</NextToken></Response>'
    ),
    "a parameter entity": "<!DOCTYPE Response [<!ENTITY % a \"<!ENTITY b 'c'>\"> %a;]><Response/>",
}

_METHOD = """\
The processor time of turning the bytes of one page into the caller's values, thirty times in a row; the median of
fifteen runs of each, in turn. A page has at most 100 jobs, so more jobs are more pages.

The values of this package are complete: they contain times, states and the whole request of a job. The SDK's reader
writes the elements as a text of Python and evaluates that text. The last row counts how many of some documents with a
DTD or entities, which no service sends but an attacker on the network may, each reader refuses.
"""


def missing() -> None:
    """It needs nothing special; the SDK comes with the extra ``test``."""


def measure(quick: bool) -> Record:
    """Read pages of 1, 10 and 100 jobs, as the emulator writes them."""
    turns, times = (1, 2) if quick else (15, 30)
    pages = {size: _page(size) for size in (1, 10, 100)}
    readers = {OURS: _ours, SDK: _sdk_reader(), PARSER: _parser}
    found = {size: _microseconds(readers, page, times, turns) for size, page in pages.items()}
    refused = {name: sum(_refuses(reader, text) for text in _HOSTILE.values()) for name, reader in readers.items()}
    return Record(
        name="reading",
        title="Reading a page of jobs",
        method=_METHOD,
        columns=("jobs in the page", *(f"{name}, µs" for name in readers)),
        rows=[
            *((size, *(round(figures[name]) for name in readers)) for size, figures in found.items()),
            ("hostile documents refused", *(f"{refused[name]} of {len(_HOSTILE)}" for name in readers)),
        ],
        claims=_claims(found[100], refused),
        chart=Chart("bars", "processor time to read a page of 100 jobs, µs", found[100]),
        quick=quick,
    )


def _claims(figures: dict[str, float], refused: dict[str, int]) -> list[Claim]:
    return [
        Claim(
            f"faster than the SDK's reader ({figures[SDK] / 1e3:.1f} ms)",
            f"{figures[OURS] / 1e3:.1f} ms; defusedxml alone {figures[PARSER] / 1e3:.1f} ms",
            figures[OURS] < figures[SDK],
        ),
        Claim(
            f"as safe as defusedxml ({refused[PARSER]} hostile documents refused)",
            f"{refused[OURS]} refused; SDK {refused[SDK]}",
            refused[OURS] == refused[PARSER] == len(_HOSTILE),
        ),
    ]


def _page(size: int) -> bytes:
    now = datetime.now(UTC)
    emulator = Emulator(objects=1, submitted_seconds=0, run_seconds=24 * 3600)
    fill(emulator, size, now)
    body = handed_in(emulator, build_list(JobFilter()), now).body
    assert len(read_jobs(Response(200, {}, body, now)).items) == size
    return body


def _microseconds(readers: dict[str, Reader], page: bytes, times: int, turns: int) -> dict[str, float]:
    ways = {
        name: lambda reader=reader: cpu_seconds_each(lambda _number: reader(page), times) * 1e6
        for name, reader in readers.items()
    }
    return medians_of_turns(ways, turns)


def _ours(body: bytes) -> object:
    return read_jobs(Response(200, {}, body, datetime.min.replace(tzinfo=UTC)))


def _parser(body: bytes) -> object:
    return fromstring(body, forbid_dtd=True)


def _sdk_reader() -> Reader:
    from qcloud_cos.cos_comm import format_dict, xml_to_dict

    return lambda body: format_dict(xml_to_dict(body), ["JobsDetail"])


def _refuses(reader: Reader, text: str) -> bool:
    try:
        reader(text.encode())
    except Exception:  # any error counts as a refusal
        return True
    return False
