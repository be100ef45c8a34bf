"""The metrics as rows with their targets, for a terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tests.benchmarks.caller import Script

#: calls in one process -> the 95th percentile of the first-audio overhead to reach, in ms.
OVERHEAD_TARGETS = {1: 5.0, 50: 10.0, 100: 20.0}
RATIO_TARGET, RATIO_AIM = 1.5, 1.25

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One metric. Without a target, `target` is "" and `reached` is None."""

    what: str
    value: str
    target: str = ""
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        return {None: "", True: "reached", False: "missed"}[self.reached]


def most(what: str, value: float, limit: float, unit: str, digits: int = 1) -> Row:
    """Return a row whose target is at most `limit`."""
    return Row(what, f"{value:.{digits}f} {unit}", f"at most {limit:g} {unit}", value <= limit)


def least(what: str, value: float, limit: float, unit: str = "", digits: int = 0) -> Row:
    """Return a row whose target is at least `limit`."""
    measured, target = f"{value:,.{digits}f} {unit}".strip(), f"at least {limit:,g} {unit}".strip()
    return Row(what, measured, target, value >= limit)


def rows(results: Results) -> Iterator[Row]:
    """Yield the metrics without load, and those of each level of load."""
    decision, spans = results["decision"], results["virtual_spans"]
    frames, levels = results["virtual_frames"], results["levels"]
    yield Row("one decision, median", f"{decision['us']:.0f} us")
    yield most("CPU of a turn, engine alone", results["turn"]["cpu_ms"], 2, "ms", 2)
    yield most("memory of a call", results["memory"]["kb_per_call"], 200, "KB", 0)
    yield least(
        "virtual call-seconds a second, sound in spans", spans["call_seconds_per_second"], 5000, "s"
    )
    yield least(
        "the same, sound in frames, as a ratio to the bare loop",
        frames["ratio_to_floor"],
        0.7,
        digits=2,
    )
    for level in levels:
        calls = level["calls"]
        if limit := OVERHEAD_TARGETS.get(calls):
            what = f"first-audio overhead p95, {_calls(calls)}"
            yield most(what, level["overhead_p95_ms"], limit, "ms")
        if calls == 50:
            yield Row(
                f"CPU against the bare loop, {calls} calls",
                f"{level['cpu_ratio']:.2f} x",
                f"at most {RATIO_TARGET} x, aiming at {RATIO_AIM} x",
                level["cpu_ratio"] <= RATIO_TARGET,
            )
    for what in ("missed", "double", "stale"):
        count = sum(int(level[what]) for level in levels)
        name = "stale frames" if what == "stale" else f"{what} replies"
        yield Row(name, str(count), "0", count == 0)


#: Heading, and how a level's figure reads under it.
COLUMNS: Sequence[tuple[str, str]] = (
    ("calls", "{calls}"),
    ("turns", "{turns}"),
    ("overhead p50 / p95", "{overhead_p50_ms:.1f} / {overhead_p95_ms:.1f} ms"),
    (
        "interrupt to flush p50 / p95",
        "{interrupt_to_flush_p50_ms:.1f} / {interrupt_to_flush_p95_ms:.1f} ms",
    ),
    (
        "interrupt to last frame p50 / p95",
        "{interrupt_to_last_frame_p50_ms:.1f} / {interrupt_to_last_frame_p95_ms:.1f} ms",
    ),
    ("frames late p99", "{lateness_p99_ms:.1f} ms"),
    ("floor's", "{floor_lateness_p99_ms:.1f} ms"),
    ("CPU s a call-minute", "{cpu_seconds_per_call_minute:.2f}"),
    ("floor's", "{floor_cpu_seconds_per_call_minute:.2f}"),
    ("ratio", "{cpu_ratio:.2f}"),
    ("missed / double / stale", "{missed} / {double} / {stale}"),
)


def tables(results: Results) -> tuple[Table, Table]:
    """For a terminal: the figures and their targets, and the levels of load."""
    figures = Table("figure", "measured", "target", "", title="The engine")
    for row in rows(results):
        colour = {None: "", True: "green", False: "red"}[row.reached]
        figures.add_row(row.what, row.value, row.target, row.verdict, style=colour)
    levels = Table(*(heading for heading, _ in COLUMNS), title="50 frames a second, both ways")
    for level in results["levels"]:
        levels.add_row(*(shape.format(**level) for _, shape in COLUMNS))
    return figures, levels


def markdown(results: Results) -> str:
    """For docs/performance.md: the same, with how it was measured."""
    machine = results["machine"]
    spread = " to ".join(f"{machine[key]:.0f}" for key in ("least_ms", "most_ms"))
    made = [
        "`make bench` measures this; every measurement has a process of its own. On the machine of",
        f"these figures ({results['cores']} cores, Python {results['python']}, Trio "
        f"{results['trio']}) a loop of a million additions took",
        f"{spread} ms, timed between the measurements: divide by it before you compare.",
        "",
        _markdown_row("figure", "measured", "target", ""),
        "|---|---|---|---|",
        *(_markdown_row(r.what, r.value, r.target, r.verdict) for r in rows(results)),
        "",
        "With 50 frames a second in and out of every call, on the real clock, journals written:",
        "",
        _markdown_row(*(heading for heading, _ in COLUMNS)),
        "|---" * len(COLUMNS) + "|",
        *(
            _markdown_row(*(shape.format(**level) for _, shape in COLUMNS))
            for level in results["levels"]
        ),
        "",
        "*Overhead* is the time from the end of a question to the first frame of its answer at the",
        "sink, without the scripted times: the silence that ends a turn, the model, the synthesis.",
        "Fillers are off, because an answer waits for their last word on",
        "purpose. *Interrupt to flush* runs",
        "from an interruption's first frame to the flush, after which no frame of that reply was",
        "heard; the last one often came before. The *floor* is a bare Trio loop that moves the",
        "same frames into the same sink, without an engine (tests/benchmarks/floor.py); it ran",
        "before and after the engine at each level. Each frame carries the number of its reply:",
        "so the sink counts stale, missed and double frames. Memory is what",
        "Python holds for a call",
        "in mid conversation, a reply's sound above all, without a voice detector and without what",
        "the fakes allocate. A turn's CPU and virtual time are the best of several runs. In spans,",
        "text and sound come a chunk at a time, and the line takes a whole answer in one piece",
        "(`backlog` is 60 s there, not its default).",
        "",
        _turn(Script()),
    ]
    return "\n".join(line.rstrip() for line in made)


def _turn(script: Script) -> str:
    return (
        f"The ratio depends on how much happens in a call: here a question lasts "
        f"{script.question:g} s and its answer\n{script.answer:g} s, of "
        f"{script.chunks * script.tokens} tokens; one answer in {script.interrupted_every} is "
        f"interrupted after {script.interrupted_after:g} s. Shorter turns raise it."
    )


def _markdown_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _calls(calls: int) -> str:
    return f"{calls} call" if calls == 1 else f"{calls} calls"
