"""The OpenAI adapter: answers of a chat model, streamed, from any server that speaks its API."""

from __future__ import annotations

import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx2
import openai
import trio
from openai._base_client import get_platform
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from engine.data import Said, ToolUsed
from engine.ports import ProviderError, Tools

#: How the model is asked to write for the ear, with "|" between speakable pieces.
ENGLISH_PROMPT = Path(__file__).with_name("prompt_en.txt").read_text(encoding="utf-8").strip()

#: Ends an agent's text that the caller cut off; the prompt explains it to the model.
INTERRUPTED = "…[interrupted]"

OPENAI_URL = "https://api.openai.com/v1"

#: Seconds. Silence: longer than the 8 s after which a call gives up on a reply by itself. Connect:
#: a lost SYN is sent again after 1 s, and has time to be answered.
_TIMEOUT = httpx2.Timeout(10.0, connect=3.0)

#: A connection outlives the pause between two turns, so that only the first pays for TLS. 100 calls
#: may write at once.
_LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=100, keepalive_expiry=60.0)

#: Seconds that a server has to end its response after it said [DONE]; one that does not loses the
#: connection, and the answer is not held up.
_AFTER_DONE = 0.1

_HANG_UP: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "hang_up",
        "description": "End the telephone call, once the goodbye written before it was spoken.",
        "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
    },
}


