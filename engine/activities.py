"""The engine's activities: `hear`, `reply`, `play` and `fill`.

A chart names an activity, and `ACTIVITIES` maps the name to a function. An activity runs until it
is done or until its state is left, and reports by events."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType

import trio

from callchart.engine.chart import Chart, ChartError
from callchart.engine.chart.state import To
from callchart.engine.effects import StartReply, StopPlayback
from callchart.engine.events import (
    EndOfUtteranceHeard,
    FillerFinished,
    FillerStarted,
    FinalHeard,
    HearingFailed,
    PartialHeard,
    PlaybackFinished,
    PlaybackStarted,
    SoundQueued,
    SpeechEnded,
    SpeechStarted,
)
from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import (
    FRAME_SECONDS,
    EndOfUtterance,
    Heard,
    LineGone,
    ProviderError,
    Recognition,
    VoiceActivity,
    frame_bytes,
)
from callchart.engine.reply.playout import Playback
from callchart.engine.scene import Activity, Scene, implementations

log = logging.getLogger("callchart")


async def hear(scene: Scene) -> None:
    """Detect the caller's utterances, and recognise their words."""
    services, rate_hz = scene.services, scene.line.rate_hz
    try:
        async with (
            services.detectors.detector(rate_hz) as detector,
            services.recognizer.recognition(rate_hz) as recognition,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_results, scene, recognition)
            await _frames(scene, detector, recognition)
            nursery.cancel_scope.cancel()
    except* ProviderError as failures:
        error = first_leaf(failures)
        log.warning("call %s: %s", scene.line.call_id, error)
        scene.post(HearingFailed(error.provider, error.reason))


async def _frames(scene: Scene, detector: VoiceActivity, recognition: Recognition) -> None:
    line, utterance = scene.line, 0
    try:
        while True:
            pcm = await line.receive_audio()
            recognition.feed_frames(pcm)
            for edge in detector.detect_edges(pcm):
                if edge.speaking:
                    utterance += 1
                    recognition.utterance_started(utterance)
                    scene.post(SpeechStarted(utterance))
                else:
                    recognition.utterance_ended(utterance)
                    scene.post(SpeechEnded(utterance))
    except LineGone:
        pass  # the line's last signal reports it


async def _results(scene: Scene, recognition: Recognition) -> None:
    while True:
        match await recognition.result():
            case EndOfUtterance(utterance):
                scene.post(EndOfUtteranceHeard(utterance))
            case Heard(utterance, text, final=True):
                scene.post(FinalHeard(utterance, text))
            case Heard(utterance, text):
                scene.post(PartialHeard(utterance, text))


async def reply(scene: Scene) -> None:
    """Write and synthesise the replies of a turn; `play` plays them."""
    await scene.replies.run(scene.data, scene.activation, scene.post)


async def play(scene: Scene) -> None:
    """Play the current reply from its cursor on."""
    composition = scene.replies.current
    if composition is None:
        raise ChartError(
            f"state {scene.state} plays, so a reply must have begun, got none; the reaction that "
            f"leads there needs an update that makes the reply, such as script(...), and "
            f"effects=start_reply"
        )
    number, start = composition.reply.number, composition.cursor
    playout, frame = scene.playout, frame_bytes(composition.rate_hz)
    playback = playout.begin(number, lambda heard_bytes: composition.take_heard(start, heard_bytes))
    chunk_number, byte, announced, complete = start.chunk, start.byte, start.byte, False
    while chunk_number < len(composition.chunks) or not composition.ended:
        if chunk_number == len(composition.chunks):
            await composition.wait_for_chunk(trio.current_time() + playout.queued_s(playback))
            continue
        chunk = composition.chunks[chunk_number]
        known = len(chunk.pcm) - (len(chunk.pcm) - byte) % frame
        if known > byte >= announced or (chunk.ended and not complete):
            seconds = (known - announced) / (composition.rate_hz * 2)
            scene.post(SoundQueued(number, chunk_number, seconds, chunk.ended))
            announced, complete = known, chunk.ended
        if known > byte:
            if not playback.sent_bytes:
                # Send the first frame alone: its mark comes back when the caller has heard it.
                first = bytes(chunk.pcm[byte : byte + frame])
                playout.send(playback, first, lambda: scene.post(PlaybackStarted(number)))
                byte += frame
                continue
            room = await _room(scene, playback)
            piece = bytes(chunk.pcm[byte : min(known, byte + room * frame)])
            playout.send(playback, piece)
            byte += len(piece)
        elif chunk.ended:
            chunk_number, byte, announced, complete = chunk_number + 1, 0, 0, False
        else:
            await composition.wait_for_change()
    await _wait_until_heard(scene, playback)
    scene.post(PlaybackFinished(number))


