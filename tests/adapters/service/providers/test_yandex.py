"""All providers share one account at Yandex."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from callchart.adapters.service.providers.provider import SharedResources
from callchart.adapters.service.providers.yandex import Yandex, YandexSection
from callchart.adapters.service.sections.table import Source
from callchart.adapters.yandex.token_sources import tokens_of_machine
from tests.contracts.recognizer import results
from tests.servers.speechkit.server import SpeechKitServer
from tests.servers.tones import speak

pytestmark = pytest.mark.real

TOKENS = "/computeMetadata/v1/instance/service-accounts/default/token"


def account(server: SpeechKitServer) -> Yandex:
    """Return the account of a machine, with this server for all of SpeechKit."""
    grpc = f"http://127.0.0.1:{server.grpc_port}"
    keys = {"iam": "machine", "tts_url": grpc, "stt_url": grpc, "tts_http_url": server.url}
    yandex = YandexSection.model_validate(keys, context=Source(Path(), {})).yandex()
    return replace(yandex, account=tokens_of_machine(server.url + TOKENS))


async def test_recogniser_and_both_synthesizers_share_one_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Ignore the proxies that the environment names.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with SpeechKitServer.started() as server:
        await server.accept([])
        yandex = account(server)
        with trio.fail_after(60):
            async with (
                SharedResources.open(16000) as resources,
                yandex.synthesizer(resources) as voice,
                yandex.http_synthesizer(resources) as other,
                yandex.recognizer(resources) as ears,
                ears.recognition(16000) as recognition,
            ):
                for each in (voice, other):
                    await each.synthesize("beta", 16000, lambda piece: None)
                recognition.feed_frames(speak("open", 16000).pcm)
                recognition.utterance_started(1)
                recognition.utterance_ended(1)
                *_, heard = await results(recognition)
        assert heard.text == "open"
        assert len(await server.asked("metadata")) == 1
