"""[model]: two models, their time limits, the tools, and mistakes about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from callchart.adapters.llm.openai import FIRST_TOKEN_OF_TWO_S, FIRST_TOKEN_S, OPENAI_URL
from callchart.adapters.llm.prompts import PROMPTS
from callchart.adapters.service.providers.models import fixed_tokens
from tests.adapters.service.reading import LEAST, Read, mistakes

SECOND = """
[model.fallback]
name = "spare"
key = "sk-spare"
"""


def test_one_model_has_the_whole_first_token_timeout(read: Read) -> None:
    model = read(LEAST).model
    assert (model.api, model.language, model.prompt) == ("chat", "en", None)
    assert (model.first_token_s, model.between_tokens_s, model.context_tokens) == (3.0, 2.0, 4000)
    assert model.fallback is None
    assert model.tools == ()


def test_two_models_share_the_first_token_timeout(read: Read) -> None:
    model = read(LEAST + "between_tokens = 1\nlanguage = 'ru'\n" + SECOND).model
    second = model.fallback
    assert second
    assert model.first_token_s == second.first_token_s == FIRST_TOKEN_OF_TWO_S == FIRST_TOKEN_S / 2
    assert (second.name, second.key.reveal(), second.base_url) == ("spare", "sk-spare", OPENAI_URL)
    assert (second.language, second.between_tokens_s, second.fallback) == ("ru", 1, None)


def test_each_of_two_models_may_have_its_own_timeout_and_api(read: Read) -> None:
    own = "base_url = 'http://127.0.0.1:8000/v1/'\napi = 'responses'\nfirst_token = 2\n"
    model = read(LEAST + "first_token = 0.5\n" + SECOND + own).model
    assert model.fallback
    assert (model.first_token_s, model.fallback.first_token_s) == (0.5, 2)
    assert (model.api, model.fallback.api) == ("chat", "responses")
    assert model.fallback.base_url == "http://127.0.0.1:8000/v1"


def test_the_folder_of_the_configuration_is_searched_for_tools(read: Read, tmp_path: Path) -> None:
    (tmp_path / "bakery_tools.py").write_text(
        "from callchart.engine.tools.tool import tool\n"
        "@tool\ndef bread_left() -> int:\n    'How many loaves.'\n    return 3\n"
    )
    tools = read(LEAST + 'tools = "bakery_tools:bread_left"\n').model.tools
    assert [tool.spec.name for tool in tools] == ["bread_left"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api = 'completions'", 'api must be "chat" or "responses", got "completions"'),
        ("language = 'de'", 'language must be "en" or "ru", got "de"'),
        ("first_token = 0", "first_token must be a number of seconds from 0.1 to 30, got 0"),
        (
            "between_tokens = 31",
            "between_tokens must be a number of seconds from 0.1 to 30, got 31",
        ),
        ("context_tokens = 499", "context_tokens must be an integer from 500 to 1000000, got 499"),
        (
            "tools = 'nowhere:TOOLS'",
            "tools must be in a module that Python can import, got nowhere:TOOLS: no module "
            "'nowhere'; correct the name, or install the module",
        ),
        (
            "tools = 'os:path'",
            "tools must be functions with @tool above them, got a module in os:path",
        ),
        ("tools = []", "tools must be a string, MODULE:NAME, got a list"),
        ("fallback = 'spare'", 'fallback must be a section, got "spare"'),
    ],
)
def test_a_mistake_about_the_model_is_reported_in_one_line(
    read: Read, text: str, said: str
) -> None:
    line = mistakes(read, LEAST + text)[0]
    assert line.startswith(f"model.{said}")


def test_a_second_model_needs_a_name_and_a_key_of_its_own(read: Read) -> None:
    assert mistakes(read, LEAST + "[model.fallback]\nprompt = 'p'\n") == [
        "model.fallback.name must be a non-empty string, got nothing",
        'model.fallback.key must be a string, { env = "NAME" } or { file = "PATH" }, got nothing',
        "model.fallback.prompt is not a known key; known keys: name, key, base_url, api, "
        "first_token",
    ]


def test_a_prompt_above_context_tokens_is_reported_in_one_line(read: Read, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("You sell bread. " * 200)
    (line,) = mistakes(read, LEAST + "prompt = 'prompt.txt'\ncontext_tokens = 500\n")
    assert line.startswith("model.context_tokens must be at least ")
    assert ", for prompt and tools, got 500; " in line
    assert line.endswith("; shorten them, or raise it if the model takes more")


def test_tools_above_context_tokens_are_reported_in_one_line(read: Read, tmp_path: Path) -> None:
    (tmp_path / "wordy_tools.py").write_text(
        "from callchart.engine.tools.tool import tool\n"
        f"@tool\ndef bread_left() -> int:\n    '{'How many loaves. ' * 200}'\n    return 3\n"
    )
    text = LEAST + 'tools = "wordy_tools:bread_left"\ncontext_tokens = 1000\n'
    (line,) = mistakes(read, text)
    assert line.startswith("model.context_tokens must be at least ")


@pytest.mark.parametrize("key", ["sk-one two", "sk-one\\n", "ключ"])
def test_a_key_that_a_header_cannot_carry_is_named(read: Read, key: str) -> None:
    hearing = '[speech]\nrecognizer = "openai"\n[speech.openai]\n'
    text = LEAST.replace("sk-s3same", key) + SECOND.replace("sk-spare", key)
    assert mistakes(read, f'{text}{hearing}key = "{key}"\n') == [
        f"{name} must be printable ASCII without spaces, got other characters; write it as the "
        "provider shows it"
        for name in ("speech.openai.key", "model.key", "model.fallback.key")
    ]


def test_the_default_prompts_leave_room_for_a_conversation(read: Read) -> None:
    for language in PROMPTS:
        model = read(LEAST + f"language = '{language}'\n").model
        assert fixed_tokens(model) < model.context_tokens / 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff", "prompt.txt; write the prompt as UTF-8"),
        (b" \n", "prompt.txt; write it there"),
        (None, "No such file or directory; write the prompt into it"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_reported_in_one_line(
    read: Read, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "prompt.txt").write_bytes(content)
    (line,) = mistakes(read, LEAST + 'prompt = "prompt.txt"\n')
    assert line.startswith("model.prompt must be a ")
    assert line.endswith(said)
