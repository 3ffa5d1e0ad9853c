"""The figures of a night, as Markdown."""

from __future__ import annotations

from tests.cluster.figures import rate

__all__ = ["report"]


def report(night, emulator):
    """Return all that was measured."""
    return "\n".join(["", *_pace(night, emulator), "", *_recovery(night), "", *_memory(night), "", *_waits(night)])


def _pace(night, emulator):
    submitted = [job.created_at for job in night.jobs]
    before = [moment for moment in submitted if moment < night.struck_at]
    after = [moment for moment in submitted if moment > night.struck_at]
    requests = ", ".join(f"{emulator.count(kind)} {kind}" for kind in ("create", "list", "cancel"))
    return [
        f"{len(submitted)} jobs, {night.seconds:.0f} s for the run",
        f"submissions per second: {rate(before):.2f} before the kills, {rate(after):.2f} after them",
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


def _cell(usage):
    return f"{usage.memory_mb:.0f} / {usage.cpu_seconds:.0f}" if usage else "killed"


def _waits(night):
    lines = []
    for triggerer_id, growth in night.growth.items():
        waits, memory_mb = growth.most
        slope = "too few samples" if growth.kb_per_wait is None else f"{growth.kb_per_wait:.0f} KB per wait"
        lines.append(f"triggerer {triggerer_id}: {memory_mb:.0f} MB with {waits} waits; {slope}")
    return lines
