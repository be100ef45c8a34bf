"""The metrics of calls over a real Asterisk as rows with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from tests.benchmarks.asterisk.record import LATE_SECONDS
from tests.benchmarks.caller import Caller
from tests.benchmarks.calls import SETTINGS
from tests.benchmarks.page import paragraphs
from tests.benchmarks.report import Results, Row, most

COLUMNS: Sequence[tuple[str, str]] = (
    ("calls", "{calls}"),
    ("detector", "{detector}, {rate_khz:g} kHz"),
    ("turns", "{turns}"),
    ("answer overhead p50 / p95", "{answer_ours_p50_ms:.0f} / {answer_ours_p95_ms:.0f} ms"),
    (
        "end of speech to decision p50 / p95",
        "{answer_detector_p50_ms:.0f} / {answer_detector_p95_ms:.0f} ms",
    ),
    (
        "interruption to silence p50 / p95",
        "{interruption_all_p50_ms:.0f} / {interruption_all_p95_ms:.0f} ms",
    ),
    (
        "of it before the barge-in p50 / p95",
        "{interruption_detector_p50_ms:.0f} / {interruption_detector_p95_ms:.0f} ms",
    ),
    (
        "of it after the barge-in p50 / p95",
        "{interruption_ours_p50_ms:.0f} / {interruption_ours_p95_ms:.0f} ms",
    ),
    ("calls lost / answers missed", "{lost} / {missed}"),
    ("bot's frames late / missing", "{late} / {missing}"),
    ("longest gap in a reply", "{longest_gap_ms:.0f} ms"),
    ("callers' frames late", "{own_late}"),
    (
        "CPU s per call-minute, Callchart / Asterisk",
        "{bot_cpu_seconds_per_call_minute:.2f} / {asterisk_cpu_seconds_per_call_minute:.2f}",
    ),
    (
        "percent of a core, Callchart / Asterisk / callers",
        "{bot_core:.0%} / {asterisk_core:.0%} / {callers_core:.0%}",
    ),
    ("percent of a core, all processes", "{all_cores:.0%}"),
    ("busiest process", "{busiest}"),
)


def rows(results: Results) -> Iterator[Row]:
    """Yield the figures that have a target."""
    for level in results["levels"]:
        name = f"{level['calls']} calls, {level['detector']} at {level['rate_hz'] // 1000} kHz"
        is_eased = level["detector"] == "energy" or level["rate_hz"] == 8000
        if level["calls"] == 50 or (level["calls"] == 100 and is_eased):
            for what, keys in (
                ("calls lost", ["lost"]),
                ("bot's frames late or missing", ["late", "missing"]),
            ):
                number = sum(level[key] for key in keys)
                yield Row(f"{what}, {name}", str(number), "0", number == 0)
        if level["calls"] == 50:
            for what, key, limit in (
                ("answer overhead p95", "answer_ours_p95_ms", 40),
                ("interruption to silence p95", "interruption_all_p95_ms", 250),
                ("of it after the barge-in p95", "interruption_ours_p95_ms", 40),
            ):
                yield most(f"{what}, {name}", level[key], limit, "ms", 0)


def tables(results: Results) -> tuple[Table, Table]:
    """Return tables for a terminal: the figures with their targets, and the levels of load."""
    figures = Table("figure", "measured", "target", "", title="Calls over a real Asterisk")
    for row in rows(results):
        colour = {None: "", True: "green", False: "red"}[row.reached]
        figures.add_row(row.what, row.value, row.target, row.verdict, style=colour)
    levels = Table(title="Everything on one machine", show_header=False)
    for heading, *values in zip(*_cells_with_headings(results), strict=True):
        levels.add_row(heading, *values)
    return figures, levels


def markdown(results: Results) -> str:
    """Return the section of docs/performance.md: both tables, and what each figure means."""
    version = results["levels"][0]["asterisk_version"].partition("+")[0]
    made = [
        paragraphs(f"""\
`make bench-asterisk` measures calls at a real Asterisk: SIP phones (G.711) call {version},
and its media WebSocket leads to the carrier, the engine and the default chart. Everything runs
on one machine ({results["cores"]} cores, Python {results["python"]}):
Callchart in one process, Asterisk in another, and the callers in two more."""),
        "",
        _row("figure", "measured", "target", ""),
        "|---|---|---|---|",
        *(_row(row.what, row.value, row.target, row.verdict) for row in rows(results)),
        "",
        _row(*(heading for heading, _ in COLUMNS)),
        "|---" * len(COLUMNS) + "|",
        *(_row(*cells) for cells in _cells(results)),
        "",
        paragraphs(f"""\
Callers send real speech. The figures come from the times of packets at the phones, by the
kernel's clock, and from the voice detector's decisions.

*Answer overhead* is the time from the decision that the caller is silent to the bot's first
loud packet, less the scripted times: the end of the turn, the model, the synthesis. *End of
speech to decision* is the time from the caller's last loud packet to that decision.

*Interruption to silence* is the time from the caller's first loud packet, while the bot speaks,
to the bot's last loud packet, or to the barge-in if that is later. The *barge-in* divides it: the
detector decides that the caller speaks, and after {SETTINGS.barge_in_speech:g} s more of speech
the chart stops the reply.

A call is *lost* if it is not answered, or ends before its caller hangs up. An answer is
*missed* if it does not begin within {Caller.PATIENCE:g} s. A frame is *late* if it comes more than
{LATE_SECONDS * 1000:g} ms after the frame before it; frames of the bot count inside a reply alone.
A frame is *missing* if its number never arrives. The *longest gap* is the longest time between
two loud packets of a reply.

CPU is measured while all calls are up. A process that never waits uses 100% of a core.
*Callers* is the busier one of their two processes."""),
    ]
    return "\n".join(line.rstrip() for line in made)


def _cells(results: Results) -> Iterator[list[str]]:
    for level in results["levels"]:
        facts = {**level, "rate_khz": level["rate_hz"] / 1000}
        yield [shape.format(**facts) for _, shape in COLUMNS]


def _cells_with_headings(results: Results) -> list[list[str]]:
    return [[heading for heading, _ in COLUMNS], *_cells(results)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
