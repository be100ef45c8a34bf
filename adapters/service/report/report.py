"""The report of a call, turn by turn, from its journal and its chart.

The chart declares the roles of its states ("filler", "overlapped", "hangup", ...), so a chart of
your own is reported like the default one. The journal has the events, the effects and their times.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from callchart.engine.chart import Chart
from callchart.engine.chart.machine import SEPARATOR
from callchart.engine.journal import JournalError, JournalLine

#: Roles of states in which a reply is prepared, heard or paused.
REPLYING = frozenset(
    [
        *("greeting", "thinking", "filler", "filler_ending", "speaking"),
        *("overlapped", "interrupted", "transferring"),
    ]
)
#: Roles of states in which the caller has the turn.
CALLERS_TURN = frozenset(["listening", "settling"])
FILLING = frozenset(["filler", "filler_ending"])

#: Purposes of replies that report an error.
TROUBLE = ("apology", "regret")


class Ending(StrEnum):
    """The manner in which a reply ended."""

    SAID = "said"  # heard to its end
    INTERRUPTED = "interrupted"  # the caller took the turn
    FAILED = "failed"  # a provider failed; the finished part may have been heard
    CUT = "cut"  # by something else: a hangup, a timer, the end of the journal


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit: the call entered `state` (its full name) at `at`, because of `event`.

    `name` is its short name, see `short`."""

    at: float
    state: str
    name: str
    event: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """An utterance of the caller, from its first sound to its last (None: the call ended first).

    `text` is the text of the final result, or of the last partial if there is no final; "" for a
    sound without words.
    `known` is the time of the final."""

    number: int
    began: float
    ended: float | None
    text: str
    known: float | None


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of the agent's speech, from `began` (the first frame's mark) to `ended`.

    `heard` are its words."""

    began: float
    ended: float
    heard: str


@dataclass(frozen=True, slots=True)
class Filler:
    """A filler, heard from `began` (the first frame's mark) to `ended`.

    `cut`: the answer or the caller stopped it."""

    text: str
    began: float
    ended: float
    cut: bool


@dataclass(frozen=True, slots=True)
class BargeIn:
    """A barge-in: the caller began to speak during a reply, at `speech`. The reply fell silent
    `silent_after` seconds later.

    If the reply continued at `resumed`, the speech was a backchannel, or, without words (`said` is
    ""), a false alarm."""

    speech: float
    silent_after: float
    resumed: float | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A use of a tool; `number` counts the uses of the call.

    `began` is None for a tool that is cancelled with its reply: the journal has only its end.
    `ended` is None if the call ended first. A redacted journal blanks `arguments` (JSON) and
    `result`."""

    number: int
    name: str
    began: float | None
    ended: float | None
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the caller's telephone; `digit` is "x" in a redacted journal."""

    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class Latency:
    """The parts of a reply's latency, in seconds; None for a part that did not happen.

    `total` = `end_of_turn` + `ready` + `filler_wait` + `sound`."""

    #: From the end of the caller's speech to their words, and to the end of their turn.
    text: float | None = None
    end_of_turn: float | None = None
    #: From the end of the turn (for a script: from its request) to the filler, to the model's first
    #: chunk, and to the first synthesized sound.
    filler: float | None = None
    first_chunk: float | None = None
    ready: float | None = None
    #: The wait of a ready answer for the end of the filler's word.
    filler_wait: float | None = None
    #: From a ready answer, after that wait, to the first heard sound.
    sound: float | None = None
    #: From the end of the caller's speech to the first sound of the answer.
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed stage of a reply, a failed provider, or a timer that fired.

    `reply` is the number of its reply, if it belongs to one."""

    at: float
    what: str
    reason: str
    reply: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of the agent, and the time before it since the previous reply.

    `asked` are the caller's words that it answers ("" for a greeting, a reprompt, a goodbye),
    `said` the words that the caller heard. `called` is when it began. Its text was cut into
    `chunks`; `marked` of the cuts were the model's own; both are None if it ended before its text
    was complete. `states` are the states of this turn; those of all turns make up the call."""

    reply: int
    purpose: str
    asked: str
    said: str
    ending: Ending
    #: When the caller fell silent before it, if they asked something.
    speech_ended: float | None
    called: float
    latency: Latency
    chunks: int | None
    marked: int | None
    filler: Filler | None
    barge_ins: tuple[BargeIn, ...]
    sounds: tuple[Sound, ...]
    states: tuple[Visit, ...]

    @property
    def false_alarms(self) -> tuple[BargeIn, ...]:
        return tuple(b for b in self.barge_ins if b.resumed is not None and not b.said)

    @property
    def backchannels(self) -> tuple[BargeIn, ...]:
        return tuple(b for b in self.barge_ins if b.resumed is not None and b.said)


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The begin of the hangup, at `at` and from `state`, with its cause in words."""

    at: float
    state: str
    cause: str


@dataclass(frozen=True, slots=True)
class Report:
    """A whole call. All times are seconds since its begin, to the millisecond.

    `unanswered` are the caller's words without a reply. `ended` is None if the journal stops in the
    middle of the call. `drafts` counts the answers that began before the end of a turn,
    `drafts_dropped` those of them that were not used."""

    call: str
    chart: str
    hash: str
    redacted: bool
    duration: float
    ended: CallEnd | None
    turns: tuple[Turn, ...]
    utterances: tuple[Utterance, ...]
    unanswered: str
    failures: tuple[Failure, ...]
    drafts: int = 0
    drafts_dropped: int = 0
    tools: tuple[ToolUse, ...] = ()
    keys: tuple[Key, ...] = ()

    @property
    def states(self) -> tuple[Visit, ...]:
        """Every state of the call, in order."""
        return tuple(visit for turn in self.turns for visit in turn.states)

    def counts(self) -> dict[str, int]:
        """Return how often each kind of thing happened."""
        purposes = [turn.purpose for turn in self.turns]
        return {
            "turns": len(self.turns),
            "answers": purposes.count("answer"),
            "fillers": sum(turn.filler is not None for turn in self.turns),
            "interruptions": sum(turn.ending is Ending.INTERRUPTED for turn in self.turns),
            "false_alarms": sum(len(turn.false_alarms) for turn in self.turns),
            "backchannels": sum(len(turn.backchannels) for turn in self.turns),
            "reprompts": purposes.count("reprompt"),
            "apologies": sum(purposes.count(purpose) for purpose in TROUBLE),
            "failures": len(self.failures),
            "drafts": self.drafts,
            "drafts_dropped": self.drafts_dropped,
            "tools": len(self.tools),
            "keys": len(self.keys),
        }

    def as_json(self) -> dict[str, Any]:
        """Return the report as a value for `json.dumps`."""
        return {"report": "callchart", "version": 1, **asdict(self), "counts": self.counts()}


def report(chart: Chart, head: JournalLine, lines: Sequence[JournalLine]) -> Report:
    """Return the report of a journal (`callchart.engine.journal.read`) of this chart.

    A state that the chart does not have is shown by its name, without a role. Raises `JournalError`
    for a line that cannot be understood."""
    reading = _Reading(chart)
    for n, line in enumerate(lines):
        try:
            reading.read_line(line)
        except (KeyError, TypeError, AttributeError) as error:
            raise JournalError(
                f"step {n} of the journal cannot be understood ({type(error).__name__}: {error}); "
                f"remove it and the lines after it to report the steps before"
            ) from None
    return reading.report(head)


def in_words(event: Mapping[str, Any]) -> str:
    """Return an event in words: "speech started", "after no_input"."""
    if event["type"] == "TimerFired":
        return f"after {event['timer']}"
    return re.sub(r"(?<=.)([A-Z])", r" \1", event["type"]).lower()


def ending_in_words(event: Mapping[str, Any]) -> str:
    """Return the cause of a hangup in words: the event that led there."""
    match event["type"]:
        case "CallerHungUp":
            cause = event["cause"]
            return "the caller hung up" + ("" if cause == "normal" else f" ({cause})")
        case "LineClosed":
            return "the line closed"
        case "PlaybackFinished":
            return "the agent hung up after its last reply"
        case _:
            return in_words(event)


def roles(chart: Chart, state: str | None) -> frozenset[str]:
    """Return the roles of a state and of its parents. An unknown state has no roles."""
    return frozenset(chart.roles(state) if state is not None and state in chart.nodes else ())


def short(chart: Chart, state: str) -> str:
    """Return a state's name without its outer parents, which only group states with roles.

    For example, `speaking.chunks`."""
    node, name = chart.nodes.get(state), state
    for parent in node.ancestors if node else ():
        prefix = f"{parent}{SEPARATOR}"
        if chart.nodes[parent].state.role or not any(
            other.state.role for path, other in chart.nodes.items() if path.startswith(prefix)
        ):
            break
        name = state.removeprefix(prefix)
    return name


def _seconds(microseconds: int) -> float:
    return round(microseconds / 1_000_000, 3)


def _between(begun: int | None, ended: int | None) -> float | None:
    if begun is None or ended is None:
        return None
    return _seconds(max(0, ended - begun))


@dataclass
class _Reply:
    """A reply, as far as the lines read so far show it. Times in microseconds."""

    number: int
    purpose: str
    called: int
    #: Index of the first state of its turn.
    visit: int
    asked: str
    speech_ended: int | None = None
    text_known: int | None = None
    #: From `ReplyWritten`.
    chunks: int | None = None
    marked: int | None = None
    first_chunk: float | None = None
    ready: int | None = None
    first_sound: int | None = None
    filler_began: int | None = None
    filler: Filler | None = None
    filler_wait: int | None = None
    barge_ins: list[BargeIn] = field(default_factory=list)
    sounds: list[Sound] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    failed: bool = False
    finished: bool = False
    #: Index of the first state of the next turn.
    next_visit: int | None = None

    @property
    def barged_in(self) -> bool:
        """Return whether the caller spoke into the reply, and it has not continued since."""
        return bool(self.barge_ins) and self.barge_ins[-1].resumed is None

    def ending(self) -> Ending:
        if self.failed:
            return Ending.FAILED
        if self.finished:
            return Ending.SAID
        return Ending.INTERRUPTED if self.barged_in else Ending.CUT

    def latency(self) -> Latency:
        waited = None if self.ready is None else self.ready + (self.filler_wait or 0)
        return Latency(
            text=_between(self.speech_ended, self.text_known),
            end_of_turn=_between(self.speech_ended, self.called),
            filler=_between(self.called, self.filler_began),
            first_chunk=None if self.first_chunk is None else round(self.first_chunk, 3),
            ready=_between(self.called, self.ready),
            filler_wait=None if self.filler_wait is None else _seconds(self.filler_wait),
            sound=_between(waited, self.first_sound),
            total=_between(self.speech_ended, self.first_sound),
        )


class _Reading:
    """The state of the reading of a journal, line by line. Mutable, and local to `report`."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.at = 0
        self.visits: list[Visit] = []
        self.replies: list[_Reply] = []
        #: Drafts, by number.
        self.drafts: dict[int, _Reply] = {}
        self.utterances: dict[int, Utterance] = {}
        self.failures: list[Failure] = []
        self.tools: dict[int, ToolUse] = {}
        self.keys: list[Key] = []
        self.ended: CallEnd | None = None
        #: Finals without a reply so far, partials without a final by utterance, and the time of the
        #: last final.
        self.question: list[str] = []
        self.partials: dict[int, str] = {}
        self.text_known: int | None = None
        #: Numbers of utterances: the last that began, ended (and when), and was answered.
        self.begun = 0
        self.silent = 0
        self.silent_since: int | None = None
        self.answered = 0
        #: The begin of the present sound, of the present filler (with its text), and of the present
        #: wait for the end of a filler.
        self.sounding: int | None = None
        self.filling: tuple[int, str] | None = None
        self.waiting: int | None = None

    @property
    def reply(self) -> _Reply | None:
        """The current reply, if it has not finished."""
        if self.replies and not self.replies[-1].finished:
            return self.replies[-1]
        return None

    def read_line(self, line: JournalLine) -> None:
        self.at = line["at"]
        event, outcome = line["event"], line["outcome"]
        before, after = roles(self.chart, line["from"]), roles(self.chart, line["to"])
        if outcome == "taken":
            self._enter(line["to"], line["from"], event)
        match event["type"]:
            case "SpeechStarted" | "SpeechEnded" | "PartialHeard" | "FinalHeard":
                # Words during a reply count only if the caller takes the turn with them.
                takes_the_turn = not (REPLYING & before) or bool(CALLERS_TURN & after)
                self._caller_event(event, outcome, after, takes_the_turn)
            case "ToolUnderWay" | "ToolFinished":
                self._tool(event)
            case "DigitReceived":
                self.keys.append(Key(_seconds(self.at), event["digit"]))
            case _ if outcome in ("stale", "late"):
                pass  # about a reply that has ended
            case "ReplyFailed" | "HearingFailed":
                self._failed(event)
            case "ReplyWritten":
                self._written(event)
            case "ReplyReady" | "PlaybackStarted" | "SoundQueued" | "PlaybackFinished":
                self._progress(event, outcome)
            case "FillerStarted":
                self.filling = (self.at, event["text"])
            case "PlaybackStopped":
                self._stopped(event)
        if outcome == "taken" and "interrupted" in before and "thinking" in after:
            self._resume(self.reply)
        for effect in line.get("effects", ()):
            if effect["effect"] == "StartReply":
                self._begin(effect, event)
            elif effect["effect"] == "StartDraft":
                number, purpose = effect["reply"], effect["purpose"]
                self.drafts[number] = _Reply(number, purpose, self.at, 0, "")

    # --- the states ----------------------------------------------------------------------------

    def _enter(self, state: str, before: str, event: Mapping[str, Any]) -> None:
        at, entered = _seconds(self.at), roles(self.chart, state)
        self.visits.append(Visit(at, state, short(self.chart, state), in_words(event)))
        if "hangup" in entered and self.ended is None:
            self.ended = CallEnd(at, before, ending_in_words(event))
        if (
            "interrupted" in entered
            and event["type"] == "TimerFired"
            and self.begun in self.utterances
        ):
            # An event of the caller has the number of its utterance, see `_caller_event`.
            self._barge_in(self.utterances[self.begun])
        if not FILLING & entered:
            self._end_filler(cut=event["type"] != "FillerFinished")
        if "filler_ending" in entered:
            self.waiting = self.at
        elif self.waiting is not None:
            if self.replies:
                self.replies[-1].filler_wait = self.at - self.waiting
            self.waiting = None

    def _end_filler(self, *, cut: bool) -> None:
        if self.replies and self.filling is not None:
            began, text = self.filling
            self.replies[-1].filler_began = began
            self.replies[-1].filler = Filler(text, _seconds(began), _seconds(self.at), cut)
        self.filling = None

    # --- the caller ----------------------------------------------------------------------------

    def _caller_event(
        self, event: Mapping[str, Any], outcome: str, after: frozenset[str], takes_the_turn: bool
    ) -> None:
        number, at = event["utterance"], _seconds(self.at)
        # A deferred event comes twice; the first time counts.
        known = self.utterances.setdefault(number, Utterance(number, at, None, "", None))
        self.begun = max(self.begun, number)
        match event["type"]:
            case "SpeechEnded" if known.ended is None:
                known = replace(known, ended=at)
                self.silent, self.silent_since = number, self.at
            case "PartialHeard" if known.known is None:
                known = replace(known, text=event["text"].strip())
            case "FinalHeard":
                # A recogniser may split an utterance in two.
                before = known.text if known.known is not None else ""
                text = f"{before} {event['text']}".strip()
                known = replace(known, text=text, known=at if known.known is None else known.known)
        self.utterances[number] = known
        if outcome in ("taken", "stayed"):
            self._words(event, takes_the_turn)
        if outcome == "taken" and event["type"] != "SpeechEnded" and "overlapped" not in after:
            self._barge_in(known)

    @property
    def words(self) -> str:
        """The caller's words without a reply so far."""
        return " ".join([*self.question, *(self.partials[of] for of in sorted(self.partials))])

    def _words(self, event: Mapping[str, Any], takes_the_turn: bool) -> None:
        number = event["utterance"]
        match event["type"], event.get("text", "").strip():
            case "PartialHeard", text if text:
                self.partials[number] = text
            case "FinalHeard", text:
                earlier = [self.partials[of] for of in sorted(self.partials) if of < number]
                self.partials = {of: t for of, t in self.partials.items() if of > number}
                if takes_the_turn and (said := [*earlier, *([text] if text else [])]):
                    self.question += said
                    self.text_known = self.at

    def _barge_in(self, spoken: Utterance) -> None:
        reply = self.reply
        if reply is None or reply.barged_in:
            return  # the caller continues, or their words arrive
        silent_after = round(_seconds(self.at) - spoken.began, 3)
        reply.barge_ins.append(BargeIn(spoken.began, silent_after, None))
        reply.next_visit = len(self.visits) - 1

    def _resume(self, reply: _Reply | None) -> None:
        """Note that a reply continues: the speech into it did not interrupt it."""
        if reply is not None and reply.barged_in:
            reply.barge_ins[-1] = replace(reply.barge_ins[-1], resumed=_seconds(self.at))
            reply.next_visit, self.partials = None, {}

    # --- the agent -----------------------------------------------------------------------------

    def _begin(self, effect: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        visit = max(0, len(self.visits) - 1)
        if (before := self.reply) is not None and before.next_visit is None:
            before.next_visit = visit
        if effect["purpose"] in TROUBLE and event["type"] == "TimerFired":
            number = before.number if before else None
            self.failures.append(
                Failure(_seconds(self.at), event["timer"], f"fired in {event['state']}", number)
            )
            if before is not None:
                before.failed = True
        asked = self.words
        if (reply := self.drafts.get(effect["reply"])) is not None:
            reply.called, reply.visit, reply.asked = self.at, visit, asked
            reply.ready = None if reply.ready is None else self.at
        else:
            reply = _Reply(effect["reply"], effect["purpose"], self.at, visit, asked)
        if asked and self.silent == self.begun > self.answered:
            reply.speech_ended, reply.text_known = self.silent_since, self.text_known
        self.replies.append(reply)
        self.question, self.partials, self.text_known, self.answered = [], {}, None, self.silent

    def _written(self, event: Mapping[str, Any]) -> None:
        if (reply := self._of(event["reply"])) is not None:
            reply.chunks, reply.marked = event["chunks"], event["marked"]
            reply.first_chunk = event.get("first_chunk")

    def _progress(self, event: Mapping[str, Any], outcome: str) -> None:
        reply = self._of(event["reply"])
        if reply is None:
            return
        if event["type"] == "ReplyReady":
            reply.ready = self.at if reply.ready is None else reply.ready
            return
        self._resume(reply)
        if event["type"] == "PlaybackStarted":
            self.sounding = self.at
            reply.first_sound = self.at if reply.first_sound is None else reply.first_sound
        elif event["type"] == "PlaybackFinished":
            reply.finished, reply.next_visit = True, len(self.visits) - (outcome == "taken")

    def _stopped(self, event: Mapping[str, Any]) -> None:
        reply = self._of(event["reply"])
        if reply is None:
            return
        if event["heard"]:
            reply.said.append(event["heard"])
        if self.sounding is not None:
            sound = Sound(_seconds(self.sounding), _seconds(self.at), event["heard"])
            reply.sounds.append(sound)
        self.sounding = None

    def _failed(self, event: Mapping[str, Any]) -> None:
        number = event.get("reply")
        if (reply := self._of(number)) is not None:
            reply.failed = True
        what = event["stage"] if "stage" in event else event["provider"]
        self.failures.append(Failure(_seconds(self.at), what, event["reason"], number))

    def _tool(self, event: Mapping[str, Any]) -> None:
        number, at = event["use"], _seconds(self.at)
        if number not in self.tools:
            under_way = event["type"] == "ToolUnderWay"
            self.tools[number] = ToolUse(
                number, event["name"], at if under_way else None, None, event["arguments"], ""
            )
        if event["type"] == "ToolFinished":
            self.tools[number] = replace(self.tools[number], ended=at, result=event["result"])

    def _of(self, number: int | None) -> _Reply | None:
        replies = (*self.drafts.values(), *self.replies)
        return next((r for r in reversed(replies) if r.number == number), None)

    # --- the whole -----------------------------------------------------------------------------

    def report(self, head: JournalLine) -> Report:
        facts = head.get("facts") or {}
        if self.sounding is not None and self.replies:
            # The journal stops while the agent speaks: the heard words are unknown.
            self.replies[-1].sounds.append(Sound(_seconds(self.sounding), _seconds(self.at), ""))
        self._end_filler(cut=True)
        return Report(
            call=facts.get("call_id", ""),
            chart=head.get("chart", ""),
            hash=head.get("hash", ""),
            redacted=bool(head.get("redacted")),
            duration=_seconds(self.at),
            ended=self.ended,
            turns=self._turns(),
            utterances=tuple(self.utterances[number] for number in sorted(self.utterances)),
            unanswered=self.words,
            failures=tuple(self.failures),
            drafts=len(self.drafts),
            drafts_dropped=sum(draft not in self.replies for draft in self.drafts.values()),
            tools=tuple(self.tools[number] for number in sorted(self.tools)),
            keys=tuple(self.keys),
        )

    def _turns(self) -> tuple[Turn, ...]:
        turns, begins = [], 0
        said = {utterance.began: utterance.text for utterance in self.utterances.values()}
        for n, reply in enumerate(self.replies):
            last = n == len(self.replies) - 1
            ends = len(self.visits) if last or reply.next_visit is None else reply.next_visit
            turns.append(
                Turn(
                    reply=reply.number,
                    purpose=reply.purpose,
                    asked=reply.asked,
                    said=" ".join(reply.said),
                    ending=reply.ending(),
                    speech_ended=_between(0, reply.speech_ended),
                    called=_seconds(reply.called),
                    latency=reply.latency(),
                    chunks=reply.chunks,
                    marked=reply.marked,
                    filler=reply.filler,
                    barge_ins=tuple(replace(b, said=said[b.speech]) for b in reply.barge_ins),
                    sounds=tuple(reply.sounds),
                    states=tuple(self.visits[begins:ends]),
                )
            )
            begins = ends
        return tuple(turns)
