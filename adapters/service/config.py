"""The service's configuration, `callchart.toml`: read and checked once, and typed from then on."""

from __future__ import annotations

import logging
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import get_args

from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.adapters.carrier.asterisk.settings import (
    AnswerMode,
    AsteriskSettings,
    AudioSocketSettings,
    ControlMode,
    FilesSettings,
    ListenSettings,
    MediaName,
)
from callchart.adapters.llm.prompts import Language
from callchart.adapters.service.providers.models import ModelConfig, read_model
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.adapters.service.providers.speech import SpeechConfig, read_speech
from callchart.adapters.service.run.logs import LOG_FORMATS, LogFormat
from callchart.adapters.service.section import Reading, Section
from callchart.adapters.service.user_code import DEFAULT_CHART, UserError, load_chart
from callchart.engine.chart import Chart, ChartError
from callchart.engine.data import Scripts
from callchart.engine.settings import SettingError, Settings

_CONTROLS: tuple[ControlMode, ...] = get_args(ControlMode)
_MEDIA: tuple[MediaName, ...] = get_args(MediaName)
_ANSWERS: tuple[AnswerMode, ...] = get_args(AnswerMode)
_LEVELS = ("debug", "info", "warning", "error")

_PORT = {"least": 1, "most": 65535}
_DAY = 86_400.0


class ConfigError(UserError):
    """A configuration cannot be used. Each mistake says the file, the key, what is wrong there, and
    what would be right."""


