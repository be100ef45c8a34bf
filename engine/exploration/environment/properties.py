"""The properties of every step of a phone call, in any chart: a sentence and a function each."""

from __future__ import annotations

from collections.abc import Iterator

from callchart.engine.chart import Chart, Outcome, Step
from callchart.engine.effects import HangUpLine, StartDraft, StartReply, StopPlayback
from callchart.engine.events import (
    FinalHeard,
    PlaybackFinished,
    PlaybackStopped,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
)
from callchart.engine.exploration import Property, SearchState
from callchart.engine.exploration.environment.state import EnvironmentState

#: The outcomes of an event that the call acts on.
ACTED_ON = (Outcome.TAKEN, Outcome.STAYED)


def properties(chart: Chart) -> tuple[Property, ...]:
    """Return the properties of the steps of this chart."""

    def activities(states: Iterator[str]) -> set[str | None]:
        return {chart.nodes[state].state.activity for state in states}

    def sound_is_stopped(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
        left = activities(active.state for active in step.exits)
        if left & {"play", "fill"} and StopPlayback() not in step.exit_effects:
            return f"{step.before.leaf} is left, and its sound still plays; add exit=StopPlayback()"
        return None

    def playback_is_current(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
        entered = activities(active.state for active in step.entries)
        if "play" in entered and (not after.reply or after.reply != step.data.reply.number):
            return (
                f"{step.after.leaf} plays a reply that does not exist; the reaction that leads "
                f"there needs an update that makes the reply, and effects=start_reply"
            )
        if "fill" in entered and step.data.filler is None:
            return f"{step.after.leaf} plays a filler before one is chosen"
        left = {active.state for active in step.exits}
        if before.environment.playing and before.environment.playing not in left and _begun(step):
            return f"in {step.after.leaf} a reply is replaced while it plays"
        return None

    def line_is_closed(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
        if step.entries and chart.is_final(step.after.leaf) and not (after.hung_up or after.closed):
            return f"{step.after.leaf} is reached while the line is open"
        return None

    return (
        Property("no sound of an ended reply is heard", sound_is_stopped),
        Property("only the current reply or a chosen filler is played", playback_is_current),
        Property("at most one reply runs at a time", _one_reply),
        Property("a draft is not heard before the caller's words are certain", _draft_is_silent),
        Property(
            "events of a replaced reply or an answered utterance change nothing", _nothing_late
        ),
        Property("each reply ends once", _one_end),
        Property("the heard words of a reply are in the history", _heard),
        Property(
            "a failed reply is followed by another reply, a hangup or a transfer",
            _failure_is_followed,
        ),
        Property("a call is answered before anything is said", _answered),
        Property("the line is hung up only once", _closed_once),
        Property("the line is hung up or closed when the call ends", line_is_closed),
    )


def _begun(step: Step) -> list[StartReply | StartDraft]:
    effects = (*step.exit_effects, *step.effects, *step.entry_effects)
    return [effect for effect in effects if isinstance(effect, StartReply | StartDraft)]


def _one_reply(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    begun = _begun(step)
    if len(begun) > 1:
        return f"a step begins {len(begun)} replies"
    if begun and not after.replying:
        return f"a reply begins in {step.after.leaf}, where no activity writes it"
    is_old = bool(begun) and begun[0].reply.number <= before.environment.reply
    if is_old and not is_confirmed(before, step):
        return "a reply begins with the number of an earlier one"
    return None


def is_confirmed(before: SearchState, step: Step) -> bool:
    """Return True if the step confirms the draft, which makes it the answer."""
    draft = before.environment.reply if before.environment.draft else None
    return any(isinstance(e, StartReply) and e.reply.number == draft for e in _begun(step))


def _draft_is_silent(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    return f"{step.after.leaf} plays a draft" if after.draft and after.playing else None


def _nothing_late(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    event = step.event
    if step.outcome not in ACTED_ON:
        return None
    match event:
        case ReplyReady() | ReplyWritten() | ReplyFailed() if (
            event.reply != before.environment.reply
        ):
            return f"{type(event).__name__} of a replaced reply has an effect"
        case FinalHeard() if event.utterance <= before.data.answered:
            return "a final of an answered utterance has an effect"
    return None


def _one_end(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    if isinstance(step.event, PlaybackFinished) and step.outcome in ACTED_ON:
        left = {active.state for active in step.exits}
        if before.environment.playing not in left:
            return "a reply played to its end, and its playback still runs"
    return None


def _failure_is_followed(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    if isinstance(step.event, PlaybackFinished) and step.outcome in ACTED_ON:
        goes_on = after.replying or after.hung_up or after.transferring
        if before.environment.failed and not goes_on:
            return f"only {step.after.leaf} follows a reply that failed"
    return None


def _heard(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    event = step.event
    if not isinstance(event, PlaybackStopped) or step.outcome is Outcome.STALE:
        return None
    if step.data.history == before.data.history:
        return f"in {step.before.leaf}, the heard words are {step.outcome.value}, not recorded"
    return None


def _answered(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    if not before.environment.answered and (
        before.environment.playing or before.environment.filling
    ):
        return f"in {step.before.leaf} sound plays before the call is answered"
    return None


def _closed_once(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    effects = (*step.exit_effects, *step.effects, *step.entry_effects)
    hung_up = sum(isinstance(effect, HangUpLine) for effect in effects)
    if hung_up > 1 or (hung_up and before.environment.hung_up):
        return "the line is hung up twice"
    return None
