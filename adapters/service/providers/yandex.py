"""[speech.yandex]: one account at Yandex SpeechKit, and what is asked of it.

Its credentials are opened once for all who use them: one set of tokens, one task that renews it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import urlsplit

from callchart.adapters.grpc.dial import Address
from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.pool import Pool
from callchart.adapters.service.providers.provider import Opening
from callchart.adapters.service.section import Section
from callchart.adapters.stt.yandex.recognizer import HOST as STT_HOST
from callchart.adapters.stt.yandex.recognizer import Listening, YandexRecognizer
from callchart.adapters.tts.yandex.grpc import HOST as TTS_HOST
from callchart.adapters.tts.yandex.grpc import Voice, YandexSynthesizer
from callchart.adapters.tts.yandex.http import URL as TTS_HTTP_URL
from callchart.adapters.tts.yandex.http import YandexHttpSynthesizer
from callchart.adapters.yandex.credentials import ApiKey, Credentials
from callchart.adapters.yandex.iam import IamTokens, Source
from callchart.adapters.yandex.refusals import PROVIDER
from callchart.adapters.yandex.token_sources import tokens_for_oauth, tokens_of_machine
from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import ProviderError

Method = Literal["utterance", "stream"]
Sensitivity = Literal["default", "high"]

_METHODS: tuple[Method, ...] = get_args(Method)
_SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)

#: How we may say who we are: each is a key, of which one is needed.
_WAYS = ("api_key", "iam", "oauth_token")


@dataclass(frozen=True, slots=True, eq=False)
class Yandex:
    """`account`: an API key, or where tokens come from. URLs have no path."""

    account: ApiKey | Source
    folder: str
    voice: Voice
    method: Method
    language: str
    listening: Listening
    connections: int
    tts_url: str
    tts_http_url: str
    stt_url: str

    @property
    def sound(self) -> tuple[str, ...]:
        """What makes the voice sound as it does."""
        return (self.voice.name, self.voice.role, f"{self.voice.speed:g}")

    @asynccontextmanager
    async def synthesizer(self, opening: Opening) -> AsyncIterator[YandexSynthesizer]:
        """The voice over gRPC."""
        async with YandexSynthesizer.open(
            await opening.shared(self.credentials),
            self.voice,
            folder=self.folder,
            method=self.method,
            address=_address(self.tts_url),
            connections=self.connections,
        ) as synthesizer:
            yield synthesizer

    @asynccontextmanager
    async def http_synthesizer(self, opening: Opening) -> AsyncIterator[YandexHttpSynthesizer]:
        """The voice over HTTP."""
        async with YandexHttpSynthesizer.open(
            await opening.shared(self.credentials),
            self.voice,
            language=self.language,
            folder=self.folder,
            url=self.tts_http_url,
        ) as synthesizer:
            yield synthesizer

    @asynccontextmanager
    async def recognizer(self, opening: Opening) -> AsyncIterator[YandexRecognizer]:
        """The ear, over gRPC."""
        async with YandexRecognizer.open(
            await opening.shared(self.credentials),
            self.listening,
            folder=self.folder,
            address=_address(self.stt_url),
            connections=self.connections,
        ) as recognizer:
            yield recognizer

    async def reach_recognizer(self) -> None:
        """Raises `ProviderError` where there is no way to it: a call's recogniser tries on."""
        try:
            async with Pool.open(_address(self.stt_url), 1) as pool:
                await pool.ready()
        except* ConnectionLost as lost:
            error = first_leaf(lost)
            raise ProviderError(PROVIDER, error.reason, error.cure) from None

    @asynccontextmanager
    async def credentials(self) -> AsyncIterator[Credentials]:
        """For `Opening.shared`."""
        if isinstance(self.account, ApiKey):
            yield self.account
        else:
            async with IamTokens.open(self.account) as tokens:
                yield tokens


def read_yandex(section: Section) -> Yandex:
    """The section, with its mistakes noted."""
    plain = Listening()
    with section:
        # It goes into a request's head; a letter of another alphabet looks like one of its own.
        folder = section.text(
            "folder_id", "", form="[!-~]+", right="the folder's id, of Latin letters and digits"
        )
        language = section.text(
            "language",
            plain.language,
            form="[a-z]{2,3}-[A-Z]{2}",
            right="a language such as ru-RU",
        )
        return Yandex(
            account=_account(section, folder),
            folder=folder,
            voice=Voice(
                name=section.text("voice", Voice().name),
                role=section.text("role", ""),
                speed=section.number("speed", 1.0, least=0.1, most=3.0),
            ),
            method=section.choice("method", _METHODS, "utterance"),
            language=language,
            listening=Listening(
                language=language,
                model=section.text("recognition_model", plain.model),
                normalized=section.flag("normalized", plain.normalized),
                sensitivity=section.choice("sensitivity", _SENSITIVITIES, plain.sensitivity),
                max_pause=section.seconds("max_pause", plain.max_pause, most=5),
                final_wait=section.seconds("final_wait", plain.final_wait, least=0.1, most=10),
            ),
            connections=section.whole("connections", 2, least=1, most=32),
            tts_url=_host(section, "tts_url", f"https://{TTS_HOST}"),
            tts_http_url=_host(section, "tts_http_url", TTS_HTTP_URL),
            stt_url=_host(section, "stt_url", f"https://{STT_HOST}"),
        )


def _account(section: Section, folder: str) -> ApiKey | Source:
    key = section.secret("api_key", required=False).reveal()
    section.text("iam", "", form="machine", right='"machine", for tokens of this virtual machine')
    token = section.secret("oauth_token", required=False).reveal()
    given = [way for way in _WAYS if way in section.keys]
    if not given:
        section.mistake(
            "api_key",
            'it is missing; write { env = "YANDEX_API_KEY" }, or on a machine of Yandex Cloud '
            'iam = "machine" in its place',
        )
    for another in given[1:]:
        section.mistake(another, f"there is {given[0]} as well; keep one of them")
    if given == ["oauth_token"] and not folder:
        section.mistake("folder_id", "it is missing; a user's token needs the folder that pays")
    try:
        if token:
            return tokens_for_oauth(token)
        if key:
            return ApiKey(key)
    except ProviderError as error:
        section.mistake(given[0], f"{error.reason}; {error.cure}")
    return tokens_of_machine()


def _host(section: Section, key: str, default: str) -> str:
    """A URL without a path; http is in the clear."""
    url = section.url(key, default)
    if urlsplit(url).path:
        section.mistake(key, f"it has a path; write no more than {default}")
    return url


def _address(url: str) -> Address:
    parts = urlsplit(url)
    assert parts.hostname is not None, "it was checked as it was read"
    if parts.scheme == "https":
        return Address(parts.hostname, parts.port or 443, ssl.create_default_context())
    return Address(parts.hostname, parts.port or 80)
