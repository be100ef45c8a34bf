"""[speech.yandex]: one account at Yandex SpeechKit, and its options.

All providers share the credentials: one set of tokens, and one task that renews it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from callchart.adapters.grpc.dial import Address
from callchart.adapters.grpc.errors import ConnectionLost
from callchart.adapters.grpc.pool import Pool
from callchart.adapters.service.providers.provider import SharedResources
from callchart.adapters.service.sections.fields import HostUrl, SecretText, String, pattern
from callchart.adapters.service.sections.table import SECONDS, Expected, Mistake, Source, Table
from callchart.adapters.stt.yandex.recognizer import HOST as STT_HOST
from callchart.adapters.stt.yandex.recognizer import Listening, YandexRecognizer
from callchart.adapters.tts.yandex.grpc import HOST as TTS_HOST
from callchart.adapters.tts.yandex.grpc import Voice, YandexSynthesizer
from callchart.adapters.tts.yandex.http import URL as TTS_HTTP_URL
from callchart.adapters.tts.yandex.http import YandexHttpSynthesizer
from callchart.adapters.yandex.credentials import ApiKey, Credentials
from callchart.adapters.yandex.iam import IamTokens
from callchart.adapters.yandex.iam import Source as TokenSource
from callchart.adapters.yandex.refusals import PROVIDER
from callchart.adapters.yandex.token_sources import tokens_for_oauth, tokens_of_machine
from callchart.engine.exception_groups import first_leaf
from callchart.engine.ports import ProviderError

Method = Literal["utterance", "stream"]
Sensitivity = Literal["default", "high"]

#: The keys that identify the account; exactly one of them is needed.
_ACCOUNTS = ("api_key", "iam", "oauth_token")


@dataclass(frozen=True, slots=True, eq=False)
class Yandex:
    """An account. `account` is an API key or a source of tokens. URLs have no path."""

    account: ApiKey | TokenSource
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
        """The options that change the sound of the voice."""
        return (self.voice.name, self.voice.role, f"{self.voice.speed_factor:g}")

    @asynccontextmanager
    async def synthesizer(self, resources: SharedResources) -> AsyncIterator[YandexSynthesizer]:
        """Open the synthesizer over gRPC."""
        async with YandexSynthesizer.open(
            await resources.share(self.credentials),
            self.voice,
            folder=self.folder,
            method=self.method,
            address=_address(self.tts_url),
            connections=self.connections,
        ) as synthesizer:
            yield synthesizer

    @asynccontextmanager
    async def http_synthesizer(
        self, resources: SharedResources
    ) -> AsyncIterator[YandexHttpSynthesizer]:
        """Open the synthesizer over HTTP."""
        async with YandexHttpSynthesizer.open(
            await resources.share(self.credentials),
            self.voice,
            language=self.language,
            folder=self.folder,
            url=self.tts_http_url,
        ) as synthesizer:
            yield synthesizer

    @asynccontextmanager
    async def recognizer(self, resources: SharedResources) -> AsyncIterator[YandexRecognizer]:
        """Open the recogniser, over gRPC."""
        async with YandexRecognizer.open(
            await resources.share(self.credentials),
            self.listening,
            folder=self.folder,
            address=_address(self.stt_url),
            connections=self.connections,
        ) as recognizer:
            yield recognizer

    async def reach_recognizer(self) -> None:
        """Raise `ProviderError` if the server is out of reach. In a call the recogniser retries."""
        try:
            async with Pool.open(_address(self.stt_url), 1) as pool:
                await pool.ready()
        except* ConnectionLost as lost:
            error = first_leaf(lost)
            raise ProviderError(PROVIDER, error.reason, error.cure) from None

    @asynccontextmanager
    async def credentials(self) -> AsyncIterator[Credentials]:
        """Open the credentials, for `SharedResources.share`."""
        if isinstance(self.account, ApiKey):
            yield self.account
        else:
            async with IamTokens.open(self.account) as tokens:
                yield tokens


class YandexSection(Table):
    """[speech.yandex]: one account for all of SpeechKit."""

    api_key: SecretText | None = None
    """The API key of a service account."""
    iam: (
        Annotated[Literal["machine"], Expected('"machine", for tokens of this virtual machine')]
        | None
    ) = None
    """"machine", in place of `api_key`: this virtual machine of Yandex Cloud gives the tokens."""
    oauth_token: SecretText | None = None
    """The token of a user, in place of `api_key`; it needs `folder_id`."""
    # It is sent in a header, which can carry ASCII only.
    folder_id: (
        Annotated[str, pattern("[!-~]+"), Expected("the folder's id, of Latin letters and digits")]
        | None
    ) = None
    """The id of the folder that pays."""
    voice: String = Voice().name
    """The voice."""
    role: String | None = None
    """The role of the voice, such as "good", if the voice has several."""
    speed: Annotated[float, Field(ge=0.1, le=3)] = 1.0
    """The speed; 1 is the voice's own."""
    method: Method = "utterance"
    """The request of a synthesis over gRPC: "utterance", or "stream", which takes longer texts."""
    language: Annotated[
        str, pattern("[a-z]{2,3}-[A-Z]{2}"), Expected("a language such as ru-RU")
    ] = Listening().language
    """The language of recognition, and of synthesis over HTTP."""
    recognition_model: String = Listening().model
    """The model of recognition."""
    normalized: bool = Listening().normalized
    """Whether recognition writes numbers as digits, capitals and full stops; that is slower."""
    sensitivity: Sensitivity = Listening().sensitivity
    """"high" ends utterances sooner than "default", but more often in the middle."""
    max_pause: Annotated[float, Field(ge=0, le=5), SECONDS] = Listening().max_pause_s
    """Seconds of silence between words that end an utterance; 0 leaves it to SpeechKit."""
    final_wait: Annotated[float, Field(ge=0.1, le=10), SECONDS] = Listening().final_wait_s
    """Seconds to wait for the final words of an utterance; then the last partial words are used."""
    connections: Annotated[int, Field(ge=1, le=32)] = 2
    """gRPC connections for recognition, and as many for synthesis."""
    tts_url: HostUrl = f"https://{TTS_HOST}"
    """The server of synthesis over gRPC; http:// is not encrypted."""
    tts_http_url: HostUrl = TTS_HTTP_URL
    """The server of synthesis over HTTP."""
    stt_url: HostUrl = f"https://{STT_HOST}"
    """The server of recognition."""

    @classmethod
    def missing(cls, given: Mapping[str, Any], source: Source) -> Iterator[Mistake]:
        first, *others = [key for key in _ACCOUNTS if key in given] or [""]
        if not first:
            yield (
                ("api_key",),
                ' must be a secret such as { env = "YANDEX_API_KEY" }, got nothing; on a machine '
                'of Yandex Cloud, iam = "machine" replaces it',
            )
        for other in others:
            yield (other,), f" must be absent if {first} is set, got both; keep one of them"
        if first == "oauth_token" and "folder_id" not in given:
            text = " must be the id of the folder that pays, which oauth_token needs, got nothing"
            yield ("folder_id",), text

    def conflicts(self, source: Source) -> Iterator[Mistake]:
        try:
            self._account()
        except ProviderError as error:
            key = "oauth_token" if self.oauth_token else "api_key"
            yield (key,), f": {error.reason}; {error.cure}"

    def yandex(self) -> Yandex:
        """Return the account with all its options."""
        return Yandex(
            account=self._account(),
            folder=self.folder_id or "",
            voice=Voice(name=self.voice, role=self.role or "", speed_factor=self.speed),
            method=self.method,
            language=self.language,
            listening=Listening(
                language=self.language,
                model=self.recognition_model,
                normalized=self.normalized,
                sensitivity=self.sensitivity,
                max_pause_s=self.max_pause,
                final_wait_s=self.final_wait,
            ),
            connections=self.connections,
            tts_url=self.tts_url,
            tts_http_url=self.tts_http_url,
            stt_url=self.stt_url,
        )

    def _account(self) -> ApiKey | TokenSource:
        if self.oauth_token:
            return tokens_for_oauth(self.oauth_token.reveal())
        if self.api_key:
            return ApiKey(self.api_key.reveal())
        # Also for a missing secret (`Source.may_lack_secrets`): the account is not used then.
        return tokens_of_machine()


def _address(url: str) -> Address:
    parts = urlsplit(url)
    assert parts.hostname is not None, "the configuration is validated"
    if parts.scheme == "https":
        return Address(parts.hostname, parts.port or 443, ssl.create_default_context())
    return Address(parts.hostname, parts.port or 80)
