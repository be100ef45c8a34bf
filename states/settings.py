"""The settings of the default chart: each with its unit, its default and the default's source.

A timer refers to a setting by name: `settings.no_input`. Durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from callchart.engine.settings import SettingRefs, Settings, setting


@dataclass(frozen=True)
class PhoneSettings(Settings):
    """The settings of a call of the default chart. A chart of your own may subclass it."""

    # --- the turn ------------------------------------------------------------------------------

    end_of_turn: float = setting(
        0.7,
        "s",
        "silence that ends the caller's turn; a caller who continues takes the turn back; the "
        "predecessor waited 1.2 s",
    )
    end_of_turn_least: float = setting(
        0.4,
        "s",
        "silence that ends the turn after words that sound complete: a question, or an end that "
        "the recogniser reports; most pauses within a sentence are shorter",
    )
    end_of_turn_most: float = setting(
        1.0,
        "s",
        'silence that ends the turn after words that sound unfinished: a comma, an "and", an "um"; '
        "a caller should hear at most 3 s of silence, and an answer may need `longest_silence`",
    )
    words_wait: float = setting(
        2.0,
        "s",
        "the longest wait for a final, after `end_of_turn`; then the bot answers the last partial",
    )
    drafts: int = setting(
        0,
        "a turn",
        "answers that the bot begins before the end of the turn is certain, and drops if the words "
        "change: the caller hears an answer sooner, and each draft costs a request to the model",
        example=1,
    )
    longest_utterance: float = setting(
        30.0,
        "s",
        "after so much speech without a pause, the bot answers; the predecessor cut at 15 s",
    )
    no_input: float = setting(
        6.0, "s", "silence before the bot asks again; VoiceXML platforms use 5 to 7 s"
    )
    reprompts: int = setting(
        2,
        "times",
        "the bot asks again, then says goodbye; VoiceXML platforms make three tries in all",
    )

    # --- interruptions -------------------------------------------------------------------------

    barge_in_guard: float = setting(
        0.4,
        "s",
        "from the first sound of a reply, speech does not interrupt it: it may be an echo, or the "
        "end of the caller's last word; the predecessor's value",
    )
    barge_in_speech: float = setting(
        0.1,
        "s",
        "speech into a reply that stops it; a shorter noise does not. silero reports the end of "
        "its shortest noise after 96 ms, and a reply has to be silent within 250 ms",
    )
    interruption: float = setting(
        0.9,
        "s",
        "speech this long is an interruption even before its words are known, or after a "
        "backchannel",
    )
    early_answer: float = setting(
        1.0,
        "s",
        "in this last part of a reply, a backchannel counts as an answer: callers guess the last "
        "words of a question",
    )
    false_alarm: float = setting(
        1.0, "s", "silence after an interruption without words, before the reply continues"
    )

    # --- the reply -----------------------------------------------------------------------------

    filler_after: float = setting(0.0, "s", "silence before a filler; 0: immediately")
    filler_ending: float = setting(
        0.15, "s", "the longest wait of a ready answer for the end of the filler's word"
    )
    playback_margin: float = setting(
        3.0,
        "s",
        "a playback that does not go on this long after its queued sound is stuck; a caller should "
        "hear at most this much silence",
    )
    apologies: int = setting(
        2, "times", "the bot apologises in a row, then says goodbye and hangs up"
    )

    # --- the end -------------------------------------------------------------------------------

    transfer_wait: float = setting(
        5.0, "s", "the longest wait for the result of a transfer; carriers answer immediately"
    )
    hangup_wait: float = setting(
        2.0, "s", "the longest wait for the line to close; then the call ends anyway"
    )


settings = SettingRefs(PhoneSettings)