async def fill(scene: Scene) -> None:
    """Play the filler that the chart chose."""
    if scene.data.filler is None:
        raise ChartError(
            f"state {scene.state} fills, so data.filler must be a filler's index, got None; the "
            f"reaction that leads there needs an update that chooses one"
        )
    clip = scene.data.facts.fillers[scene.data.filler]
    pcm = scene.services.phrases[clip.text].pcm
    frame = frame_bytes(scene.line.rate_hz)
    playout = scene.playout
    playback = playout.begin(None, lambda heard_bytes: "")
    playout.send(playback, pcm[:frame], lambda: scene.post(FillerStarted(clip.text)))
    while playback.sent_bytes < len(pcm):
        room = await _room(scene, playback)
        playout.send(playback, pcm[playback.sent_bytes : playback.sent_bytes + room * frame])
    await _wait_until_heard(scene, playback)
    scene.post(FillerFinished())


async def _room(scene: Scene, playback: Playback) -> int:
    """Wait until the line may take more sound, and return how many frames: at least one.

    A full backlog is filled again at one half: few wake-ups, and no gap in the sound."""
    backlog_s = scene.data.settings.backlog
    while True:
        queued_s = scene.playout.queued_s(playback)
        frames = int((backlog_s - queued_s) / FRAME_SECONDS + 1e-6)
        if frames > 0:
            return frames
        await trio.sleep(queued_s - backlog_s / 2)


async def _wait_until_heard(scene: Scene, playback: Playback) -> None:
    if playback.sent_bytes:
        reached = trio.Event()
        scene.playout.mark(playback, reached.set)
        await reached.wait()


#: The engine's activities, by the names that charts use.
ACTIVITIES: Mapping[str, Activity] = MappingProxyType(
    {"hear": hear, "reply": reply, "play": play, "fill": fill}
)


def check_activities(chart: Chart) -> None:
    """Check that the activities of a chart exist, and that its states suit them.

    A state with `play` or `fill` must stop its sound when it is left. `play` must run within
    `reply`, which writes the reply; a reaction that enters both must begin a reply. Raises
    `ChartError`."""
    implementations(chart, ACTIVITIES)
    for path, node in chart.nodes.items():
        name, exit_effects = node.state.activity, node.state.exit_effects
        if name not in ("play", "fill") or name in chart.activities:
            continue
        # A function may return StopPlayback; only its result would show that.
        if not any(isinstance(each, StopPlayback) or callable(each) for each in exit_effects):
            raise ChartError(
                f"state {path} has the activity {name!r}, so it must stop the sound when it is "
                f"left; add exit=StopPlayback()"
            )
        if name == "play":
            _check_reply(chart, path)


def _check_reply(chart: Chart, path: str) -> None:
    """Check that the state at `path`, which plays, has a reply to play.

    Where a reply may have begun earlier, only an exploration or a call finds that there is none."""
    nodes = chart.nodes
    around = [each for each in nodes[path].ancestors if nodes[each].state.activity == "reply"]
    if not around:
        raise ChartError(
            f"state {path} has the activity 'play', so a parent must have the activity 'reply', "
            f"which writes what it plays; add the state to such a parent"
        )
    for row in chart.table.values():
        for reaction in (each for reactions in row.values() for each in reactions):
            if not {path, around[-1]}.issubset(reaction.entries):
                continue
            assert isinstance(reaction.declared, To)
            entered = (nodes[each].state.entry_effects for each in reaction.entries)
            effects = [*reaction.declared.effects, *chain.from_iterable(entered)]
            # A function may return StartReply.
            if not any(isinstance(each, StartReply) or callable(each) for each in effects):
                raise ChartError(
                    f"state {reaction.source}, {reaction.trigger} leads to {path}, which has the "
                    f"activity 'play', so it must begin a reply; give it an update that makes the "
                    f"reply, such as script(...), and effects=start_reply"
                )
