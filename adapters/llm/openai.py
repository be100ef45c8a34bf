"""The OpenAI adapter: streamed answers of a language model, from any server with OpenAI's API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal, Self

import httpx2
import openai
import trio
from openai._base_client import get_platform

from callchart.adapters.llm.answer import Api, StreamedAnswer
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

#: The time to the first token, including a retry: a caller should not hear silence for longer. A
#: model and its fallback share this time.
FIRST_TOKEN_S: Final = 3.0
FIRST_TOKEN_OF_TWO_S: Final = 1.5
#: The longest time between two tokens. The sound of a chunk is about as long, and hides a shorter
#: pause.
BETWEEN_TOKENS_S: Final = 2.0
#: The limit of prompt, tools and history together, by a high estimate. Ollama's default limit is
#: 4,096, and it cuts a longer conversation without an error.
CONTEXT_TOKENS: Final = 4_000

#: The most requests for one answer. If the last one still uses tools, the answer fails.
_ROUNDS = 5

_APIS: Mapping[ApiName, Callable[[openai.AsyncOpenAI, str, str, str], Api]] = {
    "chat": ChatCompletions,
    "responses": Responses,
}


class OpenAIModel:
    """A `ports.LanguageModel` on the OpenAI API, for any number of calls. Made by `open`."""

    def __init__(
        self,
        api: Api,
        failures: Failures,
        patience: Patience,
        room_tokens: int,
    ) -> None:
        """`room_tokens` is the limit of tools and history together."""
        self._api, self._failures, self._patience = api, failures, patience
        self._room_tokens = room_tokens
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
        first_token_s: float = FIRST_TOKEN_S,
        between_tokens_s: float = BETWEEN_TOKENS_S,
        context_tokens: int = CONTEXT_TOKENS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> AsyncIterator[Self]:
        """Open a model, and close its connections after the block.

        A `prompt` of None is the project's own prompt in `language`. Another prompt must be in the
        same language, and explain the same marks ("|" and `INTERRUPTED`). With a `transport`, the
        proxies of the environment are ignored. Raises `ProviderError` for a key, a URL or a prompt
        that cannot work."""
        _check(api_key, base_url)
        prompt = PROMPTS[language] if prompt is None else prompt
        prompt_tokens = tokens_of_words(prompt)
        if prompt_tokens > context_tokens:
            raise ProviderError(
                PROVIDER,
                f"the prompt must have at most {context_tokens} tokens (context_tokens), got about "
                f"{prompt_tokens}",
                "shorten the prompt, or raise context_tokens if the model takes more",
            )
        http = openai.DefaultAsyncHttpxClient(timeout=TIMEOUT, limits=LIMITS, transport=transport)
        # No retries by the client: it does not know how long the caller has waited, or whether a
        # part of the answer was spoken.
        client = openai.AsyncOpenAI(
            api_key=api_key, base_url=base_url, max_retries=0, http_client=http
        )
        # Without this, the client finds its platform in a thread during the first request. Then the
        # first caller waits for the thread, and a fake clock jumps meanwhile. The client has no
        # public method for it.
        client._platform = get_platform()
        async with client:
            yield cls(
                _APIS[api](client, model, prompt, INTERRUPTED[language]),
                Failures(client.base_url.netloc.decode("ascii"), model),
                Patience(first_token_s, between_tokens_s),
                context_tokens - prompt_tokens,
            )

    @property
    def counters(self) -> ModelCounters:
        """The counters of all requests so far."""
        return self._counters

    async def write(
        self, history: Sequence[Item], tools: Tools, out: Callable[[str], None]
    ) -> None:
        """See `ports.LanguageModel`. `out` must not raise.

        A request that fails before its first token is retried once, if a retry may succeed in
        time. After a first token there is no retry."""
        specs = tools.specs
        room_tokens = self._room_tokens - sum(map(tokens_of_tool, specs))
        #: This answer's texts and tools so far: the model's next request includes them.
        so_far: list[Item] = []
        for _ in range(_ROUNDS):
            answer = await self._answer(newest([*history, *so_far], room_tokens), specs, out)
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
    ) -> StreamedAnswer:
        """Return the answer of a request or of its retry. Raises `ProviderError`."""
        requested_at = trio.current_time()
        outcome = await self._attempt(history, specs, out, requested_at)
        if isinstance(outcome, Failure) and outcome.retry_after_s is not None:
            retry_at = trio.current_time() + outcome.retry_after_s
            if retry_at < requested_at + self._patience.first_token_s:
                await trio.sleep_until(retry_at)
                self._counters = self._counters.with_retry()
                outcome = await self._attempt(history, specs, out, requested_at)
        if isinstance(outcome, Failure):
            # Raise outside the handler: the client's errors quote keys and callers, and must not
            # become the context of ours.
            raise self._failed(outcome.error)
        return outcome

    async def _attempt(
        self,
        history: Sequence[Item],
        specs: Sequence[ToolSpec],
        out: Callable[[str], None],
        requested_at: float,
    ) -> StreamedAnswer | Failure:
        self._counters = self._counters.with_request()
        attempt = Attempt(self._api, self._failures, out, self._patience)
        try:
            return await attempt.run(history, specs, requested_at)
        finally:
            # Count the latency even if the caller interrupts the answer.
            if attempt.first_token_at is not None:
                self._counters = self._counters.with_first_token(
                    attempt.first_token_at - requested_at
                )

    def _failed(self, error: ProviderError) -> ProviderError:
        self._counters = self._counters.with_failure()
        return error


def _check(api_key: str, base_url: str) -> None:
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
