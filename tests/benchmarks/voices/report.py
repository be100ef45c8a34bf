"""The metrics of the real voices as rows with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from callchart.adapters.tts.fallback import FIRST_SOUND_S
from tests.benchmarks.caller import Caller
from tests.benchmarks.page import paragraphs
from tests.benchmarks.report import Results, Row, most
from tests.benchmarks.voices.timeline import ANSWER_HEARD, FILLER_HEARD, FIRST_CHUNK, FIRST_SOUND

#: Targets in ms: of the 95th percentile, but of the longest gap.
FILLER, OVERHEAD, CLIENT, FALLBACK, GAP = 100.0, 20.0, 3.0, 50.0, 60.0

COLUMNS: Sequence[tuple[str, str]] = (
    ("calls", "{calls}"),
    ("turns", "{turns}"),
    ("filler heard p50 / p95", "{filler_p50_ms:.0f} / {filler_p95_ms:.0f} ms"),
    ("first chunk written p50 / p95", "{written_p50_ms:.0f} / {written_p95_ms:.0f} ms"),
    ("answer heard p50 / p95", "{answer_p50_ms:.0f} / {answer_p95_ms:.0f} ms"),
    ("of it waiting for the filler p50 / p95", "{wait_p50_ms:.0f} / {wait_p95_ms:.0f} ms"),
    ("answer overhead p50 / p95", "{overhead_p50_ms:.1f} / {overhead_p95_ms:.1f} ms"),
    ("gRPC client's share p50 / p95", "{client_p50_ms:.1f} / {client_p95_ms:.1f} ms"),
    ("longest gap in an answer", "{longest_gap_ms:.0f} ms"),
    ("missed / broken / without filler", "{missed} / {broken} / {without_filler}"),
    ("CPU s per call-minute", "{cpu_seconds_per_call_minute:.2f}"),
)


def rows(results: Results) -> Iterator[Row]:
    for level in results["levels"]:
        calls = "1 call" if level["calls"] == 1 else f"{level['calls']} calls"
        yield most(f"filler heard p95, {calls}", level["filler_p95_ms"], FILLER, "ms", 0)
        yield most(
            f"answer overhead p95, {calls}",
            level["overhead_p95_ms"],
            OVERHEAD,
            "ms",
        )
        yield most(f"gRPC client's share p95, {calls}", level["client_p95_ms"], CLIENT, "ms")
        yield most(f"longest gap in an answer, {calls}", level["longest_gap_ms"], GAP, "ms", 0)
        wrong = sum(level[what] for what in ("missed", "broken", "without_filler"))
        what = f"answers missed, broken or without a filler, {calls}"
        yield Row(what, str(wrong), "0", wrong == 0)
    alone = results["alone"]
    yield most("gRPC client's share p95, without calls", alone["ours_p95_ms"], CLIENT, "ms")
    yield Row(
        "official gRPC client's share p95, without calls", f"{alone['official_p95_ms']:.1f} ms"
    )
    yield most(
        "second voice's overhead p95",
        results["fallback"]["overhead_p95_ms"],
        FALLBACK,
        "ms",
    )


def tables(results: Results) -> tuple[Table, Table]:
    """Return tables for a terminal: the figures with their targets, and the levels of load."""
    figures = Table("figure", "measured", "target", "", title="The real voices")
    for row in rows(results):
        colour = {None: "", True: "green", False: "red"}[row.reached]
        figures.add_row(row.what, row.value, row.target, row.verdict, style=colour)
    levels = Table(title="Times since the caller's text", show_header=False)
    for heading, *values in zip(*_cells_with_headings(results), strict=True):
        levels.add_row(heading, *values)
    return figures, levels


def markdown(results: Results) -> str:
    """Return the section of docs/performance.md: both tables, and what each figure means."""
    made = [
        paragraphs(f"""\
`make bench-voices` measures calls through the engine and the adapters of the real voices
(OpenAI's API, SpeechKit over gRPC), on a machine with {results["cores"]} cores and Python
{results["python"]}. Each provider is a server on the same machine (`tests/servers`) that follows
a target timeline: the first chunk is written after {FIRST_CHUNK:g} s, and its first sound
comes {FIRST_SOUND:g} s later."""),
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
Times count from the moment at which the caller's turn has ended and its text is known. In the
target timeline the filler is heard after {FILLER_HEARD * 1000:.0f} ms,
and the answer after {ANSWER_HEARD * 1000:.0f} ms. *Heard* is the moment at which the line plays
the first frame.

*Answer overhead* is the time until the answer is heard, less the scripted times of the model
and the synthesis, and less the wait for the end of the filler's word. The *gRPC client's share*
is the time from handing over a text to its first sound, less the time between the server's own
timestamps. It includes the network and the server's library, for both clients.

The server sends sound six times as fast as it is spoken. A *gap* is a silence inside an answer.
An answer is *missed* if it does not begin within {Caller.PATIENCE:g} s, and *broken* if a word
of it is missing or wrong: each frame identifies its letter, so answers are compared word for
word.

The *second voice* is SpeechKit's API over HTTP, in place of a first voice that hangs. Its
*overhead* is the time until its first sound, less the time limit of the first voice
({FIRST_SOUND_S:g} s) and the scripted {FIRST_SOUND:g} s of the synthesis."""),
    ]
    return "\n".join(line.rstrip() for line in made)


def _cells(results: Results) -> Iterator[list[str]]:
    for level in results["levels"]:
        yield [shape.format(**level) for _, shape in COLUMNS]


def _cells_with_headings(results: Results) -> list[list[str]]:
    return [[heading for heading, _ in COLUMNS], *_cells(results)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
