"""The metrics of calls over a real Asterisk as rows with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from tests.benchmarks.report import Results, Row, most

COLUMNS: Sequence[tuple[str, str]] = (
    ("calls", "{calls}"),
    ("detector", "{detector}, {rate_khz:g} kHz"),
    ("turns", "{turns}"),
    ("answer p50 / p95", "{answer_ours_p50_ms:.0f} / {answer_ours_p95_ms:.0f} ms"),
    ("its detector's share", "{answer_detector_p50_ms:.0f} / {answer_detector_p95_ms:.0f} ms"),
    ("interruption p50 / p95", "{interruption_all_p50_ms:.0f} / {interruption_all_p95_ms:.0f} ms"),
    (
        "its detector's share",
        "{interruption_detector_p50_ms:.0f} / {interruption_detector_p95_ms:.0f} ms",
    ),
    ("ours", "{interruption_ours_p50_ms:.0f} / {interruption_ours_p95_ms:.0f} ms"),
    ("calls lost / answers missed", "{lost} / {missed}"),
    ("frames late / missing", "{late} / {missing}"),
    ("longest gap", "{longest_gap_ms:.0f} ms"),
    ("callers' own late", "{own_late}"),
    (
        "CPU s a call-minute, Callchart / Asterisk",
        "{bot_cpu_seconds_per_call_minute:.2f} / {asterisk_cpu_seconds_per_call_minute:.2f}",
    ),
    (
        "of a core: Callchart / Asterisk / callers",
        "{bot_core:.0%} / {asterisk_core:.0%} / {callers_core:.0%}",
    ),
    ("all of it", "{all_cores:.0%}"),
    ("busiest", "{busiest}"),
)


def rows(results: Results) -> Iterator[Row]:
    """The levels that a target was set for."""
    for level in results["levels"]:
        name = f"{level['calls']} calls, {level['detector']} at {level['rate_hz'] // 1000} kHz"
        is_eased = level["detector"] == "energy" or level["rate_hz"] == 8000
        if level["calls"] == 50 or (level["calls"] == 100 and is_eased):
            for what, keys in (("calls lost", ["lost"]), ("frames late", ["late", "missing"])):
                number = sum(level[key] for key in keys)
                yield Row(f"{what}, {name}", str(number), "0", number == 0)
        if level["calls"] == 50:
            for what, key, limit in (
                ("answer overhead p95", "answer_ours_p95_ms", 40),
                ("interruption to silence p95", "interruption_all_p95_ms", 250),
                ("of it beyond the detector's decision", "interruption_ours_p95_ms", 40),
            ):
                yield most(f"{what}, {name}", level[key], limit, "ms", 0)


def tables(results: Results) -> tuple[Table, Table]:
    """For a terminal."""
    figures = Table("figure", "measured", "target", "", title="Calls over a real Asterisk")
    for row in rows(results):
        colour = {None: "", True: "green", False: "red"}[row.reached]
        figures.add_row(row.what, row.value, row.target, row.verdict, style=colour)
    levels = Table(title="Everything on one machine", show_header=False)
    for heading, *values in zip(*_cells_with_headings(results), strict=True):
        levels.add_row(heading, *values)
    return figures, levels


def markdown(results: Results) -> str:
    """For docs/performance.md: the same, with how it was measured."""
    version = results["levels"][0]["asterisk_version"].partition("+")[0]
    made = [
        "`make bench-asterisk` measures this: SIP phones (G.711) call a real Asterisk "
        f"({version}),",
        "whose media WebSocket leads to the carrier, the engine and the default chart. Everything",
        f"runs on one machine ({results['cores']} cores, Python {results['python']}): Callchart in",
        "one process, Asterisk in its own, the callers in two more.",
        "",
        _row("figure", "measured", "target", ""),
        "|---|---|---|---|",
        *(_row(row.what, row.value, row.target, row.verdict) for row in rows(results)),
        "",
        _row(*(heading for heading, _ in COLUMNS)),
        "|---" * len(COLUMNS) + "|",
        *(_row(*cells) for cells in _cells(results)),
        "",
        "Callers send real speech, and all moments are those of packets at the phone, by the",
        "kernel's clock, or of the voice detector's decision. *Answer* runs from the decision that",
        "the caller is silent to the bot's first loud packet, without the",
        "scripted times (the end of",
        "the turn, the model, the synthesis); the detector's share runs from the caller's last",
        "loud packet to that decision. *Interruption* runs from the caller's first loud packet",
        "into the bot's speech to the bot's last one; ours begins with the detector's decision. A",
        "frame is late where two loud packets of a reply are more than 40 ms apart. CPU is that of",
        "the time in which all calls are up.",
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
