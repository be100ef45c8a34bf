"""The world around a phone call, for an exploration: ports that may answer anything, and data
without what no chart can tell apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from callchart.engine.chart import Chart, Step
from callchart.engine.data import AtWork, CallData, Facts, FillerClip, Scripts
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
from callchart.engine.exploration.environment.abstraction import Forget, Likeness, nothing, spoken
from callchart.engine.exploration.environment.custom_events import own_moves
from callchart.engine.exploration.environment.properties import properties
from callchart.engine.exploration.environment.situation import Situation

#: Classes of what a caller says, and the words that stand for each.
WORDS = ("", "words")

FILLERS = (FillerClip("Well,", 0.5, (0.2, 0.5)),)
#: As many as one call can have.
ALL_TURNS = 1_000_000
#: One of each is enough.
SCRIPTS = Scripts(fillers=("Well,",), backchannels=("uh-huh",))


@dataclass(frozen=True)
class Phone:
    """`callchart.engine.exploration.Model` of calls on a phone line.

    `name` tells it from other worlds around the chart. `words` stand for what a caller may say,
    `word_for` finds the one that stands for a text. `settings` are those that differ from the
    defaults; `turns` is how often the caller speaks, and so many utterances at most are
    `under_way` at once, and so many of one event put off."""

    chart: Chart
    name: str = ""
    words: Sequence[str] = WORDS
    word_for: Callable[[str], str] = spoken
    forget: Forget = nothing
    more_properties: Sequence[Property] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    turns: int = 2
    under_way: int = 2

    @property
    def properties(self) -> Sequence[Property]:
        """What holds of every call on a phone line, and what the chart says of its own."""
        return (*properties(self.chart), *self.more_properties)

    def beginnings(self) -> Sequence[CallData]:
        settings = type(self.chart.data().settings).of(dict(self.settings))
        facts = Facts(scripts=SCRIPTS, fillers=FILLERS)
        return (self.chart.data.begin(settings, 0, facts),)

    def of_one_call(self) -> Phone:
        return replace(self, turns=ALL_TURNS, under_way=ALL_TURNS)

    def opening(self) -> Situation:
        return Situation(turns=self.turns)

    # --- what the world may do -----------------------------------------------------------------

    def is_urgent(self, world: Situation) -> bool:
        return bool(world.raised)

    def moves(self, standing: SearchState) -> Sequence[EnvironmentMove]:
        put_off = [occurrence.event for occurrence in standing.configuration.deferred]
        return tuple(
            move
            for move in self._moves(standing)
            if type(move.event) in self._known
            and (put_off.count(move.event) < self.under_way or standing.environment.raised)
        )

    @cached_property
    def _known(self) -> frozenset[type[Event]]:
        return frozenset(self.chart.events)

    def _moves(self, standing: SearchState) -> Iterator[EnvironmentMove]:
        configuration, data, now = standing
        if now.raised:
            first, *rest = now.raised
            yield EnvironmentMove(
                "what was heard is known", first, now._replace(raised=tuple(rest))
            )
            return
        yield from ports.line(now)
        yield from ports.operator(now)
        put_off = (occurrence.event for occurrence in configuration.deferred)
        begun = {event.utterance for event in put_off if isinstance(event, SpeechStarted)}
        may_speak = len(begun.union(now.owed)) < self.under_way
        yield from ports.hear(now, self.words, data, may_speak)
        yield from ports.reply(now, data.reply)
        yield from ports.tools(now)
        yield from ports.play(now, data.reply)
        yield from ports.fill(now, FILLERS[0].text)
        yield from own_moves(self.chart, configuration, now)

    def late_moves(self, standing: SearchState) -> Sequence[EnvironmentMove]:
        _, data, now = standing
        late = ports.late(now, data)
        return tuple(move for move in late if type(move.event) in self._known)

    def after(self, world: Situation, step: Step) -> Situation:
        nodes = self.chart.nodes
        now = world
        for effect in step.exit_effects:
            now = _carried_out(now, effect)
        for left in step.exits:
            match nodes[left.state].state.activity:
                case "hear":
                    now = now._replace(hearing="", speaking=False, owed=(), utterance=0)
                case "reply":
                    now = _silent(now)._replace(replying="")
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
            now = Situation(answered=now.answered, closed=now.closed, hung_up=now.hung_up)
        return now

    # --- what stands for what ------------------------------------------------------------------

    @cached_property
    def _likeness(self) -> Likeness:
        return Likeness(self.chart.data, self.forget, self.word_for)

    def key(self, standing: SearchState) -> Hashable:
        return self._likeness.key(standing)

    def representative(self, standing: SearchState) -> SearchState:
        return self._likeness.representative(standing)

    def variants(self, data: CallData) -> Sequence[tuple[str, CallData]]:
        if not data.queued:
            return (("", data),)
        # What is on its way has been heard, or is still to be.
        still = replace(data, sound_until=NOW + round(ports.SOUND * 1_000_000))
        return ("", data), ("its sound goes on", still)

    def extremes(self, data: CallData, at: int) -> Sequence[CallData]:
        longest, work = (at + round(s * 1_000_000) for s in (2 * ports.SOUND, ports.WORK))
        return tuple(
            replace(
                data,
                sound_until=sound,
                filler_at=filler,
                silent_since=filler,
                partial=partial,
                heard_out=heard_out,
                at_work=tuple(AtWork(w.use, until) for w in data.at_work),
            )
            for sound, until, partial, heard_out in (
                (0, at, "words", ALL_TURNS),
                (longest, work, "words,", 0),
            )
            for filler in (at, at - 100_000, at - 10_000_000)
        )


def _silent(now: Situation) -> Situation:
    """Nothing is written any more."""
    return now._replace(
        reply=0,
        by_model=False,
        written=False,
        failed=False,
        draft=False,
    )


def _carried_out(now: Situation, effect: Any) -> Situation:
    match effect:
        case StartDraft():
            drafts = now.drafts + 1
            return _silent(now)._replace(
                reply=effect.reply.number, by_model=True, draft=True, drafts=drafts
            )
        case StartReply() if now.draft and effect.reply.number == now.reply:
            return now._replace(draft=False, drafts=0)
        case StartReply():
            by_model = effect.reply.script is None
            return _silent(now)._replace(
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
