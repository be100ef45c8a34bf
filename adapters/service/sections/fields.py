"""The kinds of values in `callchart.toml`, as annotated types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from callchart.adapters.service.sections.table import Expected, Source, mistake, shown

_SECRET = 'a string, { env = "NAME" } or { file = "PATH" }'


class Secret:
    """A password or a key, which `str`, `repr`, a log and a traceback hide; `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


def pattern(form: str) -> Any:
    """Return the constraint that a regular expression matches a whole string."""
    return Field(pattern=f"^(?:{form})$")


# --- parsers -------------------------------------------------------------------------------------


def _path(value: object, info: ValidationInfo[Source]) -> Path:
    """Return a path; a relative one starts from the folder of the configuration."""
    if not isinstance(value, str):
        raise mistake(f" must be a path, got {shown(value)}")
    return info.context.folder / value


def _secret(value: object, info: ValidationInfo[Source]) -> Secret:
    """Return a secret. Messages never quote the value: it may be a secret in a wrong form."""
    source = info.context
    if isinstance(value, str) and value:
        source.has_secrets = True
        return Secret(value)
    try:
        match value:
            case {"env": str(name), **rest} if not rest:
                return Secret(_secret_of_environment(name, source))
            case {"file": str(path), **rest} if not rest:
                return Secret(_secret_of_file(source.folder / path))
    except PydanticCustomError:
        if source.may_lack_secrets:
            return Secret("")
        raise
    kinds = {str: "an empty string", dict: "another table", bool: "a boolean", int: "an integer"}
    raise mistake(f" must be {_SECRET}, got {kinds.get(type(value), 'another value')}")


def _secret_of_environment(name: str, source: Source) -> str:
    if text := source.environment.get(name, ""):
        return text
    raise mistake(f" must be in the environment variable {name}, got nothing", "set that variable")


def _secret_of_file(path: Path) -> str:
    text = text_of_file(path, "the secret").rstrip("\r\n")
    if not text or "\n" in text:
        raise mistake(
            f" must be a file of one line, got {path} with {len(text.splitlines())} lines",
            "write the secret and nothing else into it",
        )
    return text


def text_of_file(path: Path, content: str) -> str:
    """Return the text of a file that a key names; `content` is its noun. Raise a mistake."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise mistake(
            f" must be a file of UTF-8 text, got other bytes in {path}",
            f"write {content} as UTF-8",
        ) from None
    except OSError as error:
        raise mistake(
            f" must be a readable file, got {path}: {error.strerror}",
            f"write {content} into it",
        ) from None


def _api_key(secret: Secret) -> Secret:
    """Check that the header of a request can carry the secret."""
    text = secret.reveal()
    if not text.isascii() or not text.isprintable() or " " in text:
        raise mistake(
            " must be printable ASCII without spaces, got other characters; write it as the "
            "provider shows it"
        )
    return secret


def _is_host(name: str | None) -> bool:
    """Check for a valid host name: getaddrinfo raises UnicodeError, not OSError, for others."""
    try:
        return name is not None and bool(name.encode("idna"))
    except UnicodeError:
        return False


def _host(value: str) -> str:
    if not _is_host(value):
        raise ValueError
    return value


def _url(value: str) -> str:
    """Return the URL without a slash at its end."""
    url = urlsplit(value)
    is_whole = url.scheme in ("http", "https") and _is_host(url.hostname) and url.port != 0
    if not is_whole or re.search(r"[\s?#@]", value):
        raise ValueError
    return value.rstrip("/")


def _shown_url(value: object) -> str:
    """Quote a URL without user, password, query and fragment, which may be secret."""
    if not isinstance(value, str):
        return shown(value)
    bare = re.sub(r"^(\w+://)?.*@", r"\1…@", value, flags=re.DOTALL)
    return shown(re.sub(r"([?#]).*", r"\1…", bare, flags=re.DOTALL))


def _url_of_host(value: str) -> str:
    url = _url(value)
    if urlsplit(url).path:
        raise ValueError
    return url


# --- types ---------------------------------------------------------------------------------------

String = Annotated[str, Field(min_length=1), Expected("a non-empty string")]
Strings = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    Field(strict=False),
    Expected("a list of non-empty strings"),
]
FilePath = Annotated[Path, PlainValidator(_path, json_schema_input_type=str), Expected("a path")]
SecretText = Annotated[
    Secret,
    PlainValidator(_secret),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "minLength": 1},
                *(
                    {
                        "type": "object",
                        "properties": {key: {"type": "string"}},
                        "required": [key],
                        "additionalProperties": False,
                    }
                    for key in ("env", "file")
                ),
            ]
        }
    ),
    Expected(_SECRET),
]
#: A secret that the header of a request can carry.
ApiKeyText = Annotated[SecretText, AfterValidator(_api_key)]
Host = Annotated[str, AfterValidator(_host), Expected("a host such as 127.0.0.1")]
Port = Annotated[int, Field(ge=1, le=65535)]
Url = Annotated[
    str,
    AfterValidator(_url),
    Expected("a URL such as http://127.0.0.1:8088, without user, password and query", _shown_url),
]
HostUrl = Annotated[
    str,
    AfterValidator(_url_of_host),
    Expected("a URL without a path, such as https://example.com", _shown_url),
]
LanguageCode = Annotated[
    str, pattern("[a-z]{2,3}"), Expected("a language code such as en, ru or de")
]