class OpenAIModel:
    """`ports.LanguageModel` on the OpenAI API. One serves any number of calls at once."""

    def __init__(self, client: openai.AsyncOpenAI, model: str, prompt: str) -> None:
        # The client imports this part of itself when it is first touched: now, not in a call.
        self._completions = client.chat.completions.with_streaming_response
        self._model, self._prompt = model, prompt
        self._host = client.base_url.netloc.decode("ascii")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        model: str,
        api_key: str,
        base_url: str = OPENAI_URL,
        prompt: str = ENGLISH_PROMPT,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[Self]:
        """A model, with its connections, for as long as the block.

        A `transport` of one's own is used as it is: proxies that the environment names are not
        asked. Raises `ProviderError` for a key or an address that can never work."""
        _check(api_key, base_url)
        http = openai.DefaultAsyncHttpxClient(timeout=_TIMEOUT, limits=_LIMITS, transport=transport)
        # No retries: the caller hears an apology at once, which beats a longer silence.
        client = openai.AsyncOpenAI(
            api_key=api_key, base_url=base_url, max_retries=0, http_client=http
        )
        # The client would look this up in a thread during the first request: the first caller would
        # wait for it, and a clock that jumps would not. There is no public way to do it now.
        client._platform = get_platform()
        async with client:
            yield cls(client, model, prompt)

    async def write(
        self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """See `ports.LanguageModel`. `out` must not raise."""
        try:
            # The stream as such, not the client's own iterator over it: that one stops at [DONE]
            # and leaves four generators half-way, to be closed whenever they are collected.
            async with self._completions.create(
                model=self._model,
                messages=messages(history, self._prompt),
                tools=[_HANG_UP],
                stream=True,
            ) as response:
                ends_call = await self._read(response.http_response, out)
            if ends_call:
                await tools.use("hang_up", "{}")
            return
        except openai.APIStatusError as error:
            failure = self._refusal(error)
        except (openai.APIConnectionError, httpx2.RequestError) as error:
            failure = self._disconnection(error)
        # Raised out here, not in a handler: the client's own errors quote keys and callers, and not
        # one of them may come along as context.
        raise failure

    async def _read(self, response: httpx2.Response, out: Callable[[str], None]) -> bool:
        """The answer's text to `out`; whether it asks to hang up."""
        written = ends_call = finished = False
        fault: ProviderError | None = None
        # This loop is never left half-way, for the reason above: what ends it early cancels the
        # reading, and is raised after it.
        with trio.CancelScope() as reading:
            async for event in httpx2.EventSource(response):
                if reading.cancel_called:
                    continue
                if event.data == "[DONE]":
                    finished = True
                    reading.deadline = trio.current_time() + _AFTER_DONE
                    continue
                try:
                    delta = self._delta(event.data)
                except ProviderError as error:
                    fault = error
                    reading.cancel()
                    continue
                if delta.text:
                    written = written or not delta.text.isspace()
                    out(delta.text)
                ends_call = ends_call or delta.hangs_up
                finished = finished or delta.finished
        if fault:
            raise fault
        if not finished:
            raise self._malformed("it ended before the answer did")
        if not written and not ends_call:
            raise ProviderError("openai", "the answer was empty", "check the prompt and the model")
        return ends_call

    def _delta(self, data: str) -> _Delta:
        """What one event says. Raises `ProviderError`."""
        try:
            event = json.loads(data)
        except ValueError:
            raise self._malformed("an event is not JSON") from None
        match event:
            case {"error": error} if error:
                raise ProviderError(
                    "openai",
                    f"{self._host} gave up while it was writing{_code(error)}",
                    "see the provider's status page if it goes on",
                )
            case {"choices": []}:
                return _Delta()  # bookkeeping: usage, a content filter's report
            case {"choices": [{"delta": dict(delta), **rest}, *_]}:
                text = delta.get("content") or ""
                if isinstance(text, str):
                    return _Delta(text, "hang_up" in _tools(delta), bool(rest.get("finish_reason")))
        raise self._malformed("an event is no part of a chat completion")

    def _malformed(self, what: str) -> ProviderError:
        return ProviderError(
            "openai",
            f"the stream from {self._host} is malformed: {what}",
            "check that the base URL is one of an OpenAI-compatible API, and what is in between",
        )

    def _refusal(self, error: openai.APIStatusError) -> ProviderError:
        status, code = error.status_code, _code(error.body)
        if "insufficient_quota" in code:
            cure = "the account's credit is used up: see to its billing"
        elif status >= 500:
            cure = "the server's own trouble: see the provider's status page if it goes on"
        else:
            cure = _CURES.get(status, "see the provider's documentation of this status")
        if status == 404:
            code = f"{code} for model {self._model!r}"
        return ProviderError("openai", f"{self._host} answered {status}{code}", cure)

    def _disconnection(self, error: Exception) -> ProviderError:
        chain = tuple(_causes(error))

        def caused_by(*kinds: type[BaseException]) -> bool:
            return any(isinstance(cause, kinds) for cause in chain)

        if caused_by(httpx2.SSEError):
            return self._malformed("it has no server-sent events, or too long ones")
        if caused_by(ConnectionRefusedError):
            what, cure = "refused the connection", "start that server, or correct the base URL"
        elif caused_by(socket.gaierror):
            what, cure = "was not found", "check the base URL and the name server"
        elif caused_by(ssl.SSLError):
            what, cure = "failed the TLS handshake", "check its certificate, and https in base URL"
        elif caused_by(httpx2.ConnectTimeout):
            what = f"did not accept a connection within {_TIMEOUT.connect:g} s"
            cure = "check the network and the base URL"
        elif caused_by(httpx2.PoolTimeout):
            what = f"is asked by more than {_LIMITS.max_connections} calls at once"
            cure = "spread the calls over more processes"
        elif caused_by(httpx2.TimeoutException, openai.APITimeoutError):
            what = f"was silent for {_TIMEOUT.read:g} s"
            cure = "try a faster model, or see the provider's status page"
        elif caused_by(httpx2.ConnectError):
            what, cure = "cannot be reached", "check the network and the base URL"
        else:
            what = "broke off the connection"
            cure = "see the provider's status page if it goes on"
        return ProviderError("openai", f"{self._host} {what}", cure)


@dataclass(frozen=True, slots=True)
class _Delta:
    """What one event of the stream adds to the answer."""

    text: str = ""
    hangs_up: bool = False
    finished: bool = False


def messages(history: Sequence[Said | ToolUsed], prompt: str) -> list[ChatCompletionMessageParam]:
    """A call's history as a chat: one message for all that one side said in a row, a line each."""
    chat: list[ChatCompletionMessageParam] = [{"role": "system", "content": prompt}]
    said: list[str] = []
    spoken = [item for item in history if isinstance(item, Said)]
    for number, item in enumerate(spoken):
        said.append(item.text + (INTERRUPTED if item.interrupted else ""))
        if number + 1 == len(spoken) or spoken[number + 1].who != item.who:
            content = "\n".join(said)
            if item.who == "caller":
                chat.append({"role": "user", "content": content})
            else:
                chat.append({"role": "assistant", "content": content})
            said = []
    return chat


_CURES = {
    400: "this server may not know streaming or tools: try another model",
    401: "the key was refused: check it and the account it belongs to",
    403: "this key may not use this model, or not from this country",
    404: "check the model's name and the base URL, which usually ends in /v1",
    413: "the conversation is too long for this model: shorten the prompt",
    429: "too many requests at once: ask the provider for a higher limit",
}


def _check(api_key: str, base_url: str) -> None:
    if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        what = "is not a key: it has spaces or unprintable signs" if api_key else "is missing"
        raise ProviderError("openai", f"the API key {what}", "set it as the provider shows it")
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ProviderError("openai", "the base URL is none", f"write one such as {OPENAI_URL}")


def _tools(delta: dict[str, object]) -> Iterator[str]:
    """The names of the tools that begin to be called; their arguments come in later events."""
    calls = delta.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        match call:
            case {"function": {"name": str(name)}}:
                yield name


def _code(error: object) -> str:
    """The provider's code for an error, as " (code)"; nothing that could be somebody's words."""
    if isinstance(error, dict):
        for key in ("code", "type"):
            if re.fullmatch(r"[a-z0-9_]{1,40}", str(error.get(key) or "")):
                return f" ({error[key]})"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what caused it, what caused that; all members where there were several."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for member in error.exceptions:
                yield from _causes(member)
        error = error.__cause__ or error.__context__
