"""The doctor's checks of the providers. Each provider does a small piece of its real work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import trio

from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.doctor.finding import Finding, failed, ok, within_bounds
from callchart.adapters.service.doctor.secrets import MissingSecrets, lacks_secret
from callchart.adapters.service.providers.models import ModelConfig, fixed_tokens
from callchart.adapters.service.providers.provider import Provider, SharedResources
from callchart.adapters.service.providers.speech import SpeechConfig
from callchart.engine.data import Said
from callchart.engine.ports import (
    Heard,
    ProviderError,
    Recognizer,
    Speech,
    Synthesizer,
    VoiceDetectors,
    frame_bytes,
)
from callchart.engine.tools.toolbox import Toolbox

#: Tokens for a conversation of about ten turns.
LEAST_ROOM = 500

#: Frames that a recogniser gets before the start of an utterance is signalled.
ONSET_FRAMES = 5

#: The sentences that are synthesized and then recognised.
SENTENCES: Mapping[Language, str] = {"en": "How are you today?", "ru": "Как у вас дела?"}


async def speech_findings(
    speech: SpeechConfig,
    rate_hz: int,
    language: Language,
    missing: MissingSecrets,
) -> list[Finding]:
    """Synthesize a sentence; give its audio to the voice detector and the recogniser."""

    async def checked(
        part: str, provider: Provider[Any], check: Callable[[], Awaitable[str]]
    ) -> Finding:
        section = f"speech.{provider.name.removesuffix('_http')}"
        return lacks_secret(part, section, missing) or await within_bounds(part, check)

    voices = {"synthesizer": speech.synthesizer}
    if speech.fallback:
        voices["second synthesizer"] = speech.fallback
    said: list[bytes] = []
    findings = []
    for part, voice in voices.items():
        saying = partial(_say, voice, SENTENCES[language], rate_hz, said)
        findings.append(await checked(part, voice, saying))
    # Without a synthesizer, the detector and the recogniser get a tone.
    pcm = said[0] if said else _tone(rate_hz)
    detecting = partial(_detect, speech.voice_detector, pcm, rate_hz)
    findings.append(await checked("voice detector", speech.voice_detector, detecting))
    hearing = partial(_hear, speech.recognizer, pcm, rate_hz, is_sentence=bool(said))
    findings.append(await checked("recognizer", speech.recognizer, hearing))
    return findings


async def _say(voice: Provider[Synthesizer], text: str, rate_hz: int, said: list[bytes]) -> str:
    pcm = bytearray()
    times: list[float] = []
    async with SharedResources.open(rate_hz) as resources, voice.open(resources) as opened:
        begun = trio.current_time()

        def heard(piece: Speech) -> None:
            times.append(trio.current_time() - begun)
            pcm.extend(piece.pcm)

        await opened.synthesize(text, rate_hz, heard)
    if not times:
        return f"{voice.name} silent: it made no audio for the sentence"
    seconds = len(pcm) / 2 / rate_hz
    said.append(bytes(pcm) + bytes(-len(pcm) % frame_bytes(rate_hz)))
    return (
        f"{voice.name} working: {seconds:.1f} s of speech, "
        f"first sound after {times[0] * 1000:.0f} ms"
    )


async def _detect(provider: Provider[VoiceDetectors], pcm: bytes, rate_hz: int) -> str:
    async with (
        SharedResources.open(rate_hz) as resources,
        provider.open(resources) as opened,
        opened.detector(rate_hz) as ear,
    ):
        began = any(edge.speaking for edge in ear.detect_edges(pcm))
    return f"{provider.name} working: {'found' if began else 'found no'} start of speech"


async def _hear(
    provider: Provider[Recognizer], pcm: bytes, rate_hz: int, *, is_sentence: bool
) -> str:
    if provider.reach:
        await provider.reach()
    onset = frame_bytes(rate_hz) * ONSET_FRAMES
    async with (
        SharedResources.open(rate_hz) as resources,
        provider.open(resources) as opened,
        opened.recognition(rate_hz) as recognition,
    ):
        recognition.feed_frames(pcm[:onset])
        recognition.utterance_started(1)
        recognition.feed_frames(pcm[onset:])
        recognition.utterance_ended(1)
        begun = trio.current_time()
        while not (isinstance(heard := await recognition.result(), Heard) and heard.final):
            pass
        lag = trio.current_time() - begun
    if not is_sentence:
        return f"{provider.name} working: result for a tone after {lag:.1f} s"
    words = len(heard.text.split())
    if not words:
        raise ProviderError(
            provider.name,
            f"it recognised no word of the sentence, after {lag:.1f} s",
            "set its language to that of the synthesizer",
        )
    return f"{provider.name} working: {words} words recognised after {lag:.1f} s"


def _tone(rate_hz: int) -> bytes:
    """Return one second of 440 Hz, as loud as speech."""
    moments = np.arange(rate_hz) / rate_hz
    return (8000 * np.sin(2 * np.pi * 440 * moments)).astype("<i2").tobytes()


async def model_findings(model: ModelConfig, missing: MissingSecrets) -> list[Finding]:
    """Ask each model a question, and wait for the first words of its reply."""

    def asking(one: ModelConfig) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            async with one.open() as opened:
                begun = trio.current_time()
                with trio.CancelScope() as enough:
                    question = [Said("caller", "Hello.")]
                    await opened.write(question, Toolbox(), lambda text: enough.cancel())
                return f"{one.name} working: first words after {trio.current_time() - begun:.1f} s"

        return ask

    async def checked(part: str, section: str, one: ModelConfig) -> Finding:
        return lacks_secret(part, section, missing) or await within_bounds(part, asking(one))

    findings = [await checked("model", "model", model)]
    if model.fallback:
        findings.append(await checked("second model", "model.fallback", model.fallback))
    findings.append(prompt(model))
    if model.tools:
        names = ", ".join(tool.spec.name for tool in model.tools)
        findings.append(ok("tools", f"tools declared: {names}"))
    return findings


def prompt(model: ModelConfig) -> Finding:
    """Check that prompt and tools leave room for a conversation."""
    tokens, most = fixed_tokens(model), model.context_tokens
    if most - tokens < LEAST_ROOM:
        return failed(
            "prompt",
            f"prompt too long: about {tokens} tokens with the tools, of {most} in "
            "model.context_tokens; the model would soon forget the conversation",
            "shorten prompt or tools, or raise model.context_tokens if the model accepts more",
        )
    return ok(
        "prompt",
        f"prompt short enough: about {tokens} tokens with the tools, of {most}",
    )
