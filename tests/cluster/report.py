"""The figures of a night, as Markdown."""

from __future__ import annotations

import re
from collections import Counter

from tests.cluster.figures import rate

__all__ = ["report"]


def report(night, emulator):
    """Return all figures."""
    parts = (_pace(night, emulator), _recovery(night), _memory(night), _cpu_per_job(night), _waits(night))
    return "\n\n".join(["", *("\n".join(lines) for lines in parts)])


def _pace(night, emulator):
    before, after = night.struck_at - night.began_at, night.ended_at - night.struck_at
    pace_before = night.parts_before / before.total_seconds()
    pace_after = (2 * len(night.jobs) - night.parts_before) / after.total_seconds()
    requests = ", ".join(f"{emulator.count(kind)} {kind}" for kind in ("create", "list", "cancel"))
    return [
        f"{len(night.jobs)} jobs; the run took {(before + after).total_seconds():.0f} s",
        f"submissions per second before the kills: {rate([job.created_at for job in night.jobs], night.struck_at):.2f}",
        f"parts of tasks per second: {pace_before:.2f} before the kills, {pace_after:.2f} after them",
        f"requests to the service: {requests}",
    ]


def _recovery(night):
    again = [(began_at - night.struck_at).total_seconds() for began_at in night.second_tries.values()]
    moved = f"{(night.waits_moved_at - night.struck_at).total_seconds():.0f} s" if night.waits_moved_at else "never"
    return [
        f"tasks in the killed worker: {len(night.struck_tasks)}",
        f"second tries: {len(again)}, which began {min(again):.0f} to {max(again):.0f} s after the kill",
        f"jobs found again by a retry: {night.times_said('Found again batch job')}",
        f"waits in the killed triggerer: {night.struck_waits}; all taken over after {moved}",
    ]


def _memory(night):
    moments = list(night.usage)
    names = sorted({name for usage in night.usage.values() for name in usage})
    lines = [f"| MB / CPU-seconds | {' | '.join(moments)} |", f"| --- |{' --- |' * len(moments)}"]
    for name in names:
        cells = [_cell(night.usage[moment].get(name)) for moment in moments]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cpu_per_job(night):
    """Return the CPU time of the run in each kind of component; a killed process counts until its end."""
    seconds = Counter()
    for name, before in night.usage["before the run"].items():
        last = [usage[name] for usage in night.usage.values() if name in usage][-1]
        seconds[re.sub(r"-\d+$", "", name)] += last.cpu_seconds - before.cpu_seconds
    cells = ", ".join(f"{name} {spent / len(night.jobs):.2f}" for name, spent in sorted(seconds.items()))
    return [f"CPU-seconds per job: {cells}"]


def _cell(usage):
    return f"{usage.memory_mb:.0f} / {usage.cpu_seconds:.0f}" if usage else "killed"


def _waits(night):
    lines = []
    for triggerer_id, growth in night.growth.items():
        waits, memory_mb = growth.most
        slope = "too few samples" if growth.kb_per_wait is None else f"{growth.kb_per_wait:.0f} KB per wait"
        lines.append(f"triggerer {triggerer_id}: {memory_mb:.0f} MB with {waits} waits; {slope}")
    return lines
