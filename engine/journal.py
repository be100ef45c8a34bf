"""A call's journal: JSON lines, one a macrostep, from which the call can be decided again.

The head holds what the call began with (chart, settings, seed, facts); each line what happened,
what became of it, and what the chart's guards and delays said. It is a record of the call, and
not a log: it holds the caller's words, unless it is redacted, and its file is readable by its
owner only.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from callchart.engine.chart import Chart, ChartError, Effect, Occurrence, Step, begin, decide
from callchart.engine.chart.chart import TimerSpec
from callchart.engine.chart.decide import LIVE, Configuration, Evaluator
from callchart.engine.chart.state import Guard, named
from callchart.engine.data import CallData, Facts, Parties
from callchart.engine.events import CallStarted, Event, TimerFired
from callchart.engine.from_json import NotOfType, made_of, member_of
from callchart.engine.ports import Journal
from callchart.engine.settings import SettingError

VERSION = 1

JournalLine = dict[str, Any]


class JournalError(ValueError):
    """A journal cannot be read: the message says which line, why, and what to do."""


class ReplayDiffers(Exception):
    """The chart decides otherwise today. Names the first step that differs, and how."""

    def __init__(self, n: int, recorded: JournalLine, decided: JournalLine) -> None:
        differing = [k for k in recorded if recorded[k] != decided.get(k)]
        differing += [k for k in decided if k not in recorded]
        said = "; ".join(
            f"{k}: recorded {recorded.get(k)!r}, decided {decided.get(k)!r}" for k in differing
        )
        super().__init__(f"step {n} ({_event_name(recorded)}) differs: {said}")
        self.n, self.recorded, self.decided = n, recorded, decided


# --- writing -----------------------------------------------------------------------------------


def head(chart: Chart, data: CallData, *, redacted: bool = False) -> JournalLine:
    """The first line: everything a replay begins with."""
    return {
        "journal": "callchart",
        "version": VERSION,
        "chart": chart.name,
        "hash": chart.hash,
        "redacted": redacted,
        "seed": data.seed,
        "settings": asdict(data.settings),
        "facts": {**asdict(data.facts), "parties": _plain_parties(data.facts.parties, redacted)},
    }


def line(n: int, step: Step, *, redacted: bool = False) -> JournalLine:
    """One macrostep. `at` is in microseconds since the call began."""
    made: JournalLine = {
        "n": n,
        "at": step.at_us,
        "event": _plain(step.event, redacted),
        "activation": step.occurrence.activation,
        "from": step.before.leaf,
        "to": step.after.leaf,
        "outcome": step.outcome.value,
        "guards": [list(asked) for asked in step.guards],
        "timers": [list(started) for started in step.started],
        "effects": [
            _plain_effect(effect, redacted)
            for effect in (*step.exit_effects, *step.effects, *step.entry_effects)
        ],
    }
    return {k: v for k, v in made.items() if v not in ([], None)}


class JournalWriter:
    """Writes one call's head and steps to a `Journal`. `redacted` blanks what people said."""

    def __init__(
        self, journal: Journal, chart: Chart, data: CallData, *, redacted: bool = False
    ) -> None:
        self._journal, self._redacted, self._n = journal, redacted, 0
        journal.write(head(chart, data, redacted=redacted))

    def write(self, step: Step) -> None:
        self._journal.write(line(self._n, step, redacted=self._redacted))
        self._n += 1


class JournalFile:
    """A journal in a file, readable by its owner only, each line written as it comes.

    A disk that is full is reported once, through `complain`, and the call goes on. Raises OSError
    where the file cannot be made at all."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self.path, self._complain = path, complain
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)  # of a file that was there before
        # A recogniser's words may hold half a surrogate pair: no reason for a call to end.
        self._file = os.fdopen(
            descriptor, "w", buffering=1, encoding="utf-8", errors="surrogatepass"
        )
        self._whole = True

    def write(self, line: Mapping[str, object]) -> None:
        if not self._whole:
            return
        try:
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        except OSError as error:
            self._whole = False
            self._complain(
                f"journal {self.path}: {error.strerror}; the call goes on, its journal ends here"
            )

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            if self._whole:
                self._whole = False
                self._complain(f"journal {self.path}: {error.strerror}; its end is missing")


class JournalList:
    """A journal in memory: `lines`, the head being the first."""

    def __init__(self) -> None:
        self.lines: list[JournalLine] = []

    def write(self, line: JournalLine) -> None:
        self.lines.append(line)

    def close(self) -> None:
        pass


def _plain(event: Event, redacted: bool) -> JournalLine:
    return {"type": type(event).__name__, **_fields(event, event.words, redacted)}


def _plain_effect(effect: Effect, redacted: bool) -> JournalLine:
    described = effect.described()
    if redacted:
        # Not word by word: an effect may be made of words that are blank by the time of a replay.
        described = {k: "…" if k in effect.words else v for k, v in described.items()}
    return {"effect": effect.name, **described}


def _fields(event: Event, words: tuple[str, ...], redacted: bool) -> JournalLine:
    values = {f.name: getattr(event, f.name) for f in fields(event)}
    return {k: _blank(v) if redacted and k in words else v for k, v in values.items()}


def _plain_parties(parties: Parties, redacted: bool) -> JournalLine:
    if redacted:
        variables = tuple((name, _blank(value)) for name, value in parties.variables)
        parties = replace(
            parties,
            caller=_blank(parties.caller),
            dialled=_blank(parties.dialled),
            variables=variables,
        )
    return asdict(parties)


def _blank(text: Any) -> str:
    return re.sub(r"\w", "x", str(text))


# --- reading and replaying ---------------------------------------------------------------------


def read(path: Path) -> tuple[JournalLine, list[JournalLine]]:
    """A journal's head and its lines. Raises `JournalError`, or OSError where it cannot be read."""
    with path.open("rb") as file:
        texts = file.readlines()
    lines = [_line_of(text) for text in texts]
    start, *rest = lines or [None]
    if start is None or start.get("journal") != "callchart":
        raise JournalError(f"{path}, line 1: this is no Callchart journal (its head is missing)")
    if start.get("version") != VERSION:
        raise JournalError(
            f"{path}: journal version {start.get('version')!r}, and this Callchart reads "
            f"{VERSION}; replay it with the Callchart that wrote it"
        )
    whole = [each for each in rest if each is not None]
    if len(whole) < len(rest):
        bad = rest.index(None)
        what, drop = "no JSON object", "this line and all after it"
        if bad == len(rest) - 1:
            what, drop = "cut off, or no JSON object", "this one"
        raise JournalError(
            f"{path}, line {bad + 2}: {what}; the lines before it are whole: drop {drop} to "
            f"replay them"
        )
    return start, whole


