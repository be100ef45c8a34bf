"""Transcription by OpenAI, or by any server with its API: one request for each utterance.

The request is made when the utterance ends, and contains its whole sound. There are no partials. A
failed request is retried once if the retry may succeed.
"""

from __future__ import annotations

import io
import math
import re
import wave
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
import trio

from callchart.adapters.openai.failure import PROVIDER, Failure
from callchart.adapters.stt.openai.errors import Failures
from callchart.adapters.stt.utterance import Utterance, is_silent
from callchart.engine.ports import Heard, ProviderError

OPENAI_URL = "https://api.openai.com/v1"
MODEL = "gpt-4o-mini-transcribe"

#: The time from the end of an utterance to its words, including a retry. The call itself does not
#: wait so long for a final. This limit is longer, because a timeout fails the call, and late words
#: do not.
ANSWER_TIMEOUT_S = 8.0

#: A lost SYN is sent again after 1 s, so 2 s to connect leave time for the second one. Other waits
#: have no limit here: `ANSWER_TIMEOUT_S` limits the whole request.
_TIMEOUT = httpx2.Timeout(None, connect=2.0)

#: A connection stays open between two utterances, so only the first request waits for TLS.
_LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=100, keepalive_expiry=60.0)


@dataclass(slots=True)
class _Final:
    """An ended utterance. `text` is None until its words are known."""

    utterance: int
    text: str | None = None


class OpenAIRecognition:
    """The recogniser of one call. Requests run in parallel; finals are delivered in order."""

    def __init__(self, api: _Api, nursery: trio.Nursery, rate_hz: int) -> None:
        self._api = api
        self._nursery = nursery
        self._rate_hz = rate_hz
        self._said = Utterance(rate_hz)
        self._pending: deque[_Final] = deque()
        self._failure: ProviderError | None = None
        self._result_sender, self._result_receiver = trio.open_memory_channel[Heard](math.inf)

    def feed_frames(self, pcm: bytes) -> None:
        """Add whole frames. Between utterances, keep the last 360 ms."""
        self._said.add_frames(pcm)

    def utterance_started(self, utterance: int) -> None:
        """Begin an utterance with the sound that was kept from before its onset."""
        self._said.begin(utterance)

    def utterance_ended(self, utterance: int) -> None:
        """Request the words of the utterance. A silent one gets an empty final at once."""
        pcm = self._said.end()
        if self._failure:
            return
        final = _Final(utterance)
        self._pending.append(final)
        if is_silent(pcm):
            self._set_text(final, "")
        else:
            self._nursery.start_soon(self._ask, final, pcm)

    async def result(self) -> Heard:
        """Wait for the next final. Raises `ProviderError` once a request has failed."""
        try:
            return await self._result_receiver.receive()
        except trio.EndOfChannel:
            assert self._failure is not None
            raise self._failure from None

    def fail(self, failure: ProviderError) -> None:
        """Keep the first failure: earlier results are delivered, then `result` raises it."""
        if self._failure is None:
            self._failure = failure
            self._result_sender.close()

    async def _ask(self, final: _Final, pcm: bytes) -> None:
        try:
            self._set_text(final, await self._api.words(pcm, self._rate_hz))
        except ProviderError as failure:
            self.fail(failure)

    def _set_text(self, final: _Final, text: str) -> None:
        final.text = text
        while self._pending and not self._failure and (known := self._pending[0].text) is not None:
            self._result_sender.send_nowait(
                Heard(self._pending.popleft().utterance, known, final=True)
            )


class _Api:
    """The transcription API of one server."""

    def __init__(self, http: httpx2.AsyncClient, fields: dict[str, str]) -> None:
        self._http = http
        self._fields = fields
        self._failures = Failures(http.base_url.netloc.decode("ascii"), fields["model"])

    async def words(self, pcm: bytes, rate_hz: int) -> str:
        """Return the words in this sound. Raises `ProviderError`."""
        sound = _wav(pcm, rate_hz)
        with trio.move_on_after(ANSWER_TIMEOUT_S):
            outcome = await self._attempt(sound)
            if isinstance(outcome, Failure) and outcome.retry_after_s is not None:
                await trio.sleep(outcome.retry_after_s)
                outcome = await self._attempt(sound)
            # Raise outside the handler: the client's errors quote keys and callers, and must not
            # become the context of ours.
            if isinstance(outcome, Failure):
                raise outcome.error
            return outcome
        raise self._failures.late(ANSWER_TIMEOUT_S)

    async def _attempt(self, sound: bytes) -> str | Failure:
        try:
            response = await self._http.post(
                "audio/transcriptions",
                data=self._fields,
                files={"file": ("utterance.wav", sound, "audio/wav")},
            )
        except httpx2.RequestError as error:
            return self._failures.disconnection(error)
        if not response.is_success:
            return self._failures.refusal(response)
        try:
            match response.json():
                case {"text": str(text)}:
                    return text.strip()
        except ValueError:
            pass  # the body is not JSON
        return self._failures.malformed()


class OpenAIRecognizer:
    """A `ports.Recognizer` for any number of calls. Made by `open`."""

    def __init__(self, api: _Api) -> None:
        self._api = api

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        api_key: str,
        language: str,
        model: str = MODEL,
        base_url: str = OPENAI_URL,
    ) -> AsyncIterator[OpenAIRecognizer]:
        """Open a recogniser, and close its connections after the block.

        `language` is a code of two or three letters, such as "ru". Raises `ProviderError` for a
        key, a URL or a language that cannot work."""
        _check(api_key, base_url, language)
        async with httpx2.AsyncClient(
            base_url=base_url,
            headers={"authorization": f"Bearer {api_key}"},
            timeout=_TIMEOUT,
            limits=_LIMITS,
        ) as http:
            yield cls(_Api(http, {"model": model, "language": language, "response_format": "json"}))

    @asynccontextmanager
    async def recognition(self, rate_hz: int) -> AsyncIterator[OpenAIRecognition]:
        """Open a recogniser for one call. Leaving cancels its requests."""
        async with trio.open_nursery() as requests:
            recognition = OpenAIRecognition(self._api, requests, rate_hz)
            yield recognition
            requests.cancel_scope.cancel()


def _wav(pcm: bytes, rate_hz: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm)
    return file.getvalue()


def _check(api_key: str, base_url: str, language: str) -> None:
    if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        # Never quote the key itself.
        got = "one with other characters" if api_key else "an empty one"
        what = f"the API key must be printable ASCII without spaces, got {got}"
        raise ProviderError(PROVIDER, what, "set it as the provider shows it")
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host:
        what = f"the base URL must be an http or https URL, got {base_url!r}"
        raise ProviderError(PROVIDER, what, f"for example {OPENAI_URL}")
    if not re.fullmatch("[a-z]{2,3}", language):
        what = f"language must be a code of 2 or 3 letters, got {language!r}"
        raise ProviderError(PROVIDER, what, "for example en, ru or de")
