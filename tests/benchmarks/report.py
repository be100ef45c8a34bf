"""The metrics as rows with their targets, for a terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tests.benchmarks.caller import Caller, Script
from tests.benchmarks.calls import SETTINGS
from tests.benchmarks.page import paragraphs

#: Targets for the answer overhead (ms, 95th percentile), by the number of calls in one process.
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
    yield Row("time of one decision, median", f"{decision['us']:.0f} us")
    yield most("CPU of a turn, engine alone", results["turn"]["cpu_ms"], 2, "ms", 2)
    yield most("memory of a call", results["memory"]["kb_per_call"], 200, "KB", 0)
    yield least(
        "seconds of calls per second, virtual clock, sound in spans",
        spans["call_seconds_per_second"],
        5000,
        "s",
    )
    yield least(
        "the same with sound in frames, engine / bare loop",
        frames["ratio_to_floor"],
        0.7,
        digits=2,
    )
    for level in levels:
        calls = level["calls"]
        if limit := OVERHEAD_TARGETS.get(calls):
            what = f"answer overhead p95, {_calls(calls)}"
            yield most(what, level["overhead_p95_ms"], limit, "ms")
        if calls == 50:
            yield Row(
                f"CPU, engine / bare loop, {calls} calls",
                f"{level['cpu_ratio']:.2f} x",
                f"at most {RATIO_TARGET} x (aim: {RATIO_AIM} x)",
                level["cpu_ratio"] <= RATIO_TARGET,
            )
    for what in ("missed", "double", "stale"):
        count = sum(int(level[what]) for level in levels)
        name = "stale frames" if what == "stale" else f"{what} answers"
        yield Row(name, str(count), "0", count == 0)


#: Each column of the levels: its heading, and the format of its cells.
COLUMNS: Sequence[tuple[str, str]] = (
    ("calls", "{calls}"),
    ("turns", "{turns}"),
    ("answer overhead p50 / p95", "{overhead_p50_ms:.1f} / {overhead_p95_ms:.1f} ms"),
    (
        "interruption to flush p50 / p95",
        "{interrupt_to_flush_p50_ms:.1f} / {interrupt_to_flush_p95_ms:.1f} ms",
    ),
    (
        "interruption to last frame p50 / p95",
        "{interrupt_to_last_frame_p50_ms:.1f} / {interrupt_to_last_frame_p95_ms:.1f} ms",
    ),
    ("delay of frames p99, engine", "{lateness_p99_ms:.1f} ms"),
    ("delay of frames p99, bare loop", "{floor_lateness_p99_ms:.1f} ms"),
    ("CPU s per call-minute, engine", "{cpu_seconds_per_call_minute:.2f}"),
    ("CPU s per call-minute, bare loop", "{floor_cpu_seconds_per_call_minute:.2f}"),
    ("CPU ratio", "{cpu_ratio:.2f}"),
    ("missed / double / stale", "{missed} / {double} / {stale}"),
)


def tables(results: Results) -> tuple[Table, Table]:
    """Return tables for a terminal: the figures with their targets, and the levels of load."""
    figures = Table("figure", "measured", "target", "", title="The engine")
    for row in rows(results):
        colour = {None: "", True: "green", False: "red"}[row.reached]
        figures.add_row(row.what, row.value, row.target, row.verdict, style=colour)
    levels = Table(*(heading for heading, _ in COLUMNS), title="50 frames a second, both ways")
    for level in results["levels"]:
        levels.add_row(*(shape.format(**level) for _, shape in COLUMNS))
    return figures, levels


def markdown(results: Results) -> str:
    """Return the section of docs/performance.md: both tables, and what each figure means."""
    machine = results["machine"]
    spread = " to ".join(f"{machine[key]:.0f}" for key in ("least_ms", "most_ms"))
    made = [
        paragraphs(f"""\
`make bench` measures these figures, each in a process of its own. The machine had
{results["cores"]} cores, Python {results["python"]} and Trio {results["trio"]}.
Between the measurements, the machine ran a loop of a million additions in {spread} ms. To
compare with another machine, divide each time by that of the loop."""),
        "",
        _markdown_row("figure", "measured", "target", ""),
        "|---|---|---|---|",
        *(_markdown_row(r.what, r.value, r.target, r.verdict) for r in rows(results)),
        "",
        "Calls on the real clock, with 50 frames a second in each direction, and with journals:",
        "",
        _markdown_row(*(heading for heading, _ in COLUMNS)),
        "|---" * len(COLUMNS) + "|",
        *(
            _markdown_row(*(shape.format(**level) for _, shape in COLUMNS))
            for level in results["levels"]
        ),
        "",
        paragraphs(f"""\
*Answer overhead* is the time from the end of a question to the first frame of its answer at
the sink, less the scripted times: the silence that ends a turn, the model, the synthesis.
Fillers are off: with one, an answer waits on purpose for the end of the filler's word.

*Interruption to flush* is the time from the first frame of an interruption to the flush, less
the {SETTINGS.barge_in_speech:g} s of speech that the chart waits for before a barge-in.
*Interruption to last frame* is the same until the last frame that is heard of the answer, and 0
if that frame came before the barge-in.

The *delay* of a frame is the time from its deadline to the sink. The *bare loop* is a Trio loop
that moves the same frames into the same sink without an engine (tests/benchmarks/floor.py).
It runs before and after the engine at each level; its figures are the mean of both runs.
*CPU s per call-minute* is the CPU time that one minute of one call costs, and the *CPU ratio*
is the engine's divided by the bare loop's.

Each frame carries the number of its answer. An answer is *missed* if it does not begin within
{Caller.PATIENCE:g} s, and *double* if more frames of it are heard than it has.
A frame is *stale* if it is heard after the flush of its answer.

*Memory* is what Python holds for a call in mid conversation, mostly the sound of a reply,
without the voice detector and without the allocations of the fakes. The CPU of a turn and the
figures on the virtual clock are the best of several runs. On the virtual clock waiting takes no
time, so only work counts. With sound in spans, text and sound come one chunk at a time, and
the line takes a whole answer in one piece (`backlog` is 60 s there, not its default)."""),
        "",
        _turn(Script()),
    ]
    return "\n".join(line.rstrip() for line in made)


def _turn(script: Script) -> str:
    return paragraphs(
        f"The CPU ratio depends on how much happens in a call: here a question lasts "
        f"{script.question:g} s and its answer {script.answer:g} s, of "
        f"{script.chunks * script.tokens} tokens; one answer in {script.interrupted_every} is "
        f"interrupted after {script.interrupted_after:g} s. Shorter turns raise the ratio."
    )


def _markdown_row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _calls(calls: int) -> str:
    return f"{calls} call" if calls == 1 else f"{calls} calls"
