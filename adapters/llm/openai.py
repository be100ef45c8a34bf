"""The OpenAI adapter: answers of a language model, streamed, from any server that has its API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal, Self

import httpx2
import openai
import trio
from openai._base_client import get_platform

from callchart.adapters.llm.answer import Answer, Api
from callchart.adapters.llm.attempt import Attempt, Patience
from callchart.adapters.llm.chat import ChatCompletions
from callchart.adapters.llm.counters import ModelCounters
from callchart.adapters.llm.errors import LIMITS, TIMEOUT, Failures
from callchart.adapters.llm.history import Item, newest, tokens_of_tool, tokens_of_words
from callchart.adapters.llm.prompts import INTERRUPTED, PROMPTS, Language
from callchart.adapters.llm.responses import Responses
from callchart.adapters.openai.failure import PROVIDER, Failure
from callchart.engine.data import Said, ToolUsed
from callchart.engine.ports import ProviderError, Tools, ToolSpec

OPENAI_URL: Final = "https://api.openai.com/v1"

ApiName = Literal["chat", "responses"]

#: Seconds from a request to its first token, another try included: no caller should hear silence
#: for longer than 3 s. Where a second model stands in for the first, the two share them.
FIRST_TOKEN: Final = 3.0
FIRST_TOKEN_OF_TWO: Final = 1.5
#: Seconds without a token in the middle of an answer: about as long as a chunk's sound, which hides
#: a shorter pause.
BETWEEN_TOKENS: Final = 2.0
#: Tokens of prompt, tools and history together, by a careful estimate. Ollama has room for 4,096
#: unless it is told otherwise, and cuts a longer conversation without a word.
CONTEXT_TOKENS: Final = 4_000

#: Requests of one answer: a model that has not come to its end by then will not.
_ROUNDS = 5

_APIS: Mapping[ApiName, Callable[[openai.AsyncOpenAI, str, str, str], Api]] = {
    "chat": ChatCompletions,
    "responses": Responses,
}


class OpenAIModel:
    """`ports.LanguageModel` on the OpenAI API. One serves any number of calls at once.

    Made by `open`."""

    def __init__(
        self,
        api: Api,
        failures: Failures,
        patience: Patience,
        room: int,
    ) -> None:
        """`room`: tokens for tools and history."""
        self._api, self._failures, self._patience, self._room = api, failures, patience, room
        self._counters = ModelCounters()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        model: str,
        api_key: str,
        base_url: str = OPENAI_URL,
        api: ApiName = "chat",
        language: Language = "en",
        prompt: str | None = None,
        first_token: float = FIRST_TOKEN,
        between_tokens: float = BETWEEN_TOKENS,
        context_tokens: int = CONTEXT_TOKENS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[Self]:
        """A model, with its connections, for as long as the block.

        `prompt` of None is the project's own in that language; one's own has to be in it as well,
        and to explain the same marks. A `transport` of one's own is used as it is: proxies that
        the environment names are not asked. Raises `ProviderError` for a key, an address or a
        prompt that can never work."""
        _check(api_key, base_url)
        prompt = PROMPTS[language] if prompt is None else prompt
        room = context_tokens - tokens_of_words(prompt)
        if room < 0:
            raise ProviderError(
                PROVIDER,
                f"the prompt alone has about {context_tokens - room} tokens, and context_tokens "
                f"is {context_tokens}",
                "shorten the prompt, or raise context_tokens if the model takes more",
            )
        http = openai.DefaultAsyncHttpxClient(timeout=TIMEOUT, limits=LIMITS, transport=transport)
        # Its own retries know nothing of how long a caller waits, nor of what was said already.
        client = openai.AsyncOpenAI(
            api_key=api_key, base_url=base_url, max_retries=0, http_client=http
        )
        # The client would look this up in a thread during the first request: the first caller would
        # wait for it, and a clock that jumps would not. There is no public way to do it now.
        client._platform = get_platform()
        async with client:
            yield cls(
                _APIS[api](client, model, prompt, INTERRUPTED[language]),
                Failures(client.base_url.netloc.decode("ascii"), model),
                Patience(first_token, between_tokens),
                room,
            )

    @property
    def counters(self) -> ModelCounters:
        """The counters of all requests so far."""
        return self._counters

    async def write(
        self, history: Sequence[Item], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """See `ports.LanguageModel`. `out` must not raise.

        A request that failed before its first token, and may succeed in a moment, is made once
        more. After a first token there is no second try."""
        specs = tools.specs
        room = self._room - sum(map(tokens_of_tool, specs))
        #: What this answer has said and done: the model is told when it is asked again.
        so_far: list[Item] = []
        for _ in range(_ROUNDS):
            answer = await self._answer(newest([*history, *so_far], room), specs, out)
            if answer.text.strip():
                so_far.append(Said("agent", answer.text))
            if not answer.calls:
                break
            for call in answer.calls:
                result = await tools.use(call.name, call.arguments)
                if result is None:
                    return
                so_far.append(ToolUsed(call.name, call.arguments, result))
        else:
            raise self._failed(self._failures.endless(_ROUNDS))
        if not any(isinstance(item, Said) for item in so_far):
            raise self._failed(self._failures.empty(answer.end))

    async def _answer(
        self, history: Sequence[Item], specs: Sequence[ToolSpec], out: Callable[[str], None]
    ) -> Answer:
        """Return the answer of a request or of its retry. Raises `ProviderError`."""
        began = trio.current_time()
        outcome = await self._attempt(history, specs, out, began)
        if isinstance(outcome, Failure) and outcome.again_after is not None:
            again_at = trio.current_time() + outcome.again_after
            if again_at < began + self._patience.first_token:
                await trio.sleep_until(again_at)
                self._counters = self._counters.tried_again()
                outcome = await self._attempt(history, specs, out, began)
        if isinstance(outcome, Failure):
            # Raised out here, not in a handler: the client's own errors quote keys and callers, and
            # not one of them may come along as context.
            raise self._failed(outcome.error)
        return outcome

    async def _attempt(
        self,
        history: Sequence[Item],
        specs: Sequence[ToolSpec],
        out: Callable[[str], None],
        began: float,
    ) -> Answer | Failure:
        self._counters = self._counters.asked()
        attempt = Attempt(self._api, self._failures, out, self._patience)
        try:
            return await attempt.run(history, specs, began)
        finally:
            # Also when the caller interrupts: a latency is one, whatever comes of the answer.
            if attempt.begun_at is not None:
                self._counters = self._counters.began(attempt.begun_at - began)

    def _failed(self, error: ProviderError) -> ProviderError:
        self._counters = self._counters.failed()
        return error


def _check(api_key: str, base_url: str) -> None:
    if not api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        what = "is not a key: it has spaces or unprintable signs" if api_key else "is missing"
        raise ProviderError(PROVIDER, f"the API key {what}", "set it as the provider shows it")
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ProviderError(PROVIDER, "the base URL is none", f"write one such as {OPENAI_URL}")
