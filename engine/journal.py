"""A call's journal: a JSON line for each macrostep, from which every decision can be repeated.

The head holds the beginning of the call: chart, settings, seed, facts. Each further line holds one
step: the event, the outcome, and the results of guards and delays. A journal that is not redacted
holds the caller's words, so only the owner of the file may read it.
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
from callchart.engine.from_json import made_of, member_of
from callchart.engine.ports import Journal
from callchart.engine.settings import SettingError

VERSION = 1

JournalLine = dict[str, Any]


class JournalError(ValueError):
    """A damaged journal. The message names the line, the mistakes in it, and the cure."""


class ReplayDiffers(Exception):
    """The chart now decides a step differently. The message shows the first such step."""

    def __init__(self, n: int, recorded: JournalLine, decided: JournalLine) -> None:
        differing = [k for k in recorded if recorded[k] != decided.get(k)]
        differing += [k for k in decided if k not in recorded]
        differences = "; ".join(
            f"{k}: recorded {recorded.get(k)!r}, decided {decided.get(k)!r}" for k in differing
        )
        super().__init__(f"step {n} ({_event_name(recorded)}) differs: {differences}")
        self.n, self.recorded, self.decided = n, recorded, decided


# --- writing -----------------------------------------------------------------------------------


def head(chart: Chart, data: CallData, *, redacted: bool = False) -> JournalLine:
    """Return the first line: the beginning of the call, for a replay."""
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
    """Return the line of step `n`. Its `at` is in microseconds since the call began."""
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
    """Writes one call's head and steps to a `Journal`. `redacted` blanks all words of people."""

    def __init__(
        self, journal: Journal, chart: Chart, data: CallData, *, redacted: bool = False
    ) -> None:
        self._journal, self._redacted, self._n = journal, redacted, 0
        journal.write(head(chart, data, redacted=redacted))

    def write(self, step: Step) -> None:
        self._journal.write(line(self._n, step, redacted=self._redacted))
        self._n += 1


class JournalFile:
    """A journal in a file that only its owner may read. Each line is written immediately.

    If a write fails (on a full disk), `complain` is called once, and the call goes on.
    Raises OSError if the file cannot be created."""

    def __init__(self, path: Path, complain: Callable[[str], None]) -> None:
        self.path, self._complain = path, complain
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)  # an existing file keeps its mode otherwise
        # A recogniser's words may hold half a surrogate pair, which must not end the call.
        self._file = os.fdopen(
            descriptor, "w", buffering=1, encoding="utf-8", errors="surrogatepass"
        )
        self._is_complete = True

    def write(self, line: Mapping[str, object]) -> None:
        if not self._is_complete:
            return
        try:
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        except OSError as error:
            self._is_complete = False
            self._complain(
                f"journal {self.path}: {error.strerror}; the call goes on without a journal"
            )

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            if self._is_complete:
                self._is_complete = False
                self._complain(f"journal {self.path}: {error.strerror}; its last lines are missing")


class JournalList:
    """A journal in memory: `lines` begins with the head."""

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
        # Not blanks: a replay computes the effect from blank words, maybe with another length.
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
    """Return a journal's head and its other lines.

    Raises `JournalError` for a damaged file, and OSError if it cannot be read."""
    with path.open("rb") as file:
        texts = file.readlines()
    lines = [_line_of(text) for text in texts]
    start, *rest = lines or [None]
    if start is None or start.get("journal") != "callchart":
        raise JournalError(f"{path}, line 1: must be the head of a Callchart journal")
    if start.get("version") != VERSION:
        raise JournalError(
            f"{path}: the journal's version must be {VERSION}, got {start.get('version')!r}; "
            f"replay it with the Callchart that wrote it"
        )
    whole = [each for each in rest if each is not None]
    if len(whole) < len(rest):
        bad = rest.index(None)
        is_last = bad == len(rest) - 1
        what = "is cut off, or is not a JSON object" if is_last else "must be a JSON object"
        drop = "this line" if is_last else "this line and all after it"
        raise JournalError(
            f"{path}, line {bad + 2}: {what}; to replay the lines before it, drop {drop}"
        )
    return start, whole


def _line_of(text: bytes) -> JournalLine | None:
    """Return the JSON object in a line, or None if it has none."""
    try:
        read_line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return read_line if isinstance(read_line, dict) else None


