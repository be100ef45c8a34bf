"""The doctor asks each provider for a small piece of its real work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import trio

from callchart.adapters.service.demo.model_server import MODEL
from callchart.adapters.service.doctor import finding
from callchart.adapters.service.doctor.finding import Verdict, within_bounds
from callchart.adapters.service.doctor.providers import model_findings, speech_findings
from callchart.adapters.service.providers.models import ModelConfig
from callchart.adapters.service.providers.provider import Provider, SharedResources
from callchart.adapters.service.providers.speech import SpeechConfig
from callchart.adapters.service.sections.fields import Secret
from callchart.engine.ports import ProviderError
from callchart.engine.testing import FakeRecognizer, FakeSynthesizer, FakeVoiceDetectors, Spoken
from tests.adapters.service.command import model_server


def provider(made: Any) -> Provider[Any]:
    """Return a provider that opens as `made`."""

    @asynccontextmanager
    async def opened(resources: SharedResources) -> AsyncIterator[Any]:
        yield made

    return Provider("fake", opened)


def missing(resources: SharedResources) -> Any:
    """Fail to open, with the error in a group, as adapters with a nursery raise it."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        async with trio.open_nursery():
            raise ProviderError("fake", "it is not installed", "install it")
        yield

    return opened()


def ears() -> FakeRecognizer:
    """Return a recogniser that understands the fake synthesizer's first sentence."""
    recognizer = FakeRecognizer()
    recognizer.knows(Spoken("How are you today?"))
    return recognizer


def speech(**parts: Any) -> SpeechConfig:
    """Return fakes of all parts except `parts`."""
    fakes = SpeechConfig(
        provider(ears()), provider(FakeSynthesizer()), provider(FakeVoiceDetectors())
    )
    return replace(fakes, **parts)


async def test_working_parts_are_ok() -> None:
    findings = await speech_findings(speech(), 16000, "en", ())
    assert [(f.part, f.verdict, f.cure) for f in findings] == [
        ("synthesizer", Verdict.OK, ""),
        ("voice detector", Verdict.OK, ""),
        ("recognizer", Verdict.OK, ""),
    ]


@pytest.mark.parametrize("part", ["recognizer", "synthesizer", "voice_detector"])
async def test_a_part_that_cannot_start_fails_and_the_others_are_checked(part: str) -> None:
    findings = await speech_findings(speech(**{part: Provider("fake", missing)}), 16000, "en", ())
    assert [f.part for f in findings if f.verdict is Verdict.OK] == [
        f for f in ("synthesizer", "voice detector", "recognizer") if f != part.replace("_", " ")
    ]
    (failed,) = (f for f in findings if f.verdict is Verdict.FAILED)
    assert (failed.what, failed.cure) == ("fake failed: it is not installed", "install it")


async def test_a_sentence_without_a_recognised_word_fails() -> None:
    deaf = speech(recognizer=provider(FakeRecognizer()))
    found = (await speech_findings(deaf, 16000, "en", ()))[-1]
    assert found.verdict is Verdict.FAILED
    assert found.what == "fake failed: it recognised no word of the sentence, after 0.0 s"


async def test_the_second_voice_speaks_for_recognition_if_the_first_fails() -> None:
    parts = speech(synthesizer=Provider("fake", missing), fallback=provider(FakeSynthesizer()))
    findings = await speech_findings(parts, 16000, "en", ())
    assert [(f.part, f.verdict) for f in findings] == [
        ("synthesizer", Verdict.FAILED),
        ("second synthesizer", Verdict.OK),
        ("voice detector", Verdict.OK),
        ("recognizer", Verdict.OK),
    ]
    assert findings[-1].what.startswith("fake working: 4 words recognised")


async def test_a_check_that_times_out_fails(autojump_clock: object) -> None:
    async def never() -> str:
        await trio.sleep_forever()
        return ""

    found = await within_bounds("part", never)
    assert trio.current_time() == finding.LONGEST_S
    assert found.verdict is Verdict.FAILED
    assert found.what == "check timed out: no result within 10 s"


@pytest.mark.real
async def test_a_model_is_asked_for_a_word() -> None:
    async with model_server() as server:
        found, _ = await model_findings(ModelConfig(MODEL, Secret("offline"), server.url), ())
    assert found.verdict is Verdict.OK
    assert found.what.startswith(f"{MODEL} working: first words after ")


@pytest.mark.real
async def test_a_missing_model_server_fails_with_a_cure() -> None:
    found, _ = await model_findings(
        ModelConfig(MODEL, Secret("s3same"), "http://127.0.0.1:9/v1"), ()
    )
    assert found.verdict is Verdict.FAILED
    assert (found.what, found.cure) == (
        "openai failed: 127.0.0.1:9 refused the connection",
        "start that server, or correct the base URL",
    )
