"""The service's configuration, `callchart.toml`: validated once, and typed from then on."""

from __future__ import annotations

import json
import logging
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import ErrorDetails, core_schema

from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.adapters.service.providers.models import ModelConfig, ModelSection
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.adapters.service.providers.speech import SpeechConfig, SpeechSection
from callchart.adapters.service.sections.asterisk import (
    AsteriskSection,
    OutgoingSection,
    TransferSection,
)
from callchart.adapters.service.sections.call import CallSection
from callchart.adapters.service.sections.fields import Secret
from callchart.adapters.service.sections.service import (
    JournalConfig,
    JournalSection,
    LogFormat,
    LogSection,
    ScriptsSection,
    ServiceSection,
)
from callchart.adapters.service.sections.table import Source, Table
from callchart.adapters.service.user_code import UserError
from callchart.engine.chart import Chart
from callchart.engine.data import Scripts
from callchart.engine.settings import Settings


class ConfigError(UserError):
    """A configuration with mistakes. Each line names the file, the key, the expected value and the
    value that was found."""


class ConfigFile(Table):
    """The configuration of `callchart serve`, `doctor` and `call`."""

    KEY: ClassVar[str] = "section"

    asterisk: AsteriskSection
    transfer: TransferSection = Field(default_factory=TransferSection)
    outgoing: OutgoingSection = Field(default_factory=OutgoingSection)
    speech: SpeechSection = Field(default_factory=SpeechSection)
    model: ModelSection
    scripts: ScriptsSection = Field(default_factory=ScriptsSection)
    call: CallSection = Field(default_factory=CallSection)
    journal: JournalSection | None = None
    service: ServiceSection = Field(default_factory=ServiceSection)
    log: LogSection = Field(default_factory=LogSection)


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration.

    `drain_seconds`: the time that calls may continue once the service stops. `has_secrets`: the
    file itself contains secrets."""

    path: Path
    has_secrets: bool
    asterisk: AsteriskSettings
    speech: SpeechConfig
    model: ModelConfig
    scripts: Scripts
    chart: Chart
    settings: Settings
    journal: JournalConfig | None
    drain_seconds: float
    log_level: int
    log_format: LogFormat


@dataclass(frozen=True, slots=True)
class MissingSecret:
    """A secret whose environment variable or file has no text.

    `key` is its key in the configuration. `text` continues the key in a message."""

    key: str
    text: str
    cure: str


def read_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Return the configuration in the file. Raise `ConfigError` with all mistakes in it."""
    try:
        return _config(path, _source(path, environment))
    except ValidationError as error:
        raise _config_error(path, error) from None


def read_config_for_doctor(
    path: Path, environment: Mapping[str, str] | None = None
) -> tuple[Config, Sequence[MissingSecret]]:
    """Return the configuration, and its missing secrets, which are empty in it.

    Raise `ConfigError` if the file has other mistakes."""
    source = _source(path, environment)
    try:
        return _config(path, source), ()
    except ValidationError as error:
        mistakes = error
    try:
        config = _config(path, replace(source, may_lack_secrets=True))
    except ValidationError:
        raise _config_error(path, mistakes) from None
    # Without a mistake but those, each of them is about a secret.
    return config, [
        MissingSecret(_key(each), **each.get("ctx", {}))
        for each in mistakes.errors(include_url=False)
    ]


def _source(path: Path, environment: Mapping[str, str] | None) -> Source:
    return Source(path.parent, os.environ if environment is None else environment)


def _config_error(path: Path, error: ValidationError) -> ConfigError:
    mistakes = error.errors(include_url=False)
    return ConfigError(*(f"{path}: {_key(each)}{each['msg']}" for each in mistakes))


def _key(mistake: ErrorDetails) -> str:
    return ".".join(map(str, mistake["loc"]))


def _table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as opened:
            return tomllib.load(opened)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; name a file with --config FILE, or copy "
            "deploy/callchart.toml"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} must be TOML: {error}") from None


def _config(path: Path, source: Source) -> Config:
    """Read and validate the file. Raise `ValidationError`, or `ConfigError` if it is not TOML."""
    file = ConfigFile.model_validate(_table(path), context=source)
    chart, settings = file.call.chosen(path.parent)
    model, scripts = file.model.config(), file.scripts
    return Config(
        path=path,
        has_secrets=source.has_secrets,
        asterisk=file.asterisk.settings(file.transfer, file.outgoing),
        speech=file.speech.config(model.language),
        model=model,
        scripts=scripts.scripts(SCRIPTS[scripts.language or model.language]),
        chart=chart,
        settings=settings,
        journal=file.journal.config() if file.journal else None,
        drain_seconds=file.service.drain_seconds,
        log_level=logging.getLevelNamesMapping()[file.log.level.upper()],
        log_format=file.log.format,
    )


class _TomlSchema(GenerateJsonSchema):
    """JSON schema of TOML, which has no null."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        if isinstance(schema.get("default"), Secret | None):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(list(dft) if isinstance(dft, tuple) else dft)


def config_schema() -> str:
    """Return the JSON schema of `callchart.toml`, which editors use to complete and check keys."""
    schema = ConfigFile.model_json_schema(schema_generator=_TomlSchema)
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
