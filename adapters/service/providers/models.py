"""[model]: the language model that writes replies, a second one, and their tools."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field, PlainValidator, ValidationInfo

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.llm.fallback import FAILURES, FallbackModel
from callchart.adapters.llm.history import tokens_of_tool, tokens_of_words
from callchart.adapters.llm.openai import (
    BETWEEN_TOKENS_S,
    CONTEXT_TOKENS,
    FIRST_TOKEN_OF_TWO_S,
    FIRST_TOKEN_S,
    OPENAI_URL,
    ApiName,
    OpenAIModel,
)
from callchart.adapters.llm.prompts import PROMPTS, Language
from callchart.adapters.service.sections.fields import (
    ApiKeyText,
    Secret,
    String,
    Url,
    text_of_file,
)
from callchart.adapters.service.sections.table import (
    SECONDS,
    Mistake,
    Source,
    Table,
    continued,
    mistake,
    shown,
)
from callchart.adapters.service.user_code import UserError, load_tools
from callchart.engine.ports import LanguageModel
from callchart.engine.tools.tool import Tool
from callchart.engine.tools.toolbox import Toolbox

#: Seconds to wait for a token.
TokenSeconds = Annotated[float, Field(ge=0.1, le=30), SECONDS]


def _prompt(value: object, info: ValidationInfo[Source]) -> str:
    """Return the text of the file that the configuration names."""
    if not isinstance(value, str):
        raise mistake(f" must be a path, got {shown(value)}")
    path = info.context.folder / value
    text = text_of_file(path, "the prompt").strip()
    if not text:
        raise mistake(f" must be a file with a prompt, got no text in {path}; write it there")
    return text


def _tools(value: object, info: ValidationInfo[Source]) -> Sequence[Tool]:
    """Return the tools that the configuration names as MODULE:NAME."""
    if not isinstance(value, str):
        raise mistake(f" must be a string, MODULE:NAME, got {shown(value)}")
    try:
        return load_tools(value, info.context.folder) if value else ()
    except UserError as error:
        raise mistake(continued(error, "tools")) from None


class SecondModelSection(Table):
    """[model.fallback]: the model that answers if the first fails before its first token."""

    name: String
    """The name of the model."""
    key: ApiKeyText
    """The API key."""
    base_url: Url = OPENAI_URL
    """The URL of the API."""
    api: ApiName = "chat"
    """The API: "chat" (Chat Completions, which all servers have) or "responses"."""
    first_token: TokenSeconds = FIRST_TOKEN_OF_TWO_S
    """Seconds to wait for the first token, one retry included."""


class ModelSection(Table):
    """[model]: the language model, on any server that has OpenAI's API."""

    name: String
    """The name of the model."""
    key: ApiKeyText
    """The API key."""
    base_url: Url = OPENAI_URL
    """The URL of the API."""
    api: ApiName = "chat"
    """The API: "chat" (Chat Completions, which all servers have) or "responses"."""
    language: Language = "en"
    """The language of the project's prompt and scripts, of espeak-ng and Whisper, and of OpenAI's
    transcription."""
    prompt: Annotated[str | None, PlainValidator(_prompt, json_schema_input_type=str)] = None
    """A file with the instructions for the model; by default the project's own prompt."""
    first_token: TokenSeconds | None = None
    """Seconds to wait for the first token, one retry included: by default 3, and 1.5 with
    [model.fallback]."""
    between_tokens: TokenSeconds = BETWEEN_TOKENS_S
    """Seconds to wait for the next token in the middle of a reply."""
    context_tokens: Annotated[int, Field(ge=500, le=1_000_000)] = CONTEXT_TOKENS
    """The largest number of tokens of prompt, tools and conversation together, by estimate. The
    oldest turns are left out."""
    tools: Annotated[Sequence[Tool], PlainValidator(_tools, json_schema_input_type=str)] = ()
    """The tools of the model, as MODULE:NAME. Python looks for the module in the folder of this
    file too."""
    fallback: SecondModelSection | None = None

    def conflicts(self, source: Source) -> Iterator[Mistake]:
        if (tokens := fixed_tokens(self.config())) > self.context_tokens:
            yield (
                ("context_tokens",),
                f" must be at least {tokens}, for prompt and tools, got {self.context_tokens}; "
                "shorten them, or raise it if the model takes more",
            )

    def config(self) -> ModelConfig:
        """Return both models. The second takes its other options from the first."""
        second = self.fallback
        first_token_s = self.first_token or (FIRST_TOKEN_OF_TWO_S if second else FIRST_TOKEN_S)
        first = ModelConfig(
            name=self.name,
            key=self.key,
            base_url=self.base_url,
            api=self.api,
            language=self.language,
            prompt=self.prompt,
            first_token_s=first_token_s,
            between_tokens_s=self.between_tokens,
            context_tokens=self.context_tokens,
            tools=self.tools,
        )
        if second is None:
            return first
        return replace(
            first,
            fallback=replace(
                first,
                name=second.name,
                key=second.key,
                base_url=second.base_url,
                api=second.api,
                first_token_s=second.first_token,
            ),
        )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model. A `prompt` of None is the project's own."""

    name: str
    key: Secret
    base_url: str = OPENAI_URL
    api: ApiName = "chat"
    language: Language = "en"
    prompt: str | None = None
    first_token_s: float = FIRST_TOKEN_S
    between_tokens_s: float = BETWEEN_TOKENS_S
    context_tokens: int = CONTEXT_TOKENS
    fallback: ModelConfig | None = None
    tools: Sequence[Tool] = ()

    def open(self) -> AbstractAsyncContextManager[OpenAIModel]:
        """Open this model alone. Entering raises `ProviderError` for an unusable key or address."""
        return OpenAIModel.open(
            model=self.name,
            api_key=self.key.reveal(),
            base_url=self.base_url,
            api=self.api,
            language=self.language,
            prompt=self.prompt,
            first_token_s=self.first_token_s,
            between_tokens_s=self.between_tokens_s,
            context_tokens=self.context_tokens,
        )


@dataclass(frozen=True, slots=True)
class Writers:
    """The language model of calls, and by name the one or two models that it uses.

    `counters` tell how often the second model was used. They are None without one."""

    of_calls: LanguageModel
    models: Mapping[str, OpenAIModel]
    counters: FallbackCounters | None = None


def fixed_tokens(model: ModelConfig) -> int:
    """Return an estimate of the tokens of prompt and tools, rather too high than too low."""
    prompt = PROMPTS[model.language] if model.prompt is None else model.prompt
    specs = (*Toolbox().specs, *(tool.spec for tool in model.tools))
    return tokens_of_words(prompt) + sum(map(tokens_of_tool, specs))


@asynccontextmanager
async def open_writers(model: ModelConfig) -> AsyncIterator[Writers]:
    """Open both models. Raise `ProviderError`."""
    async with model.open() as first:
        if model.fallback is None:
            yield Writers(first, {model.name: first})
            return
        async with model.fallback.open() as second:
            both = FallbackModel(first, second, Breaker("the first model", failures=FAILURES))
            # Two servers may use the same name for different models.
            names = (model.name, f"{model.fallback.name} (the second)")
            yield Writers(both, dict(zip(names, (first, second), strict=True)), both.counters)
