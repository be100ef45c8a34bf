"""What the doctor hears of the providers: each is asked for one small piece of its real work."""

from __future__ import annotations

import trio

from adapters.service.doctor.finding import Finding, within_bounds
from adapters.service.providers import ModelConfig, SpeechConfig
from engine.data import Said
from engine.ports import Speech, frame_bytes
from engine.toolbox import Toolbox

#: What is said, and recognised again.
SENTENCE = "How are you today?"


async def speech_findings(speech: SpeechConfig, rate_hz: int) -> list[Finding]:
    """The synthesizer says a sentence; the voice detector and the recogniser hear it."""
    said = bytearray()

    async def synthesizer() -> str:
        async with speech.synthesizer.open(rate_hz) as opened:
            begun = trio.current_time()
            times: list[float] = []

            def heard(piece: Speech) -> None:
                times.append(trio.current_time() - begun)
                said.extend(piece.pcm)

            await opened.synthesize(SENTENCE, rate_hz, heard)
        seconds = len(said) / 2 / rate_hz
        return (
            f"{speech.synthesizer.name} said a sentence of {seconds:.1f} s, "
            f"its first sound after {times[0] * 1000:.0f} ms"
            if times
            else f"{speech.synthesizer.name} runs, and was silent"
        )

    async def voice_detector() -> str:
        async with speech.voice_detector.open(rate_hz) as opened, opened.detector(rate_hz) as ear:
            began = any(edge.speaking for edge in ear.feed(bytes(said)))
        heard = "heard the sentence begin" if began else "runs"
        return f"{speech.voice_detector.name} {heard}"

    async def recognizer() -> str:
        async with (
            speech.recognizer.open(rate_hz) as opened,
            opened.recognition(rate_hz) as recognition,
        ):
            recognition.utterance_started(1)
            recognition.feed(bytes(said))
            recognition.utterance_ended(1)
            begun = trio.current_time()
            while not (heard := await recognition.result()).final:
                pass
            lag = trio.current_time() - begun
        words = len(heard.text.split())
        return f"{speech.recognizer.name} made {words} words of the sentence within {lag:.1f} s"

    findings = [await within_bounds("synthesizer", synthesizer)]
    said.extend(bytes(-len(said) % frame_bytes(rate_hz)))
    findings.append(await within_bounds("voice detector", voice_detector))
    findings.append(await within_bounds("recognizer", recognizer))
    return findings


async def model_finding(model: ModelConfig) -> Finding:
    """The model is asked as a caller would ask it, up to the first words of its answer."""

    async def ask() -> str:
        async with model.open() as opened:
            begun = trio.current_time()
            with trio.CancelScope() as enough:
                question = [Said("caller", "Hello.")]
                await opened.write(question, Toolbox(), lambda text: enough.cancel())
            return f"{model.name} answers, after {trio.current_time() - begun:.1f} s"

    return await within_bounds("model", ask)
