"""Yandex SpeechKit's voices over HTTP (API v1), for networks that block gRPC, and as a fallback.

This API sends no word timings, and has fewer voices than the one over gRPC."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Self

import httpx  # noqa: ASYNC127 - plain requests need no httpx2
import trio

from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.tts.yandex.grpc import ALENA, HOST, ROLE, Voice
from callchart.adapters.tts.yandex.sound import SpeechKitSound
from callchart.adapters.tts.yandex.text import requests, spoken
from callchart.adapters.yandex.access import Access
from callchart.adapters.yandex.credentials import Credentials
from callchart.adapters.yandex.refusals import PROVIDER, Service, of_http
from callchart.engine.exception_groups import causes
from callchart.engine.ports import ProviderError, Speech

URL: Final = f"https://{HOST}"

#: The most characters in one request: SpeechKit's own limit.
LONGEST_CHARACTERS: Final = 5000

#: Seconds. A lost SYN is sent again after 1 s, so 3 s to connect leave time for the second one.
_TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)

#: A connection stays open over the pause between two turns, so only the first request waits for
#: TLS. 100 calls may speak at the same time.
_LIMITS: Final = httpx.Limits(
    max_connections=200, max_keepalive_connections=100, keepalive_expiry=60.0
)


class YandexHttpSynthesizer:
    """A `ports.Synthesizer` in one voice, for any number of calls. Made by `open`."""

    def __init__(
        self, client: httpx.AsyncClient, access: Access, voice: Voice, language: str
    ) -> None:
        self._client, self._access = client, access
        self._voice, self._language = voice, language

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        credentials: Credentials,
        voice: Voice = ALENA,
        *,
        language: str = "ru-RU",
        folder: str = "",
        url: str = URL,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[Self]:
        """Open a synthesizer, and close its connections after the block. `folder`: see `Access`.

        `language` is a code such as "ru-RU"."""
        access = Access(
            Service(ROLE, f"{voice}, and the language {language!r}"), credentials, folder
        )
        async with httpx.AsyncClient(
            base_url=url, timeout=_TIMEOUT, limits=_LIMITS, transport=transport
        ) as client:
            yield cls(client, access, voice, language)

    async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
        """See `ports.Synthesizer`. The pieces are those of the network, without word timings."""
        sound = SpeechKitSound(text, rate_hz, out)
        for part in requests(spoken(text), LONGEST_CHARACTERS):
            sound.begin_request()
            job = partial(self._ask, self._form(part, rate_hz), sound)
            await self._access.ask(job, repeatable=lambda: sound.is_silent)
            # Unlike gRPC, this API does not report that a text has nothing to speak.
            if sound.is_silent:
                raise ProviderError(
                    PROVIDER,
                    "the answer has no sound",
                    f"check that {self._voice} fit the language {self._language!r}",
                )

    def _form(self, text: str, rate_hz: int) -> dict[str, str]:
        voice = self._voice
        form = {
            "text": text,
            "lang": self._language,
            "voice": voice.name,
            "format": "lpcm",
            "sampleRateHertz": str(rate_hz),
        }
        if voice.role:
            form["emotion"] = voice.role
        if voice.speed_factor != 1.0:
            form["speed"] = f"{voice.speed_factor:g}"
        if self._access.folder:
            form["folderId"] = self._access.folder
        return form

    async def _ask(
        self, form: Mapping[str, str], sound: SpeechKitSound, metadata: Mapping[str, str]
    ) -> None:
        host = self._client.base_url.host
        try:
            async with self._client.stream(
                "POST", "/speech/v1/tts:synthesize", data=form, headers=metadata
            ) as answer:
                if not answer.is_success:
                    raise of_http(answer.status_code, host, answer.headers.get("retry-after"))
                await _read(answer, sound)
                return
        except httpx.RequestError as error:
            failure = _disconnection(error, host)
        # Raise outside the handler: the client's error quotes the request, and must not become the
        # context of ours.
        raise failure


async def _read(answer: httpx.Response, sound: SpeechKitSound) -> None:
    fault: Exception | None = None
    # Never leave this loop early: the garbage collector would close the client's generators at an
    # unknown later time. On an error, cancel the reading, and raise the error after the loop.
    with trio.CancelScope() as reading:
        async for pcm in answer.aiter_bytes():
            if fault is None:
                try:
                    sound.take_pcm(pcm)
                except Exception as error:  # noqa: BLE001 (an error of `out`, raised below)
                    fault = error
                    reading.cancel()
    if fault is not None:
        raise fault


def _disconnection(error: Exception, host: str) -> ConnectionLost:
    chain = tuple(causes(error))

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in chain)

    if caused_by(ConnectionRefusedError):
        return ConnectionLost(
            f"{host} refused the connection", "start that server, or correct the address"
        )
    if caused_by(socket.gaierror):
        return ConnectionLost(f"{host} was not found", "check its name, and the name server")
    if caused_by(ssl.SSLError):
        return ConnectionLost(
            f"{host} failed the TLS handshake", "check its certificate, and https in the address"
        )
    if caused_by(httpx.ConnectTimeout):
        return ConnectionLost(
            f"{host} did not answer within {_TIMEOUT.connect:g} s",
            "check the network and the address",
        )
    if caused_by(httpx.TimeoutException):
        return ConnectionLost(f"{host} was silent for {_TIMEOUT.read:g} s")
    return ConnectionLost(f"{host} broke off the connection")
