"""[model]: who writes the answers, who does when that one fails, and what tools they have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.fallback.counters import FallbackCounters
from callchart.adapters.llm.fallback import FAILURES, FallbackModel
from callchart.adapters.llm.history import tokens_of_tool, tokens_of_words
from callchart.adapters.llm.openai import (
    BETWEEN_TOKENS,
    CONTEXT_TOKENS,
    FIRST_TOKEN,
    FIRST_TOKEN_OF_TWO,
    OPENAI_URL,
    ApiName,
    OpenAIModel,
)
from callchart.adapters.llm.prompts import PROMPTS, Language
from callchart.adapters.service.secret import Secret
from callchart.adapters.service.section import Section
from callchart.adapters.service.user_code import UserError, load_tools
from callchart.engine.ports import LanguageModel
from callchart.engine.tools.tool import Tool
from callchart.engine.tools.toolbox import Toolbox

_APIS: tuple[ApiName, ...] = get_args(ApiName)

#: Seconds that may be waited for a token, at least and at most.
_TOKEN = {"least": 0.1, "most": 30}


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One model. `prompt`: what it is told of its work; None is the project's own."""

    name: str
    key: Secret
    base_url: str = OPENAI_URL
    api: ApiName = "chat"
    language: Language = "en"
    prompt: str | None = None
    first_token: float = FIRST_TOKEN
    between_tokens: float = BETWEEN_TOKENS
    context_tokens: int = CONTEXT_TOKENS
    fallback: ModelConfig | None = None
    tools: Sequence[Tool] = ()

    def open(self) -> AbstractAsyncContextManager[OpenAIModel]:
        """This model alone. Entering raises `ProviderError` for a key or an address that cannot
        work."""
        return OpenAIModel.open(
            model=self.name,
            api_key=self.key.reveal(),
            base_url=self.base_url,
            api=self.api,
            language=self.language,
            prompt=self.prompt,
            first_token=self.first_token,
            between_tokens=self.between_tokens,
            context_tokens=self.context_tokens,
        )


@dataclass(frozen=True, slots=True)
class Writers:
    """Who writes in calls; `models` are the first and the second by themselves.

    `counters`: how often the second was asked, where there is one."""

    of_calls: LanguageModel
    models: Mapping[str, OpenAIModel]
    counters: FallbackCounters | None = None


def read_model(section: Section, folder: Path) -> ModelConfig:
    """The section, with its mistakes noted. `folder`: where tools are looked for as well."""
    with section:
        second = section.section("fallback")
        has_second = "fallback" in section.keys
        first_token = FIRST_TOKEN_OF_TWO if has_second else FIRST_TOKEN
        prompt = section.optional_path("prompt")
        model = ModelConfig(
            name=section.text("name"),
            key=section.api_key("key"),
            base_url=section.url("base_url", OPENAI_URL),
            api=section.choice("api", _APIS, "chat"),
            language=section.choice("language", tuple(PROMPTS), "en"),
            prompt=None if prompt is None else _text_of(section, "prompt", prompt),
            first_token=section.seconds("first_token", first_token, **_TOKEN),
            between_tokens=section.seconds("between_tokens", BETWEEN_TOKENS, **_TOKEN),
            context_tokens=section.whole(
                "context_tokens", CONTEXT_TOKENS, least=500, most=1_000_000
            ),
            tools=_tools(section, folder),
        )
        if (tokens := fixed_tokens(model)) > model.context_tokens:
            section.mistake(
                "context_tokens",
                f"{model.context_tokens} are too few, for prompt and tools alone have about "
                f"{tokens}; shorten them, or write more if the model takes more",
            )
        if not has_second:
            return model
        with second:
            return replace(model, fallback=_second(second, model))


def fixed_tokens(model: ModelConfig) -> int:
    """What prompt and tools take of `context_tokens`, by a careful estimate."""
    prompt = PROMPTS[model.language] if model.prompt is None else model.prompt
    specs = (*Toolbox().specs, *(tool.spec for tool in model.tools))
    return tokens_of_words(prompt) + sum(map(tokens_of_tool, specs))


@asynccontextmanager
async def open_writers(model: ModelConfig) -> AsyncIterator[Writers]:
    """Whoever writes, the second model included. Raises `ProviderError`."""
    async with model.open() as first:
        if model.fallback is None:
            yield Writers(first, {model.name: first})
            return
        async with model.fallback.open() as second:
            both = FallbackModel(first, second, Breaker("the first model", failures=FAILURES))
            # Two servers may have one name for two models.
            names = (model.name, f"{model.fallback.name} (the second)")
            yield Writers(both, dict(zip(names, (first, second), strict=True)), both.counters)


def _second(section: Section, first: ModelConfig) -> ModelConfig:
    """What is not its own is as with the first."""
    return replace(
        first,
        name=section.text("name"),
        key=section.api_key("key"),
        base_url=section.url("base_url", OPENAI_URL),
        api=section.choice("api", _APIS, "chat"),
        first_token=section.seconds("first_token", FIRST_TOKEN_OF_TWO, **_TOKEN),
    )


def _tools(section: Section, folder: Path) -> Sequence[Tool]:
    name = section.text("tools", "")
    try:
        return load_tools(name, folder) if name else ()
    except UserError as error:
        section.mistake("tools", str(error))
        return ()


def _text_of(section: Section, key: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        section.mistake(key, f"{path} is not text in UTF-8; save it as that")
    except OSError as error:
        section.mistake(key, f"{path}: {error.strerror}; write the prompt into that file")
    else:
        if text:
            return text
        section.mistake(key, f"{path} is empty; write the prompt into that file")
    return ""
