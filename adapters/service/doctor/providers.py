"""What the doctor hears of the providers: each is asked for one small piece of its real work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import trio

from adapters.llm.prompts import Language
from adapters.service.doctor.finding import Finding, failed, ok, within_bounds
from adapters.service.model import ModelConfig, prompt_tokens
from adapters.service.opening import Opening, Provider
from adapters.service.speech import SpeechConfig
from engine.data import Said
from engine.ports import Speech, Synthesizer, frame_bytes
from engine.toolbox import Toolbox

#: Tokens that a conversation needs: some ten turns.
LEAST_ROOM = 500

#: What is said, and recognised again.
SENTENCES: Mapping[Language, str] = {"en": "How are you today?", "ru": "Как у вас дела?"}


async def speech_findings(speech: SpeechConfig, rate_hz: int, language: Language) -> list[Finding]:
    """The synthesizers say a sentence; the voice detector and the recogniser hear it."""
    sentence = SENTENCES[language]
    said = bytearray()

    def saying(voice: Provider[Synthesizer]) -> Callable[[], Awaitable[str]]:
        async def synthesizer() -> str:
            said.clear()
            async with Opening.begun(rate_hz) as opening, voice.open(opening) as opened:
                begun = trio.current_time()
                times: list[float] = []

                def heard(piece: Speech) -> None:
                    times.append(trio.current_time() - begun)
                    said.extend(piece.pcm)

                await opened.synthesize(sentence, rate_hz, heard)
            seconds = len(said) / 2 / rate_hz
            return (
                f"{voice.name} said a sentence of {seconds:.1f} s, "
                f"its first sound after {times[0] * 1000:.0f} ms"
                if times
                else f"{voice.name} runs, and was silent"
            )

        return synthesizer

    async def voice_detector() -> str:
        async with (
            Opening.begun(rate_hz) as opening,
            speech.voice_detector.open(opening) as opened,
            opened.detector(rate_hz) as ear,
        ):
            began = any(edge.speaking for edge in ear.feed(bytes(said)))
        heard = "heard the sentence begin" if began else "runs"
        return f"{speech.voice_detector.name} {heard}"

    async def recognizer() -> str:
        async with (
            Opening.begun(rate_hz) as opening,
            speech.recognizer.open(opening) as opened,
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

    findings = []
    # The first voice last: its sentence is the one that is heard.
    if speech.fallback:
        findings.append(await within_bounds("second synthesizer", saying(speech.fallback)))
    findings.insert(0, await within_bounds("synthesizer", saying(speech.synthesizer)))
    said.extend(bytes(-len(said) % frame_bytes(rate_hz)))
    findings.append(await within_bounds("voice detector", voice_detector))
    findings.append(await within_bounds("recognizer", recognizer))
    return findings


async def model_findings(model: ModelConfig) -> list[Finding]:
    """Each model is asked as a caller would ask it, up to the first words of its answer."""

    def asking(one: ModelConfig) -> Callable[[], Awaitable[str]]:
        async def ask() -> str:
            async with one.open() as opened:
                begun = trio.current_time()
                with trio.CancelScope() as enough:
                    question = [Said("caller", "Hello.")]
                    await opened.write(question, Toolbox(), lambda text: enough.cancel())
                return f"{one.name} answers, after {trio.current_time() - begun:.1f} s"

        return ask

    findings = [await within_bounds("model", asking(model)), prompt(model)]
    if model.fallback:
        findings.insert(1, await within_bounds("second model", asking(model.fallback)))
    if model.tools:
        names = ", ".join(tool.spec.name for tool in model.tools)
        findings.append(ok("tools", f"the model may use {names}"))
    return findings


def prompt(model: ModelConfig) -> Finding:
    """It leaves room for a conversation. One that has no room at all is a mistake at the start."""
    tokens, most = prompt_tokens(model), model.context_tokens
    if most - tokens < LEAST_ROOM:
        return failed(
            "prompt",
            f"it has about {tokens} tokens of the {most} that model.context_tokens allows: the "
            "conversation would soon be forgotten",
            "shorten the prompt, or raise model.context_tokens if the model takes more",
        )
    return ok("prompt", f"it has about {tokens} tokens of {most}; the rest is for the conversation")
