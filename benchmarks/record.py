"""The result of a measurement, stored as JSON; the page and the pictures are made from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Chart", "Claim", "Figure", "Record", "read_records", "write_record"]

Figure = str | int | float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """
    A target and its result.

    :param wanted: the target in words.
    :param found: the result in words, with the figure.
    """

    wanted: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """
    The figures that are drawn: curves over a number of jobs (both axes logarithmic), or bars.

    :param kind: ``curves`` or ``bars``.
    :param x_label: what the curves run over; not used for bars.
    :param series: by name: points of a curve, or the one height of a bar.
    """

    kind: str
    y_label: str
    series: Mapping[str, Sequence[tuple[float, float]] | float]
    x_label: str = "waiting jobs"


@dataclass(frozen=True, slots=True)
class Record:
    """
    One measure's outcome.

    :param name: of the measure, and of its files.
    :param title: the heading on the page.
    :param method: the method, so that readers can judge the result; Markdown.
    :param columns: of the table.
    :param rows: of the table.
    :param claims: the targets and their results.
    :param quick: whether it ran with few jobs only, so its figures mean nothing.
    :param machine: where and when it ran, see :func:`benchmarks.machine.describe`.
    """

    name: str
    title: str
    method: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Figure]]
    claims: Sequence[Claim]
    chart: Chart
    quick: bool
    machine: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> Record:
        """Read what :func:`write_record` wrote."""
        claims = [Claim(**claim) for claim in written["claims"]]
        return cls(**{**written, "claims": claims, "chart": Chart(**written["chart"])})


def write_record(record: Record, folder: Path) -> None:
    """Store a record, and replace the earlier one of this measurement."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), indent=1, ensure_ascii=False)
    (folder / f"{record.name}.json").write_text(text + "\n", "utf-8")


def read_records(folder: Path, names: Sequence[str]) -> list[Record]:
    """Return the existing records, in the order of ``names``."""
    paths = [folder / f"{name}.json" for name in names]
    return [Record.from_dict(json.loads(path.read_text("utf-8"))) for path in paths if path.exists()]