@dataclass(frozen=True, slots=True)
class JournalConfig:
    """[journal]: where a record of each call is kept, and how long."""

    folder: Path
    redacted: bool = True
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration. `drain_seconds`: how long calls may go on once the service stops.

    `has_secrets`: some stand in the file itself."""

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


def read_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """The configuration in the file. Raises `ConfigError`, with all mistakes that were found."""
    try:
        with path.open("rb") as file:
            table = tomllib.load(file)
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; name one with --config FILE, or write it: "
            "deploy/callchart.toml is a model"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: this is not TOML: {error}") from None
    reading = Reading(path) if environment is None else Reading(path, environment)
    with Section(reading, "", table) as whole:
        chart, settings = _call(whole.section("call"), path.parent)
        asterisk = _asterisk(whole)
        model = read_model(whole.section("model"), path.parent)
        log_level, log_format = _log(whole.section("log"))
        config = Config(
            path=path,
            asterisk=asterisk,
            speech=read_speech(whole.section("speech"), model.language),
            model=model,
            scripts=_scripts(whole.section("scripts"), model.language),
            chart=chart,
            settings=settings,
            journal=_journal(whole.section("journal")),
            drain_seconds=_drain_seconds(whole.section("service")),
            log_level=log_level,
            log_format=log_format,
            has_secrets=reading.has_secrets,
        )
    if reading.mistakes:
        raise ConfigError(*reading.mistakes)
    return config


# --- one function a section ----------------------------------------------------------------------


def _asterisk(file: Section) -> AsteriskSettings:
    plain = AsteriskSettings()
    with (
        file.section("asterisk") as section,
        file.section("transfer") as transfer,
        file.section("outgoing") as outgoing,
    ):
        control: ControlMode = section.choice("control", _CONTROLS, "connect")
        media: MediaName = section.choice("media", _MEDIA, "websocket")
        answer: AnswerMode = section.choice("answer", _ANSWERS, "at_once")
        is_dialled = control != "connect" or media == "websocket_client"
        return AsteriskSettings(
            url=section.url("url", plain.url).removesuffix("/ari"),
            user=section.text("user", None if control == "connect" else ""),
            password=section.secret("password", required=control == "connect").reveal(),
            app=section.text(
                "app",
                plain.app,
                form=r"[A-Za-z0-9_.-]{1,40}",
                right="the application's name in Stasis(), of letters, digits, _ . and -",
            ),
            instance=section.text(
                "instance",
                plain.instance,
                form="[A-Za-z0-9]{1,12}",
                right="letters and digits, 12 at most",
            ),
            control=control,
            control_grace_s=section.seconds("control_grace", plain.control_grace_s, most=600),
            media=media,
            rate_hz=section.choice("rate_hz", (8000, 16000), plain.rate_hz),
            answer=answer,
            variables=section.texts("variables", right="names of channel variables or functions"),
            record=section.optional_path("record"),
            max_calls=section.whole("max_calls", plain.max_calls, least=1, most=10_000),
            listen=_listen(section.section("listen"), needed=is_dialled),
            media_client=section.text("media_client", plain.media_client),
            audiosocket=_audiosocket(section.section("audiosocket")),
            files=_files(section.section("files"), needed=media == "files"),
            allowed=Allowed(
                transfer.texts(
                    "allow",
                    form="[0-9A-Za-z*#+_-]{1,40}",
                    right='numbers, in which X is any digit, such as "2XX"',
                )
            ),
            transfer_context=transfer.text("context", plain.transfer_context),
            endpoint=outgoing.text(
                "endpoint",
                plain.endpoint,
                form=r"[^{}]*\{\}[^{}]*",
                right='where calls go, with "{}" for the number, such as "PJSIP/{}@trunk"',
            ),
            caller=outgoing.text("caller", plain.caller, form=".*"),
        )


def _listen(section: Section, *, needed: bool) -> ListenSettings | None:
    plain = ListenSettings()
    with section:
        listen = ListenSettings(
            host=section.host("host", plain.host),
            port=section.whole("port", plain.port, **_PORT),
            user=section.text("user", plain.user),
            password=section.secret("password", required=needed).reveal(),
        )
    return listen if needed else None


def _audiosocket(section: Section) -> AudioSocketSettings:
    plain = AudioSocketSettings()
    with section:
        return AudioSocketSettings(
            host=section.host("host", plain.host),
            port=section.whole("port", plain.port, **_PORT),
            advertise=section.text("advertise", plain.advertise),
        )


def _files(section: Section, *, needed: bool) -> FilesSettings | None:
    with section:
        if not (needed or section.keys):
            return None
        return FilesSettings(ours=section.path("ours"), asterisk=section.text("asterisk"))


def _scripts(section: Section, language: Language) -> Scripts:
    with section:
        chosen: Language = section.choice("language", tuple(SCRIPTS), language)
        plain = SCRIPTS[chosen]
        texts = {
            name: section.text(name, text)
            for name, text in asdict(plain).items()
            if isinstance(text, str)
        }
        return Scripts(
            **texts,
            fillers=section.texts("fillers", plain.fillers),
            backchannels=section.texts("backchannels", plain.backchannels),
        )


def _call(section: Section, folder: Path) -> tuple[Chart, Settings]:
    with section:
        name = section.text("chart", DEFAULT_CHART)
        try:
            chart = load_chart(name, folder)
        except (UserError, ChartError) as error:
            section.mistake("chart", str(error))
            chart = load_chart(DEFAULT_CHART)
        defaults = chart.data().settings
        values = {f.name: getattr(defaults, f.name) for f in fields(defaults)}
        for key in values:
            if (value := section.scalar(key)) is not None:
                try:
                    type(defaults).of({**values, key: value})
                except SettingError as error:
                    section.mistake(key, str(error).removeprefix(f"setting {key}: "))
                else:
                    values[key] = value
        return chart, type(defaults).of(values)


def _journal(section: Section) -> JournalConfig | None:
    with section:
        if not section.keys:
            return None
        return JournalConfig(
            folder=section.path("folder"),
            redacted=section.flag("redacted", True),
            keep_days=section.whole("keep_days", 30, least=1, most=3650),
        )


def _drain_seconds(section: Section) -> float:
    with section:
        return section.seconds("drain_seconds", 30.0, most=_DAY)


def _log(section: Section) -> tuple[int, LogFormat]:
    with section:
        level = section.choice("level", _LEVELS, "info")
        log_format = section.choice("format", LOG_FORMATS, "console")
        return logging.getLevelNamesMapping()[level.upper()], log_format
