"""What became of a call, turn by turn, read from its journal alone.

Nothing here knows the chart: states are shown by the names that the journal gives, so a chart of
your own is reported like the default one. Some names mean something: the sound of a filler is
heard in `filling`, an answer that is ready waits for it in `filler_ending`, a reply is silent in
`barged_in`, is written again in `thinking`, and still heard in `overlapped`, `hangup` ends the
call; and words to which the guard `takes_the_turn` says no are a backchannel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from callchart.engine.journal import JournalError, JournalLine

OVERLAPPED, BARGED_IN = "overlapped", "barged_in"
TAKES_THE_TURN = "takes_the_turn"
THINKING = "thinking"
FILLING, FILLER_ENDING, HANGUP = "filling", "filler_ending", "hangup"

#: Parents that every state of the default call has: their names say nothing to a reader.
PARENTS = ("call.", "turn.")

#: Purposes of replies that say that something went wrong.
TROUBLE = ("apology", "regret")


class Ending(StrEnum):
    """How a reply ended."""

    SAID = "said"  # heard to its end
    INTERRUPTED = "interrupted"  # the caller took the turn
    FAILED = "failed"  # a provider failed; what there was of it may have been heard
    CUT = "cut"  # by anything else: a hangup, a timer, the end of the journal


@dataclass(frozen=True, slots=True)
class Visit:
    """The call came into `state` (its full name) at `at`, because of `event`."""

    at: float
    state: str
    event: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller said, from the first sound of it to the last (None: the call ended first).

    `text` is the final's, or the last partial's where no final came; "" for a sound without words.
    `known` is when the final was there."""

    number: int
    began: float
    ended: float | None
    text: str
    known: float | None


@dataclass(frozen=True, slots=True)
class Sound:
    """The agent was heard from `began` (the first frame's mark) to `ended`, saying `heard`."""

    began: float
    ended: float
    heard: str


@dataclass(frozen=True, slots=True)
class Filler:
    """A filler was heard from `began` (the first frame's mark) on; `cut`: the answer or the caller
    stopped it at `ended`."""

    text: str
    began: float
    ended: float
    cut: bool


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The caller began to speak into a reply at `speech`, which fell silent `silent_after`
    seconds later.

    Where the reply went on, at `resumed`, it was a backchannel, or without words (`said` is "") a
    false alarm."""

    speech: float
    silent_after: float
    resumed: float | None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time went; None where that part was not passed.

    `total` = `end_of_turn` + `ready` + `filler_wait` + `sound`."""

    #: From the end of the caller's speech: their words are known; the turn is called ended.
    text: float | None = None
    end_of_turn: float | None = None
    #: From there (for a script: from its beginning): a filler is heard; the model's first chunk is
    #: written; the first sound is made.
    filler: float | None = None
    first_chunk: float | None = None
    ready: float | None = None
    #: The answer is ready, and waits for the filler's word to end.
    filler_wait: float | None = None
    #: From there: the first sound is heard.
    sound: float | None = None
    #: From the end of the caller's speech to the first sound of the answer.
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """`what` failed (a stage of a reply, a provider, a timer that went off), for which reply."""

    at: float
    what: str
    reason: str
    reply: int | None


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of the agent's, and what led to it since the reply before was over.

    `asked` are the caller's words that it answers ("" for a greeting, a reprompt, a goodbye),
    `said` those that the caller heard of it. `called` is when it was begun. Its text was cut into
    `chunks`, `marked` of the cuts were the model's own; None where it was over before its text was
    whole. `states` are those passed in this turn; those of all turns, one after the other, are the
    whole call."""

    reply: int
    purpose: str
    asked: str
    said: str
    ending: Ending
    #: When the caller fell silent before it, if there was a question.
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
    """The call went into its hangup at `at`, from `state`; `cause` in words."""

    at: float
    state: str
    cause: str


@dataclass(frozen=True, slots=True)
class Report:
    """A whole call. All times are seconds since it began, to the millisecond.

    `unanswered` are words of the caller's that no reply was begun for. `ended` is None where the
    journal stops in the middle of the call. `drafts` is how many answers were begun before the turn
    was over, `drafts_dropped` how many of them in vain."""

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

    @property
    def states(self) -> tuple[Visit, ...]:
        """Every state passed, in order."""
        return tuple(visit for turn in self.turns for visit in turn.states)

    def counts(self) -> dict[str, int]:
        """How often what happened."""
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
        }

    def as_json(self) -> dict[str, Any]:
        """The same, ready for `json.dumps`."""
        return {"report": "callchart", "version": 1, **asdict(self), "counts": self.counts()}


def report(head: JournalLine, lines: Sequence[JournalLine]) -> Report:
    """What the journal tells (see `callchart.engine.journal.read`).

    Raises `JournalError` for a line that cannot be understood."""
    reading = _Reading()
    for n, line in enumerate(lines):
        try:
            reading.take(line)
        except (KeyError, TypeError, AttributeError) as error:
            raise JournalError(
                f"step {n} of the journal cannot be understood ({type(error).__name__}: {error}); "
                f"drop it and those after it to report what came before"
            ) from None
    return reading.report(head)


def in_words(event: Mapping[str, Any]) -> str:
    """An event as people say it: "speech started", "after no_input"."""
    if event["type"] == "TimerFired":
        return f"after {event['timer']}"
    return re.sub(r"(?<=.)([A-Z])", r" \1", event["type"]).lower()


def ending_in_words(event: Mapping[str, Any]) -> str:
    """Why a call went into its hangup: the event that took it there."""
    match event["type"]:
        case "CallerHungUp":
            cause = event["cause"]
            return "the caller hung up" + ("" if cause == "normal" else f" ({cause})")
        case "LineClosed":
            return "the line closed"
        case "PlaybackFinished":
            return "the agent had said its last words"
        case _:
            return in_words(event)


def short(state: str) -> str:
    """A state's name without the parents that all states have: `speaking.chunks`."""
    for parent in PARENTS:
        state = state.removeprefix(parent)
    return state