def _line_of(text: bytes) -> JournalLine | None:
    """None where it is none."""
    try:
        read_line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read_line if isinstance(read_line, dict) else None


def beginning(chart: Chart, head: JournalLine) -> CallData:
    """The data that this journal's call began with. Raises `JournalError`, also for another
    chart."""
    if (head.get("chart"), head.get("hash")) != (chart.name, chart.hash):
        raise JournalError(
            f"line 1: the journal belongs to chart {head.get('chart')!r} ({head.get('hash')}), "
            f"this is {chart.name!r} ({chart.hash}); name its chart with --chart, or check out its "
            f"version"
        )
    try:
        seed = member_of(int, head, "seed")
        facts = member_of(Facts, head, "facts")
        settings = type(chart.data().settings).of(member_of(dict, head, "settings"))
    except (NotOfType, SettingError) as error:
        raise JournalError(f"line 1: the journal's head is damaged: {error}") from None
    return chart.data.begin(settings, seed, facts)


def replay(chart: Chart, head: JournalLine, lines: list[JournalLine]) -> Iterator[Step]:
    """Decide every line again, and yield the steps.

    Raises `ReplayDiffers` at the first step that comes out otherwise, `JournalError` where a line
    cannot be understood, which it counts as a file does: the head is line 1. Guards and delays are
    asked anew, except where the words that they depend on were redacted: then the journal's answers
    hold."""
    data = beginning(chart, head)
    standing = Configuration(())
    redacted = bool(head.get("redacted"))
    events = {event.__name__: event for event in (*chart.events, TimerFired, CallStarted)}
    for n, recorded in enumerate(lines):
        judge = _Recorded(n, recorded) if redacted else LIVE
        if n == 0:
            step = begin(chart, data, evaluator=judge)
        else:
            occurrence = _occurrence(n, recorded, events)
            try:
                step = decide(chart, standing, data, occurrence, evaluator=judge)
            except ChartError as error:
                raise JournalError(f"line {_number(n)}: {error}") from None
        # A line of the journal passed through JSON: so does the one it is compared with.
        decided = json.loads(json.dumps(line(n, step, redacted=redacted)))
        if decided != recorded:
            raise ReplayDiffers(n, recorded, decided)
        standing, data = step.after, step.data
        yield step


def _number(n: int) -> int:
    """Of the step's line in a file."""
    return n + 2


def _occurrence(n: int, recorded: JournalLine, events: Mapping[str, type[Event]]) -> Occurrence:
    try:
        plain = member_of(dict, recorded, "event")
        kind = member_of(str, plain, "type", "event.")
        if kind not in events:
            raise NotOfType(f"event.type: {kind!r} is not an event of the chart")
        values = {word: value for word, value in plain.items() if word != "type"}
        event = made_of(events[kind], values, "event")
        activation = made_of(int | None, recorded.get("activation"), "activation")
        return Occurrence(member_of(int, recorded, "at"), event, activation)
    except NotOfType as error:
        raise JournalError(f"line {_number(n)}: {error}") from None


def _event_name(recorded: JournalLine) -> str:
    event = recorded.get("event")
    return str(event.get("type")) if isinstance(event, dict) else "no event"


class _Recorded(Evaluator):
    """Answers as the journal did, question by question."""

    def __init__(self, n: int, recorded: JournalLine) -> None:
        self._n, self._recorded = n, recorded
        try:
            self._guards: list[tuple[str, bool]] = list(
                made_of(tuple[tuple[str, bool], ...], recorded.get("guards", []), "guards")
            )
            timers = made_of(tuple[tuple[str, str, int], ...], recorded.get("timers", []), "timers")
        except NotOfType as error:
            raise JournalError(f"line {_number(n)}: {error}") from None
        self._delays: dict[tuple[str, str], int] = {
            (state, timer): delay for state, timer, delay in timers
        }

    def guard(self, guard: Guard, data: Any, event: Event, at: int) -> bool:
        if not self._guards or self._guards[0][0] != named(guard):
            raise JournalError(
                f"line {_number(self._n)}: the journal has no answer of {named(guard)}"
            )
        return self._guards.pop(0)[1]

    def delay(self, timer: TimerSpec, data: Any, at: int) -> int:
        try:
            return self._delays[timer.state, timer.name]
        except KeyError:
            raise JournalError(
                f"line {_number(self._n)}: the journal has no delay of {timer.state} {timer.name}"
            ) from None

    def late(self, late: Any, data: Any, event: Event) -> bool:
        return bool(self._recorded.get("outcome") == "late")
