"""The moves of each port: the events that it may post, also late, twice, or after its cancellation.

A move may come, but need not: so each event may also be missing. Only an event that an effect
raised must come, in the next step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callchart.engine.data import CallData, Reply
from callchart.engine.events import (
    CallerHungUp,
    CallTransferred,
    DigitReceived,
    EndOfUtteranceHeard,
    Event,
    FillerFinished,
    FillerStarted,
    FinalHeard,
    HangUpRequested,
    HearingFailed,
    LineClosed,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    ReplyFailed,
    ReplyReady,
    ReplyWritten,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
    ToolFinished,
    ToolUnderWay,
    TransferFailed,
)
from callchart.engine.exploration import EnvironmentMove
from callchart.engine.exploration.environment.state import EnvironmentState

#: The seconds of sound in a chunk, and the longest run of a tool (s).
SOUND_S = 2.0
TOOL_S = 5.0

#: The answers of the model: (number of chunks, True if it hangs up, target of a transfer).
ANSWERS = {
    "an answer": (2, False, ""),
    "a short answer": (1, False, ""),
    "an answer and hang up": (1, True, ""),
    "hang up without a word": (0, True, ""),
    "an answer and a transfer": (1, False, "1000"),
}


def line(now: EnvironmentState, keys: Sequence[str]) -> Iterator[EnvironmentMove]:
    """Yield the moves of the carrier: hangup, closed line, key, result of a transfer."""
    if not now.closed:
        if not now.remote_hung_up:
            yield EnvironmentMove(
                "the caller hangs up", CallerHungUp(), now._replace(remote_hung_up=True)
            )
            for key in keys:
                yield EnvironmentMove(f"the caller presses {key}", DigitReceived(key), now)
        yield EnvironmentMove("the line closes", LineClosed(), now._replace(closed=True))
    if now.transferring:
        after = now._replace(transferring=False)
        yield EnvironmentMove("the carrier transfers the caller", CallTransferred(), after)
        yield EnvironmentMove("the carrier refuses to transfer", TransferFailed("busy"), after)


def operator(now: EnvironmentState) -> Iterator[EnvironmentMove]:
    """Yield the move of the operator, or of a service that drains. It may come again."""
    yield EnvironmentMove("the operator wants the call to end", HangUpRequested("drain"), now)


def hear(
    now: EnvironmentState, words: Sequence[str], data: CallData, may_speak: bool
) -> Iterator[EnvironmentMove]:
    """Yield the moves of the voice detector and the recogniser.

    Finals may be late, early, repeated or missing. The recogniser may fail."""
    state = now.hearing
    if not state:
        return
    if now.speaking or now.utterance > data.answered:
        what = "the caller falls silent" if now.speaking else "the end of speech, again"
        after = now._replace(speaking=False)
        yield EnvironmentMove(what, SpeechEnded(now.utterance), after, state)
    if may_speak and now.turns:
        what = "the start of speech, again" if now.speaking else "the caller speaks"
        utterance = now.utterance + 1
        after = now._replace(
            utterance=utterance,
            speaking=True,
            pending_finals=(*now.pending_finals, utterance),
            turns=now.turns - 1,
        )
        yield EnvironmentMove(what, SpeechStarted(utterance), after, state)
    if now.recogniser_failed:
        return
    if now.utterance > data.answered:
        yield EnvironmentMove(
            "the recogniser hears an end", EndOfUtteranceHeard(now.utterance), now, state
        )
    for n, utterance in enumerate(now.pending_finals):
        speaking = now.speaking and utterance == now.utterance
        which = f"of utterance {n - len(now.pending_finals)}"
        rest = tuple(u for u in now.pending_finals if u != utterance)
        after = now if speaking else now._replace(pending_finals=rest)
        for text in words:
            yield EnvironmentMove(
                f"partial {text!r} {which}", PartialHeard(utterance, text), now, state
            )
            yield EnvironmentMove(
                f"final {text!r} {which}", FinalHeard(utterance, text), after, state
            )
    recognised = data.recognised
    if recognised > data.answered and recognised not in now.pending_finals:
        for text in words:
            what = f"final {text!r} of the recognised utterance, again"
            yield EnvironmentMove(what, FinalHeard(recognised, text), now, state)
    yield EnvironmentMove(
        "the recogniser fails",
        HearingFailed("recogniser", "gone"),
        now._replace(recogniser_failed=True, speaking=False, pending_finals=()),
        state,
    )


def reply(now: EnvironmentState, current: Reply) -> Iterator[EnvironmentMove]:
    """Yield the moves of model and synthesizer: first sound, text (`ANSWERS`), failure."""
    state, number = now.replying, now.reply
    if not state or not number:
        return
    yield EnvironmentMove("the reply's first sound is ready", ReplyReady(number), now, state)
    failed = now._replace(failed=True)
    yield EnvironmentMove(
        "the reply fails", ReplyFailed(number, "synthesis", "unreachable"), failed, state
    )
    if not now.by_model:
        script = ReplyWritten(number, 1, 0, current.ends_call)
        yield EnvironmentMove("the script is written", script, now, state)
    elif not now.written:
        written = now._replace(written=True)
        for what, (chunks, ends_call, transfer_to) in ANSWERS.items():
            if now.draft and (ends_call or transfer_to):
                continue  # these are tools, which a draft does not use before it is confirmed
            event = ReplyWritten(number, chunks, 0, ends_call, transfer_to)
            yield EnvironmentMove(f"the reply is written: {what}", event, written, state)
    elif current.chunks is not None:
        repeated = ReplyWritten(number, current.chunks, 0, current.ends_call, current.transfer_to)
        yield EnvironmentMove("the reply is written, again", repeated, now, state)


def tools(now: EnvironmentState) -> Iterator[EnvironmentMove]:
    """Yield the moves of two tools of the user: one ends with its reply, one always finishes.

    The second may start and finish at any time, even after the last words."""
    if now.replying and now.by_model and not (now.written or now.failed or now.draft):
        yield EnvironmentMove("a tool answers", ToolFinished(0, "stock", "{}", "5"), now)
    if now.tool_running:
        done = now._replace(tool_running=False)
        yield EnvironmentMove("the tool finishes", ToolFinished(1, "order", "{}", "done"), done)
    else:
        begun = now._replace(tool_running=True)
        yield EnvironmentMove(
            "a tool starts that always finishes", ToolUnderWay(1, "order", "{}", TOOL_S), begun
        )


def play(now: EnvironmentState, current: Reply) -> Iterator[EnvironmentMove]:
    """Yield the moves of a reply's playback. Each mark may be missing or repeated."""
    state, number = now.playing, now.reply
    if not state:
        return
    chunks = current.chunks if now.by_model else 1
    if chunks is None or chunks > 1:
        yield EnvironmentMove("sound is queued", SoundQueued(number, 0, SOUND_S), now, state)
    if chunks:
        last = SoundQueued(number, chunks - 1, SOUND_S)
        yield EnvironmentMove("the last of its sound is queued", last, now, state)
    yield EnvironmentMove("the first sound is heard", PlaybackStarted(number), now, state)
    if now.written or now.failed:
        yield EnvironmentMove(
            "the reply was heard to its end", PlaybackFinished(number), now, state
        )


