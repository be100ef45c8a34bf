"""The properties of every step of the default chart, besides those of any phone call.

Each function returns the reason why a step breaks the property, or None."""

from __future__ import annotations

from callchart.engine.chart import Step
from callchart.engine.data import Reply, Said, ToolUsed
from callchart.engine.effects import HangUpLine
from callchart.engine.events import (
    EndOfUtteranceHeard,
    FinalHeard,
    PartialHeard,
    SpeechEnded,
    ToolFinished,
    ToolUnderWay,
)
from callchart.engine.exploration import Property, SearchState
from callchart.engine.exploration.environment import EnvironmentState
from callchart.engine.exploration.environment.properties import ACTED_ON, is_confirmed
from callchart.states.data import PhoneData
from callchart.states.phrasing import consists_of


def speech_events_are_recorded(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    """Check that the data keep the report of a speech event."""
    if step.outcome not in ACTED_ON:
        return None
    data: PhoneData = step.data
    match step.event:
        case SpeechEnded(utterance) if (data.ended, data.silent_since_us) != (
            utterance,
            step.at_us,
        ):
            return "the data lacks the moment when the caller fell silent"
        case EndOfUtteranceHeard(utterance) if data.end_recognised != utterance:
            return "the data lacks the end of utterance that the recogniser reported"
        case PartialHeard(utterance, text) if text and dict(data.partials).get(utterance) != text:
            return "the data lacks the partial"
        case FinalHeard(utterance, text) if not consists_of(text, data.facts.scripts.backchannels):
            if data.recognised < utterance or (text and not _is_kept(text, before.data, data)):
                return "the data lacks the final"
    return None


def _is_kept(text: str, before: PhoneData, data: PhoneData) -> bool:
    """Return True if the text is in the new question, or in the new part of the history."""
    added = data.history[len(before.history) :]
    asked = data.question[len(before.question) :]
    return text in asked or any(isinstance(item, Said) and text in item.text for item in added)


def no_words_are_lost(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    """Check that each partial stays in the data, or enters the question or the history."""
    data, new_data = before.data, step.data
    for utterance, text in data.partials:
        if consists_of(text, data.facts.scripts.backchannels, so_far=True):
            continue
        if utterance <= data.recognised:
            continue  # its final came, and replaces it
        if isinstance(step.event, FinalHeard) and step.event.utterance == utterance:
            continue
        if utterance not in dict(new_data.partials) and not _is_kept(text, data, new_data):
            return f"{text!r} is lost on {type(step.event).__name__} in {step.before.leaf}"
    return None


def silent_caller_is_answered(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    """Check that words alone do not make a silent caller count as speaking."""
    is_entered = step.before.leaf != step.after.leaf == "call.listening.hearing"
    if is_entered and isinstance(step.event, PartialHeard | FinalHeard) and not after.speaking:
        return f"in {step.before.leaf}, {type(step.event).__name__} of an utterance that has ended"
    return None


def history_is_complete(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    """Check that a hangup leaves no words of the caller outside the history."""
    if HangUpLine() in step.entry_effects and (step.data.question or step.data.partial):
        return f"in {step.after.leaf}, the last words of the caller are not in the history"
    return None


def tool_events_are_recorded(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    """Check that a tool event that is acted on has an entry in the history."""
    used = [item for item in step.data.history if isinstance(item, ToolUsed)]
    match step.event:
        case ToolUnderWay(use, name) | ToolFinished(use, name) if step.outcome in ACTED_ON:
            if (use, name) not in [(item.use, item.name) for item in used]:
                return f"{type(step.event).__name__} in {step.before.leaf} is not in the history"
    return None


def last_words_are_final(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    """Check that no other reply replaces the last words."""
    reply: Reply = before.data.reply
    if reply.ends_call and not reply.interruptible and step.data.reply.number != reply.number:
        return f"in {step.before.leaf} another reply begins during the last words"
    return None


def drafts_answer_their_own_words(
    before: SearchState, step: Step, after: EnvironmentState
) -> str | None:
    """Check that a draft becomes the answer only to the words that it was begun for."""
    if not is_confirmed(before, step):
        return None
    # A representative's history has no words of the caller: those at its end come from this step.
    match step.data.history:
        case (*_, Said("caller", text)) if text.split() == before.data.draft.split():
            return None
    return f"in {step.after.leaf} the answer is a draft for other words"


def drafts_are_limited(before: SearchState, step: Step, after: EnvironmentState) -> str | None:
    """Check that a turn has no more drafts than the setting allows."""
    allowed = step.data.settings.drafts
    if after.drafts <= allowed:
        return None
    return f"a turn has {after.drafts} drafts, the setting allows {allowed}"


DRAFTS = (
    Property("a draft answers only the words that it was begun for", drafts_answer_their_own_words),
    Property("a turn has at most as many drafts as the setting allows", drafts_are_limited),
)
PROPERTIES = (
    *DRAFTS,
    Property("each report about the caller's speech is recorded", speech_events_are_recorded),
    Property("no words of the caller are lost", no_words_are_lost),
    Property("a silent caller is not treated as a speaker", silent_caller_is_answered),
    Property("all words of the caller are in the history when we hang up", history_is_complete),
    Property("each tool event is in the history", tool_events_are_recorded),
    Property("no reply follows the last words", last_words_are_final),
)
