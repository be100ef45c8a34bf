"""The metrics of the real voices as rows with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from tests.benchmarks.report import Results, Row, most
from tests.benchmarks.voices.timeline import ANSWER_HEARD, FILLER_HEARD, FIRST_CHUNK, FIRST_SOUND

#: Milliseconds, of the 95th percentile unless it is said otherwise.
FILLER, OVERHEAD, CLIENT, FALLBACK, GAP = 100.0, 20.0, 3.0, 50.0, 60.0

COLUMNS: Sequence[tuple[str, str]] = (
    ("calls", "{calls}"),
    ("turns", "{turns}"),
    ("filler heard p50 / p95", "{filler_p50_ms:.0f} / {filler_p95_ms:.0f} ms"),
    ("first chunk written p50 / p95", "{written_p50_ms:.0f} / {written_p95_ms:.0f} ms"),
    ("answer heard p50 / p95", "{answer_p50_ms:.0f} / {answer_p95_ms:.0f} ms"),
    ("of it for a filler's end p50 / p95", "{wait_p50_ms:.0f} / {wait_p95_ms:.0f} ms"),
    ("overhead p50 / p95", "{overhead_p50_ms:.1f} / {overhead_p95_ms:.1f} ms"),
    ("gRPC client p50 / p95", "{client_p50_ms:.1f} / {client_p95_ms:.1f} ms"),
    ("longest gap", "{longest_gap_ms:.0f} ms"),
    ("missed / broken / without filler", "{missed} / {broken} / {without_filler}"),
    ("CPU s a call-minute", "{cpu_seconds_per_call_minute:.2f}"),
)


def rows(results: Results) -> Iterator[Row]:
    for level in results["levels"]:
        calls = "1 call" if level["calls"] == 1 else f"{level['calls']} calls"
        yield most(f"filler heard p95, {calls}", level["filler_p95_ms"], FILLER, "ms", 0)
        yield most(
            f"answer heard p95, beyond the script, {calls}",
            level["overhead_p95_ms"],
            OVERHEAD,
            "ms",
        )
        yield most(
            f"gRPC client's share of a synthesis p95, {calls}", level["client_p95_ms"], CLIENT, "ms"
        )
        yield most(f"longest gap in an answer, {calls}", level["longest_gap_ms"], GAP, "ms", 0)
        wrong = sum(level[what] for what in ("missed", "broken", "without_filler"))
        what = f"answers missed, not word for word, or without a filler, {calls}"
        yield Row(what, str(wrong), "0", wrong == 0)
    alone = results["alone"]
    yield most("gRPC client's share p95, without any call", alone["ours_p95_ms"], CLIENT, "ms")
    yield Row("the same of the official client", f"{alone['official_p95_ms']:.1f} ms")
    yield most(
        "second voice p95, beyond the first one's budget",
        results["fallback"]["overhead_p95_ms"],
        FALLBACK,
        "ms",
    )


def tables(results: Results) -> tuple[Table, Table]:
    """For a terminal."""
    figures = Table("figure", "measured", "target", "", title="The real voices")
    for row in rows(results):
        colour = {None: "", True: "green", False: "red"}[row.reached]
        figures.add_row(row.what, row.value, row.target, row.verdict, style=colour)
    levels = Table(title="From the caller's text on", show_header=False)
    for heading, *values in zip(*_cells_with_headings(results), strict=True):
        levels.add_row(heading, *values)
    return figures, levels


def markdown(results: Results) -> str:
    """For docs/performance.md: the same, with how it was measured."""
    made = [
        "`make bench-voices` measures this: calls through the engine and the adapters of the real",
        "voices (OpenAI's API, SpeechKit over gRPC), each of them at a server of its own on the",
        "same machine (`tests/servers`), which takes the time of the predecessor's timeline:",
        f"the first chunk is written after {FIRST_CHUNK:g} s, its first sound made after "
        f"{FIRST_SOUND:g} s more",
        f"({results['cores']} cores, Python {results['python']}).",
        "",
        _row("figure", "measured", "target", ""),
        "|---|---|---|---|",
        *(_row(row.what, row.value, row.target, row.verdict) for row in rows(results)),
        "",
        _row(*(heading for heading, _ in COLUMNS)),
        "|---" * len(COLUMNS) + "|",
        *(_row(*cells) for cells in _cells(results)),
        "",
        "All times begin when the caller's turn has ended and its text is known;",
        f"in that timeline the filler is heard after {FILLER_HEARD * 1000:.0f} ms and the answer "
        f"after {ANSWER_HEARD * 1000:.0f} ms. *Heard*",
        "is the time at which a line played the first frame. *Overhead* is the",
        "time beyond the script,",
        "without the wait for a filler's word to end. The *gRPC client's share* runs from a text",
        "handed over to its first sound, less the time between the server's own stamps: so the",
        "network and the server's library are in it, as they are in the official client's. The",
        "first sound is followed by more six times as fast as it is spoken, and a *gap* is a time",
        "without any in the middle of an answer.",
        "Every sample tells its word, so that answers are compared word for word. The *second",
        "voice* is SpeechKit's API over HTTP, in place of a first one that hangs.",
    ]
    return "\n".join(line.rstrip() for line in made)


def _cells(results: Results) -> Iterator[list[str]]:
    for level in results["levels"]:
        yield [shape.format(**level) for _, shape in COLUMNS]


def _cells_with_headings(results: Results) -> list[list[str]]:
    return [[heading for heading, _ in COLUMNS], *_cells(results)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