def fill(now: EnvironmentState, filler: str) -> Iterator[EnvironmentMove]:
    """Yield the moves of a filler's playback."""
    state = now.filling
    if state:
        yield EnvironmentMove("the filler is heard", FillerStarted(filler), now, state)
        yield EnvironmentMove("the filler was heard to its end", FillerFinished(), now, state)


def late(now: EnvironmentState, data: CallData) -> Iterator[EnvironmentMove]:
    """Yield events that come too late.

    Either their activity was cancelled after it posted them, or they are about a replaced reply or
    an answered utterance."""
    number, utterance = data.reply.number, max(now.utterance, 1)
    cancelled: list[tuple[str, Event]] = [
        *_of_reply(number),
        ("the start of a playback", PlaybackStarted(number)),
        ("sound", SoundQueued(number, 0, SOUND_S)),
        ("the end of a playback", PlaybackFinished(number)),
        ("the start of a filler", FillerStarted("Well,")),
        ("the end of a filler", FillerFinished()),
    ]
    if not now.hearing:
        cancelled += [
            ("speech", SpeechStarted(utterance)),
            ("the end of speech", SpeechEnded(utterance)),
            ("a partial", PartialHeard(utterance, "words")),
            ("a final", FinalHeard(utterance, "words")),
            ("the recogniser's failure", HearingFailed("recogniser", "gone")),
        ]
    for what, event in cancelled:
        yield EnvironmentMove(f"{what}, after its cancellation", event, now, stale=True)
    if now.replying and now.reply:
        for what, event in _of_reply(now.reply - 1):
            yield EnvironmentMove(f"{what} of a reply that was replaced", event, now, now.replying)
    if now.hearing:
        for text in ("", "words"):
            what = f"final {text!r} of an utterance that was answered"
            yield EnvironmentMove(what, FinalHeard(data.answered, text), now, now.hearing)


def _of_reply(number: int) -> Sequence[tuple[str, Event]]:
    return (
        ("the first sound", ReplyReady(number)),
        ("the text", ReplyWritten(number, 1, 0, False)),
        ("the failure", ReplyFailed(number, "text", "late")),
    )
