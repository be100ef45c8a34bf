"""The environment of a phone call in an exploration, with the abstraction of the call's data."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from callchart.engine.chart import Chart, Step
from callchart.engine.data import CallData, Facts, FillerClip, Scripts
from callchart.engine.effects import (
    AnswerLine,
    HangUpLine,
    StartDraft,
    StartReply,
    StopPlayback,
    TransferCall,
)
from callchart.engine.events import Event, PlaybackStopped, SpeechStarted
from callchart.engine.exploration import NOW, EnvironmentMove, Property, SearchState
from callchart.engine.exploration.environment import ports
from callchart.engine.exploration.environment.abstraction import (
    Abstraction,
    Forget,
    nothing,
    spoken,
)
from callchart.engine.exploration.environment.custom_events import custom_moves
from callchart.engine.exploration.environment.properties import properties
from callchart.engine.exploration.environment.state import EnvironmentState

#: The texts that a caller may say: one without words, and one with words.
WORDS = ("", "words")

FILLERS = (FillerClip("Well,", 0.5, (0.2, 0.5)),)
#: More turns than one call can have.
ALL_TURNS = 1_000_000
#: Scripts with one filler and one backchannel, as examples of all others.
SCRIPTS = Scripts(fillers=("Well,",), backchannels=("uh-huh",))


@dataclass(frozen=True)
class Phone:
    """`callchart.engine.exploration.Model` of calls on a phone line.

    `name` distinguishes it from other models of the chart. `words` are the texts that the caller
    may say: one for each kind that a guard distinguishes. `word_for` returns the representative of
    a text. `keys` are the keys that the caller may press, again one for each kind. `settings` are
    those that differ from the defaults. The caller speaks at most `turns` times. At most
    `under_way` utterances have no final, and at most `under_way` equal events are deferred."""

    chart: Chart
    name: str = ""
    words: Sequence[str] = WORDS
    keys: Sequence[str] = ("1",)
    word_for: Callable[[str], str] = spoken
    forget: Forget = nothing
    more_properties: Sequence[Property] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    turns: int = 2
    under_way: int = 2

    @property
    def properties(self) -> Sequence[Property]:
        """The properties of every call on a phone line, and those of the chart."""
        return (*properties(self.chart), *self.more_properties)

    def initial_data(self) -> Sequence[CallData]:
        settings = type(self.chart.data().settings).of(dict(self.settings))
        facts = Facts(scripts=SCRIPTS, fillers=FILLERS)
        return (self.chart.data.begin(settings, 0, facts),)

    def of_one_call(self) -> Phone:
        return replace(self, turns=ALL_TURNS, under_way=ALL_TURNS)

    def initial_environment(self) -> EnvironmentState:
        return EnvironmentState(turns=self.turns)

    # --- the moves of the environment ----------------------------------------------------------

    def is_urgent(self, environment: EnvironmentState) -> bool:
        return bool(environment.raised)

    def moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        deferred = [occurrence.event for occurrence in state.configuration.deferred]
        return tuple(
            move
            for move in self._moves(state)
            if type(move.event) in self._known
            and (deferred.count(move.event) < self.under_way or state.environment.raised)
        )

    @cached_property
    def _known(self) -> frozenset[type[Event]]:
        return frozenset(self.chart.events)

    def _moves(self, state: SearchState) -> Iterator[EnvironmentMove]:
        configuration, data, now = state
        if now.raised:
            first, *rest = now.raised
            yield EnvironmentMove(
                "the heard words are reported", first, now._replace(raised=tuple(rest))
            )
            return
        yield from ports.line(now, self.keys)
        yield from ports.operator(now)
        deferred = (occurrence.event for occurrence in configuration.deferred)
        begun = {event.utterance for event in deferred if isinstance(event, SpeechStarted)}
        may_speak = len(begun.union(now.pending_finals)) < self.under_way
        yield from ports.hear(now, self.words, data, may_speak)
        yield from ports.reply(now, data.reply)
        yield from ports.tools(now)
        yield from ports.play(now, data.reply)
        yield from ports.fill(now, FILLERS[0].text)
        yield from custom_moves(self.chart, configuration, now)

    def late_moves(self, state: SearchState) -> Sequence[EnvironmentMove]:
        _, data, now = state
        late = ports.late(now, data)
        return tuple(move for move in late if type(move.event) in self._known)

    def after(self, environment: EnvironmentState, step: Step) -> EnvironmentState:
        nodes = self.chart.nodes
        now = environment
        for effect in step.exit_effects:
            now = _carried_out(now, effect)
        for left in step.exits:
            match nodes[left.state].state.activity:
                case "hear":
                    now = now._replace(hearing="", speaking=False, pending_finals=(), utterance=0)
                case "reply":
                    now = _without_reply(now)._replace(replying="")
                case "play":
                    now = now._replace(playing="")
                case "fill":
                    now = now._replace(filling="")
        for effect in (*step.effects, *step.entry_effects):
            now = _carried_out(now, effect)
        for entered in step.entries:
            match nodes[entered.state].state.activity:
                case "hear":
                    now = now._replace(hearing=entered.state)
                case "reply":
                    now = now._replace(replying=entered.state)
                case "play":
                    now = now._replace(playing=entered.state)
                case "fill":
                    now = now._replace(filling=entered.state)
        if nodes[step.after.leaf].state.final:
            now = EnvironmentState(answered=now.answered, closed=now.closed, hung_up=now.hung_up)
        return now

    # --- the abstraction -----------------------------------------------------------------------

    @cached_property
    def _abstraction(self) -> Abstraction:
        return Abstraction(self.chart.data, self.forget, self.word_for)

    def key(self, state: SearchState) -> Hashable:
        return self._abstraction.key(state)

    def representative(self, state: SearchState) -> SearchState:
        return self._abstraction.representative(state)

    def variants(self, data: CallData) -> Sequence[tuple[str, CallData]]:
        return self._abstraction.variants(data, NOW)

    def extremes(self, data: CallData, at_us: int) -> Sequence[CallData]:
        return self._abstraction.extremes(data, at_us)


def _without_reply(now: EnvironmentState) -> EnvironmentState:
    """Return the environment without the reply that is being written."""
    return now._replace(
        reply=0,
        by_model=False,
        written=False,
        failed=False,
        draft=False,
    )


def _carried_out(now: EnvironmentState, effect: Any) -> EnvironmentState:
    match effect:
        case StartDraft():
            drafts = now.drafts + 1
            return _without_reply(now)._replace(
                reply=effect.reply.number, by_model=True, draft=True, drafts=drafts
            )
        case StartReply() if now.draft and effect.reply.number == now.reply:
            return now._replace(draft=False, drafts=0)
        case StartReply():
            by_model = effect.reply.script is None
            return _without_reply(now)._replace(
                reply=effect.reply.number,
                by_model=by_model,
                written=not by_model,
                drafts=0 if by_model else now.drafts,
            )
        case StopPlayback():
            if now.playing:
                stopped = PlaybackStopped(now.reply, "words")
                return now._replace(raised=(*now.raised, stopped), playing="")
            return now._replace(filling="")
        case AnswerLine():
            return now._replace(answered=True)
        case HangUpLine():
            return now._replace(hung_up=True)
        case TransferCall():
            return now._replace(transferring=True)
    return now
