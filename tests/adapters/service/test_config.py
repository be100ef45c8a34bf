"""The configuration: what it means, and that each mistake in it is one line that helps."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from callchart.adapters.carrier.asterisk.settings import AsteriskSettings, ListenSettings
from callchart.adapters.service.config import ConfigError, read_config
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.adapters.service.section import Section
from callchart.engine.data import Scripts
from callchart.engine.settings import Settings
from callchart.states import CHART
from tests.adapters.service.reading import LEAST, Read, mistakes

# --- what it means -------------------------------------------------------------------------------


def test_four_lines_are_enough_and_the_rest_has_defaults(read: Read) -> None:
    config = read(LEAST)
    assert config.asterisk.user == "callchart"
    assert config.asterisk.password == "s3same"
    assert config.asterisk.allowed.patterns == ()
    assert config.asterisk.listen is None
    assert config.model.key.reveal() == "sk-s3same"
    assert config.model.base_url == "https://api.openai.com/v1"
    assert (config.scripts, config.chart, config.settings) == (Scripts(), CHART, Settings())
    assert config.speech.recognizer.name == "pocketsphinx"
    assert config.journal is None
    assert (config.drain_seconds, config.log_level) == (30.0, logging.INFO)
    assert config.log_format == "console"


def test_everything_can_be_set(read: Read, tmp_path: Path) -> None:
    (tmp_path / "prompt.txt").write_text("You sell bread.\n")
    config = read("""
        [asterisk]
        url = "http://pbx.example:8089/prefix/ari/"
        user = "bot"
        password = "s3same"
        app = "bakery"
        instance = "bakery2"
        control = "per_call"
        control_grace = 3
        media = "websocket_client"
        rate_hz = 8000
        answer = "early"
        variables = ["CHANNEL(language)", "CUSTOMER"]
        record = "recordings"
        max_calls = 7
        media_client = "bot_media"
        [asterisk.listen]
        host = "0.0.0.0"
        port = 9000
        user = "pbx"
        password = "other"
        [asterisk.audiosocket]
        port = 9093
        advertise = "bot.example"
        [asterisk.files]
        ours = "/srv/shared"
        asterisk = "/mnt/shared"
        [transfer]
        allow = ["100", "2XX"]
        context = "colleagues"
        [outgoing]
        endpoint = "PJSIP/{}@trunk"
        caller = "100"
        [speech]
        recognizer = "pocketsphinx"
        synthesizer = "espeak"
        voice_detector = "silero"
        [speech.espeak]
        voice = "ru"
        words_per_minute = 150
        [model]
        name = "baker"
        base_url = "http://127.0.0.1:8000/v1"
        key = "none"
        prompt = "prompt.txt"
        [scripts]
        greeting = "The bakery."
        fillers = ["Mm,"]
        [call]
        chart = "callchart.states:CHART"
        no_input = 4
        reprompts = 1
        [journal]
        folder = "/var/lib/callchart/journals"
        redacted = false
        keep_days = 3
        [service]
        drain_seconds = 5.5
        [log]
        level = "warning"
        format = "json"
    """)
    asterisk = config.asterisk
    assert asterisk.url == "http://pbx.example:8089/prefix"
    assert asterisk.listen == ListenSettings(
        host="0.0.0.0", port=9000, user="pbx", password="other"
    )
    assert asterisk.audiosocket is not None
    assert asterisk.audiosocket.advertise == "bot.example"
    assert asterisk.files is not None
    assert (asterisk.files.ours, asterisk.files.asterisk) == (Path("/srv/shared"), "/mnt/shared")
    assert "217" in asterisk.allowed
    assert "300" not in asterisk.allowed
    assert asterisk.record == tmp_path / "recordings"
    plain = AsteriskSettings()
    for each in fields(AsteriskSettings):
        assert getattr(asterisk, each.name) != getattr(plain, each.name), each.name
    assert config.model.prompt == "You sell bread."
    assert config.scripts == Scripts(greeting="The bakery.", fillers=("Mm,",))
    assert config.settings == Settings(no_input=4, reprompts=1)
    assert config.journal is not None
    assert (config.journal.redacted, config.journal.keep_days) == (False, 3)
    assert (config.drain_seconds, config.log_level) == (5.5, logging.WARNING)
    assert config.log_format == "json"


def test_secrets_come_from_the_environment_and_from_files(read: Read, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-s3same\n")
    config = read(
        LEAST.replace('"s3same"', '{ env = "ASTERISK_PASSWORD" }').replace(
            '"sk-s3same"', '{ file = "key" }'
        ),
        ASTERISK_PASSWORD="s3same",
    )
    assert config.asterisk.password == "s3same"
    assert config.model.key.reveal() == "sk-s3same"


def test_no_secret_is_in_what_a_configuration_looks_like(read: Read) -> None:
    config = read(LEAST + '[asterisk.listen]\npassword = "s3same"\n')
    assert "s3same" not in repr(config)


def test_who_is_dialled_by_asterisk_needs_no_user_of_it_but_a_password_for_it(read: Read) -> None:
    text = LEAST.replace('user = "callchart"\npassword = "s3same"', 'control = "persistent"')
    assert mistakes(read, text) == [
        "asterisk.listen.password: it is missing; "
        'write a text, { env = "NAME" } or { file = "PATH" }'
    ]
    config = read(text + '[asterisk.listen]\npassword = "s3same"\n')
    assert config.asterisk.listen == ListenSettings(password="s3same")


def test_a_chart_of_ones_own_stands_beside_the_configuration(read: Read, tmp_path: Path) -> None:
    (tmp_path / "bakery_chart.py").write_text(
        "from states import CHART as PHONE_CALL\nCHART = PHONE_CALL.extended('bakery')\n"
    )
    assert read(LEAST + '[call]\nchart = "bakery_chart:CHART"\n').chart.name == "bakery"


def test_scripts_are_in_the_language_of_the_model_unless_they_have_their_own(read: Read) -> None:
    russian = LEAST + 'language = "ru"\n'
    assert read(russian).scripts == SCRIPTS["ru"]
    assert read(russian + '[scripts]\nlanguage = "en"\n').scripts == SCRIPTS["en"]
    greeted = read(LEAST + '[scripts]\nlanguage = "ru"\ngreeting = "Алло!"\n').scripts
    assert greeted == replace(SCRIPTS["ru"], greeting="Алло!")


# --- mistakes ------------------------------------------------------------------------------------

WRONG: Mapping[str, tuple[str, str]] = {
    "a key in the wrong section": (
        "[journal]\nfolder = 'j'\nlevel = 'info'",
        "journal.level: there is no such key; there are folder, redacted, keep_days",
    ),
    "a key that is nearly one": (
        "[transfer]\nalow = []",
        "transfer.alow: there is no such key; did you mean allow?",
    ),
    "a section that is nearly one": (
        "[transfers]\nallow = []",
        "transfers: there is no such key; did you mean transfer?",
    ),
    "a value where a section belongs": (
        "journal = 'here'",
        "journal: that is a text; write a table, [journal]",
    ),
    "options of a provider": (
        "[speech.espeak]\nvoices = 'en'",
        "speech.espeak.voices: there is no such key; did you mean voice?",
    ),
    "options of a provider that has none": (
        "[speech.silero]\nthreshold = 1",
        "speech.silero.threshold: there is no such key; nothing can be set here",
    ),
    "a choice": (
        "[speech]\nrecognizer = 'pocketsphin'",
        'speech.recognizer: "pocketsphin" is none of "openai", "pocketsphinx", "whisper" or '
        '"yandex"; did you mean pocketsphinx?',
    ),
    "a number as a text": (
        "[journal]\nfolder = 'j'\nkeep_days = '30'",
        "journal.keep_days: that is a text; write a whole number from 1 to 3650",
    ),
    "a truth as a number": (
        "[journal]\nfolder = 'j'\nkeep_days = true",
        "journal.keep_days: that is true or false; write a whole number from 1 to 3650",
    ),
    "a number as a truth": (
        "[journal]\nfolder = 'j'\nredacted = 1",
        "journal.redacted: that is a whole number; write true or false",
    ),
    "a date": (
        "[service]\ndrain_seconds = 2026-01-01",
        "service.drain_seconds: that is a date or a time; write seconds, from 0 to 86400",
    ),
    "a duration below nothing": (
        "[service]\ndrain_seconds = -1",
        "service.drain_seconds: -1 is out of range; write seconds, from 0 to 86400",
    ),
    "a duration that is no number": (
        "[service]\ndrain_seconds = nan",
        "service.drain_seconds: nan is out of range; write seconds, from 0 to 86400",
    ),
    "a number out of range": (
        "[journal]\nfolder = 'j'\nkeep_days = 0",
        "journal.keep_days: 0 is out of range; write a whole number from 1 to 3650",
    ),
    "a journal without a folder": (
        "[journal]\nkeep_days = 3",
        "journal.folder: it is missing; write a path",
    ),
    "a pattern of the dialplan's": (
        "[transfer]\nallow = ['100', '2.']",
        'transfer.allow: "2." in it will not do; write a list of numbers, in which X is any '
        'digit, such as "2XX"',
    ),
    "a list with something else in it": (
        "[transfer]\nallow = [100]",
        "transfer.allow: 100 in it will not do; write a list of numbers, in which X is any "
        'digit, such as "2XX"',
    ),
    "an endpoint without a place for the number": (
        "[outgoing]\nendpoint = 'PJSIP/trunk'",
        'outgoing.endpoint: "PJSIP/trunk" will not do; write where calls go, with "{}" for the '
        'number, such as "PJSIP/{}@trunk"',
    ),
    "an empty script": (
        "[scripts]\ngreeting = ''",
        'scripts.greeting: "" will not do; write a text',
    ),
    "a chart that is not there": (
        "[call]\nchart = 'nowhere:CHART'",
        "call.chart: chart nowhere:CHART: there is no module 'nowhere'",
    ),
    "a setting that is nearly one": (
        "[call]\nno_imput = 3",
        "call.no_imput: there is no such key; did you mean no_input?",
    ),
    "a setting that is like no other": (
        "[call]\nvolume = 3",
        "call.volume: there is no such key; check its spelling",
    ),
    "a setting below its least": (
        "[call]\nno_input = -1",
        "call.no_input: -1 is below the least, 0 s",
    ),
    "a setting of another kind": (
        "[call]\nreprompts = 1.5",
        "call.reprompts: 1.5 is not a whole number",
    ),
    "a setting that is a list": (
        "[call]\nno_input = []",
        "call.no_input: that is a list; write a number or a text",
    ),
    "a level": ("[log]\nlevel = 'loud'", 'log.level: "loud" is none of "debug", "info", '),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_one_line_that_helps(read: Read, text: str, said: str) -> None:
    (line,) = mistakes(read, f"{text}\n{LEAST}" if text.startswith("journal") else LEAST + text)
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("url", "'pbx.example'", "that is no plain URL; write one such as http://127.0.0.1:8088"),
        ("url", "'http://me:s3same@pbx'", "that is no plain URL; write one such as "),
        ("url", "'http://pbx:port'", "that is no plain URL; write one such as "),
        ("url", "'http://127.0..1:8088'", "that is no plain URL; write one such as "),
        ("listen.host", "'127.0..1'", '"127.0..1" is no host; write one such as 127.0.0.1'),
        ("audiosocket.host", "'pbx..example'", '"pbx..example" is no host; write one such as '),
        ("instance", "'a-much-too-long-name'", '"a-much-too-long-name" will not do; write letters'),
        ("app", "'call,chart'", '"call,chart" will not do; write the application\'s name in '),
        ("rate_hz", "44100", "44100 is none of 8000 or 16000"),
        ("media", "'rtp'", '"rtp" is none of "websocket", "websocket_client", "audiosocket" or '),
        ("control", "'conect'", '"conect" is none of "connect", "persistent" or "per_call"; did '),
    ],
)
def test_a_mistake_about_asterisk_is_one_line(read: Read, key: str, value: str, said: str) -> None:
    (line,) = mistakes(read, LEAST.replace("[asterisk]", f"[asterisk]\n{key} = {value}"))
    assert line.startswith(f"asterisk.{key}: {said}")


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("17", "that is a whole number; write a text, { env "),
        ("''", "that is no secret; write a text, { env "),
        ("{ enw = 's3same' }", "that is no secret; write a text, { env "),
        ("{ env = 'A', file = 'b' }", "that is no secret; write a text, { env "),
        ("{ env = 'PASSWORD' }", "the environment has no PASSWORD; set it before the start"),
        ("{ file = 'none' }", "none: No such file or directory; write the secret into that file"),
        ("{ file = 'two_lines' }", "two_lines must hold the secret and nothing else, on one line"),
        ("{ file = 'noise' }", "noise is not text; write the secret into it, on one line"),
    ],
)
def test_a_secret_that_cannot_be_had_is_one_line(
    read: Read, tmp_path: Path, secret: str, said: str
) -> None:
    (tmp_path / "two_lines").write_text("s3same\ns3same\n")
    (tmp_path / "noise").write_bytes(b"\xff\xfe\xfd")
    (line,) = mistakes(read, LEAST.replace("'sk-s3same'", secret).replace('"sk-s3same"', secret))
    assert line.startswith("model.key: ")
    assert said in line


def test_files_as_media_need_both_names_of_the_folder(read: Read) -> None:
    assert mistakes(read, LEAST.replace("[asterisk]", '[asterisk]\nmedia = "files"')) == [
        "asterisk.files.ours: it is missing; write a path",
        "asterisk.files.asterisk: it is missing; write a text",
    ]


def test_all_mistakes_are_told_at_once(read: Read) -> None:
    assert mistakes(read, "[asterisk]\nrate_hz = 1\n[modell]\n") == [
        "asterisk.user: it is missing; write a text",
        'asterisk.password: it is missing; write a text, { env = "NAME" } or { file = "PATH" }',
        "asterisk.rate_hz: 1 is none of 8000 or 16000",
        "model.name: it is missing; write a text",
        'model.key: it is missing; write a text, { env = "NAME" } or { file = "PATH" }',
        "modell: there is no such key; did you mean model?",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[asterisk", "this is not TOML: "),
        (b"\xff\xfe", "this is not TOML: "),
        (
            None,
            "No such file or directory; name one with --config FILE, or write it: "
            "deploy/callchart.toml is a model",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "callchart.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    (line,) = raised.value.lines
    assert line.startswith(f"{path}: {said}")


def test_a_section_whose_reading_failed_complains_of_nothing_more(read: Read) -> None:
    from callchart.adapters.service.section import Reading

    reading = Reading(Path("callchart.toml"))
    with pytest.raises(ZeroDivisionError), Section(reading, "a", {"unread": 1}):
        raise ZeroDivisionError
    assert reading.mistakes == []