def beginning(chart: Chart, head: JournalLine) -> CallData:
    """Return the data with which the journal's call began.

    Raises `JournalError` if the head is damaged, or if the journal belongs to another chart."""
    if (head.get("chart"), head.get("hash")) != (chart.name, chart.hash):
        raise JournalError(
            f"line 1: the chart must be {head.get('chart')!r} ({head.get('hash')}), got "
            f"{chart.name!r} ({chart.hash}); name the journal's chart with --chart, or check out "
            f"its version"
        )
    mistakes: list[str] = []
    seed = member_of(int, head, "seed", mistakes)
    facts = member_of(Facts, head, "facts", mistakes)
    values = member_of(dict, head, "settings", mistakes)
    settings = chart.data().settings
    if isinstance(values, dict):
        try:
            settings = type(settings).of(values)
        except SettingError as error:
            mistakes.append(str(error))
    if mistakes:
        raise JournalError(f"line 1: the journal's head is damaged: {'; '.join(mistakes)}")
    return chart.data.begin(settings, seed, facts)


def replay(chart: Chart, head: JournalLine, lines: list[JournalLine]) -> Iterator[Step]:
    """Decide every line again, and yield the steps.

    Guards and delays are computed again. For a redacted journal their recorded results are used,
    because the words that they read are blank. Raises `ReplayDiffers` at the first step that
    differs, and `JournalError` for a damaged line (the head is line 1)."""
    data = beginning(chart, head)
    configuration = Configuration(())
    redacted = bool(head.get("redacted"))
    events = {event.__name__: event for event in (*chart.events, TimerFired, CallStarted)}
    for n, recorded in enumerate(lines):
        evaluator = _Recorded(n, recorded) if redacted else LIVE
        if n == 0:
            step = begin(chart, data, evaluator=evaluator)
        else:
            occurrence = _occurrence(n, recorded, events)
            try:
                step = decide(chart, configuration, data, occurrence, evaluator=evaluator)
            except ChartError as error:
                raise JournalError(f"line {_number(n)}: {error}") from None
        # The recorded line passed through JSON, so the decided line must, too.
        decided = json.loads(json.dumps(line(n, step, redacted=redacted)))
        if decided != recorded:
            raise ReplayDiffers(n, recorded, decided)
        configuration, data = step.after, step.data
        yield step


def _number(n: int) -> int:
    """Return the number of a step's line in the file."""
    return n + 2


def _raise_if(mistakes: list[str], n: int) -> None:
    if mistakes:
        raise JournalError(f"line {_number(n)}: {'; '.join(mistakes)}")


def _occurrence(n: int, recorded: JournalLine, events: Mapping[str, type[Event]]) -> Occurrence:
    mistakes: list[str] = []
    at_us = member_of(int, recorded, "at", mistakes)
    activation = made_of(int | None, recorded.get("activation"), "activation", mistakes)
    event = None
    plain = member_of(dict, recorded, "event", mistakes)
    if isinstance(plain, dict):
        name = member_of(str, plain, "type", mistakes, "event.")
        if isinstance(name, str) and name not in events:
            mistakes.append(f"event.type must be an event of the chart, got {name!r}")
        elif isinstance(name, str):
            values = {key: value for key, value in plain.items() if key != "type"}
            event = made_of(events[name], values, "event", mistakes)
    _raise_if(mistakes, n)
    assert event is not None, "a line without an event has a mistake"
    return Occurrence(at_us, event, activation)


def _event_name(recorded: JournalLine) -> str:
    event = recorded.get("event")
    return str(event.get("type")) if isinstance(event, dict) else "no event"


class _Recorded(Evaluator):
    """The results of guards, delays and `late` that the journal recorded for one step."""

    def __init__(self, n: int, recorded: JournalLine) -> None:
        self._n, self._recorded = n, recorded
        mistakes: list[str] = []
        guards = recorded.get("guards", [])
        timers = recorded.get("timers", [])
        guards = made_of(tuple[tuple[str, bool], ...], guards, "guards", mistakes)
        timers = made_of(tuple[tuple[str, str, int], ...], timers, "timers", mistakes)
        _raise_if(mistakes, n)
        self._guards: list[tuple[str, bool]] = list(guards)
        self._delays_us: dict[tuple[str, str], int] = {
            (state, timer): delay_us for state, timer, delay_us in timers
        }

    def guard(self, guard: Guard, data: Any, event: Event, at_us: int) -> bool:
        if not self._guards or self._guards[0][0] != named(guard):
            raise JournalError(
                f"line {_number(self._n)}: the result of the guard {named(guard)} is missing"
            )
        return self._guards.pop(0)[1]

    def delay(self, timer: TimerSpec, data: Any, at_us: int) -> int:
        try:
            return self._delays_us[timer.state, timer.name]
        except KeyError:
            raise JournalError(
                f"line {_number(self._n)}: the delay of the timer {timer.name} of {timer.state} is "
                f"missing"
            ) from None

    def late(self, late: Any, data: Any, event: Event) -> bool:
        return bool(self._recorded.get("outcome") == "late")