def _seconds(microseconds: int) -> float:
    return round(microseconds / 1_000_000, 3)


def _between(begun: int | None, ended: int | None) -> float | None:
    if begun is None or ended is None:
        return None
    return _seconds(max(0, ended - begun))


@dataclass
class _Reply:
    """A reply as the lines tell of it. Times in microseconds."""

    number: int
    purpose: str
    called: int
    #: Index of the first state that was entered for it.
    visit: int
    asked: str
    speech_ended: int | None = None
    text_known: int | None = None
    #: What `ReplyWritten` says of its text.
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
    #: Index of the first state after it: the next turn's first.
    over: int | None = None

    @property
    def barged_in(self) -> bool:
        """The caller spoke into it, and it has not gone on."""
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
    """Takes a journal's lines in order. Local to `report`; what leaves this module is frozen."""

    def __init__(self) -> None:
        self.at = 0
        self.visits: list[Visit] = []
        self.replies: list[_Reply] = []
        #: Answers begun before they were certain, by number.
        self.drafts: dict[int, _Reply] = {}
        self.utterances: dict[int, Utterance] = {}
        self.failures: list[Failure] = []
        self.ended: CallEnd | None = None
        #: Finals that no reply was begun for yet, partials without one by their utterance, and when
        #: the last final was known.
        self.question: list[str] = []
        self.partials: dict[int, str] = {}
        self.text_known: int | None = None
        #: Numbers of utterances: the last begun, ended (and when), and answered.
        self.begun = 0
        self.silent = 0
        self.silent_since: int | None = None
        self.answered = 0
        #: Since when what sounds or waits: a reply, a filler, a reply for a filler.
        self.sounding: int | None = None
        self.filling: tuple[int, str] | None = None
        self.waiting: int | None = None

    @property
    def reply(self) -> _Reply | None:
        """The reply under way."""
        if self.replies and not self.replies[-1].finished:
            return self.replies[-1]
        return None

    def take(self, line: JournalLine) -> None:
        self.at = line["at"]
        event, outcome = line["event"], line["outcome"]
        before = (line["from"] or "").split(".")
        if outcome == "taken":
            self._came_into(line["to"], line["from"], event)
        match event["type"]:
            case "SpeechStarted" | "SpeechEnded" | "PartialHeard" | "FinalHeard":
                takes_the_turn = [TAKES_THE_TURN, False] not in line.get("guards", ())
                self._caller(event, outcome, line["to"], takes_the_turn)
            case _ if outcome in ("stale", "late"):
                pass  # of a reply that was over
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
        if outcome == "taken" and BARGED_IN in before and THINKING in line["to"].split("."):
            self._goes_on(self.reply)
        for effect in line.get("effects", ()):
            if effect["effect"] == "StartReply":
                self._begin(effect, event)
            elif effect["effect"] == "StartDraft":
                number, purpose = effect["reply"], effect["purpose"]
                self.drafts[number] = _Reply(number, purpose, self.at, 0, "")

    # --- the states ----------------------------------------------------------------------------

    def _came_into(self, state: str, before: str, event: Mapping[str, Any]) -> None:
        at = _seconds(self.at)
        self.visits.append(Visit(at, state, in_words(event)))
        names = state.split(".")
        if HANGUP in names and self.ended is None:
            self.ended = CallEnd(at, before, ending_in_words(event))
        if BARGED_IN in names and event["type"] == "TimerFired" and self.begun in self.utterances:
            # Of what the caller's own event leads to, the event tells: it knows the utterance.
            self._barge_in(self.utterances[self.begun])
        if FILLING not in names:
            self._filler_over(cut=event["type"] != "FillerFinished")
        if FILLER_ENDING in names:
            self.waiting = self.at
        elif self.waiting is not None:
            if self.replies:
                self.replies[-1].filler_wait = self.at - self.waiting
            self.waiting = None

    def _filler_over(self, *, cut: bool) -> None:
        if self.replies and self.filling is not None:
            began, text = self.filling
            self.replies[-1].filler_began = began
            self.replies[-1].filler = Filler(text, _seconds(began), _seconds(self.at), cut)
        self.filling = None

    # --- the caller ----------------------------------------------------------------------------

    def _caller(
        self, event: Mapping[str, Any], outcome: str, state: str, takes_the_turn: bool
    ) -> None:
        number, at = event["utterance"], _seconds(self.at)
        # An event that was put off comes twice: what it says was true the first time.
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
        if outcome == "taken" and event["type"] != "SpeechEnded" and OVERLAPPED not in state:
            self._barge_in(known)

    @property
    def words(self) -> str:
        """What the caller said that no reply was begun for yet."""
        return " ".join([*self.question, *(self.partials[of] for of in sorted(self.partials))])

    def _words(self, event: Mapping[str, Any], takes_the_turn: bool) -> None:
        number = event["utterance"]
        match event["type"], event.get("text", "").strip():
            case "PartialHeard", text if text:
                self.partials[number] = text
            case "FinalHeard", text:
                owed = [self.partials[of] for of in sorted(self.partials) if of < number]
                self.partials = {of: t for of, t in self.partials.items() if of > number}
                if takes_the_turn and (said := [*owed, *([text] if text else [])]):
                    self.question += said
                    self.text_known = self.at

    def _barge_in(self, spoken: Utterance) -> None:
        reply = self.reply
        if reply is None or reply.barged_in:
            return  # they go on speaking, or their words arrive
        silent_after = round(_seconds(self.at) - spoken.began, 3)
        reply.barge_ins.append(BargeIn(spoken.began, silent_after, None))
        reply.over = len(self.visits) - 1

    def _goes_on(self, reply: _Reply | None) -> None:
        """If the caller spoke into it, they did not interrupt it."""
        if reply is not None and reply.barged_in:
            reply.barge_ins[-1] = replace(reply.barge_ins[-1], resumed=_seconds(self.at))
            reply.over, self.partials = None, {}

    # --- the agent -----------------------------------------------------------------------------

    def _begin(self, effect: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        visit = max(0, len(self.visits) - 1)
        if (before := self.reply) is not None and before.over is None:
            before.over = visit
        if effect["purpose"] in TROUBLE and event["type"] == "TimerFired":
            number = before.number if before else None
            self.failures.append(
                Failure(_seconds(self.at), event["timer"], f"went off in {event['state']}", number)
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
        self._goes_on(reply)
        if event["type"] == "PlaybackStarted":
            self.sounding = self.at
            reply.first_sound = self.at if reply.first_sound is None else reply.first_sound
        elif event["type"] == "PlaybackFinished":
            reply.finished, reply.over = True, len(self.visits) - (outcome == "taken")

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

    def _of(self, number: int | None) -> _Reply | None:
        replies = (*self.drafts.values(), *self.replies)
        return next((r for r in reversed(replies) if r.number == number), None)

    # --- the whole -----------------------------------------------------------------------------

    def report(self, head: JournalLine) -> Report:
        facts = head.get("facts") or {}
        if self.sounding is not None and self.replies:
            # The journal stops while the agent speaks: which words were heard is not known.
            self.replies[-1].sounds.append(Sound(_seconds(self.sounding), _seconds(self.at), ""))
        self._filler_over(cut=True)
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
        )

    def _turns(self) -> tuple[Turn, ...]:
        turns, begins = [], 0
        said = {utterance.began: utterance.text for utterance in self.utterances.values()}
        for n, reply in enumerate(self.replies):
            last = n == len(self.replies) - 1
            ends = len(self.visits) if last or reply.over is None else reply.over
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
