"""The configuration: its values, and one helpful line for each mistake."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from callchart.adapters.carrier.asterisk.settings import AsteriskSettings, ListenSettings
from callchart.adapters.service.config import ConfigError, read_config
from callchart.adapters.service.providers.scripts import SCRIPTS
from callchart.engine.data import Scripts
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.adapters.service.reading import LEAST, Read, mistakes

#: A chart with a setting of its own, which is a string.
SHOP_CHART = """
from dataclasses import dataclass, field

from callchart import PHONE_CALL, PhoneData, PhoneSettings, SettingError, setting


@dataclass(frozen=True)
class ShopSettings(PhoneSettings):
    shop: str = setting("grocery", "", "the shop that answers")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shop == "bar":
            raise SettingError("the shop is closed")


@dataclass(frozen=True)
class ShopData(PhoneData):
    settings: ShopSettings = field(default_factory=ShopSettings)


CHART = PHONE_CALL.extended("shop", data=ShopData)
"""

# --- values --------------------------------------------------------------------------------------


def test_four_lines_are_enough_and_the_rest_has_defaults(read: Read) -> None:
    config = read(LEAST)
    assert config.asterisk.user == "callchart"
    assert config.asterisk.password == "s3same"
    assert config.asterisk.allowed.patterns == ()
    assert config.asterisk.listen is None
    assert config.model.key.reveal() == "sk-s3same"
    assert config.model.base_url == "https://api.openai.com/v1"
    assert (config.scripts, config.chart, config.settings) == (Scripts(), CHART, PhoneSettings())
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
    assert config.settings == PhoneSettings(no_input=4, reprompts=1)
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


def test_repr_of_a_configuration_hides_secrets(read: Read) -> None:
    config = read(LEAST + '[asterisk.listen]\npassword = "s3same"\n')
    assert "s3same" not in repr(config)


def test_persistent_control_needs_a_listen_password_and_no_ari_user(read: Read) -> None:
    text = LEAST.replace('user = "callchart"\npassword = "s3same"', 'control = "persistent"')
    assert mistakes(read, text) == [
        'asterisk.listen.password must be a string, { env = "NAME" } or { file = "PATH" }, '
        "got nothing"
    ]
    config = read(text + '[asterisk.listen]\npassword = "s3same"\n')
    assert config.asterisk.listen == ListenSettings(password="s3same")


def test_the_folder_of_the_configuration_is_searched_for_the_chart(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "bakery_chart.py").write_text(
        "from callchart import PHONE_CALL\nCHART = PHONE_CALL.extended('bakery')\n"
    )
    assert read(LEAST + '[call]\nchart = "bakery_chart:CHART"\n').chart.name == "bakery"


def test_settings_that_a_chart_declares_are_checked_by_their_type(
    read: Read, tmp_path: Path
) -> None:
    (tmp_path / "shop_chart.py").write_text(SHOP_CHART)
    chosen = LEAST + "[call]\nchart = 'shop_chart:CHART'\n"
    settings = read(chosen + "shop = 'bakery'\n").settings
    assert getattr(settings, "shop") == "bakery"  # noqa: B009 (mypy knows the base class only)
    assert mistakes(read, chosen + "shop = 3\n") == ["call.shop must be a string, got 3"]
    assert mistakes(read, chosen + "shop = 'bar'\n") == ["call.shop: the shop is closed"]


def test_scripts_use_the_language_of_the_model_by_default(read: Read) -> None:
    russian = LEAST + 'language = "ru"\n'
    assert read(russian).scripts == SCRIPTS["ru"]
    assert read(russian + '[scripts]\nlanguage = "en"\n').scripts == SCRIPTS["en"]
    greeted = read(LEAST + '[scripts]\nlanguage = "ru"\ngreeting = "Алло!"\n').scripts
    assert greeted == replace(SCRIPTS["ru"], greeting="Алло!")


# --- mistakes ------------------------------------------------------------------------------------

WRONG: Mapping[str, tuple[str, str]] = {
    "a key in the wrong section": (
        "[journal]\nfolder = 'j'\nlevel = 'info'",
        "journal.level is not a known key; known keys: folder, redacted, keep_days",
    ),
    "a misspelt key": (
        "[transfer]\nalow = []",
        "transfer.alow is not a known key; did you mean allow?",
    ),
    "a misspelt section": (
        "[transfers]\nallow = []",
        "transfers is not a known section; did you mean transfer?",
    ),
    "a value instead of a section": (
        "journal = 'here'",
        'journal must be a section, got "here"',
    ),
    "a misspelt option of a provider": (
        "[speech.espeak]\nvoices = 'en'",
        "speech.espeak.voices is not a known key; did you mean voice?",
    ),
    "an option of a provider without options": (
        "[speech.silero]\nthreshold = 1",
        "speech.silero.threshold is not a known key; this section has no keys",
    ),
    "a choice": (
        "[speech]\nrecognizer = 'pocketsphin'",
        'speech.recognizer must be "openai", "pocketsphinx", "whisper" or "yandex", '
        'got "pocketsphin"; did you mean "pocketsphinx"?',
    ),
    "a string for a number": (
        "[journal]\nfolder = 'j'\nkeep_days = '30'",
        'journal.keep_days must be an integer from 1 to 3650, got "30"',
    ),
    "a boolean for a number": (
        "[journal]\nfolder = 'j'\nkeep_days = true",
        "journal.keep_days must be an integer from 1 to 3650, got true",
    ),
    "a number for a boolean": (
        "[journal]\nfolder = 'j'\nredacted = 1",
        "journal.redacted must be a boolean, true or false, got 1",
    ),
    "a date": (
        "[service]\ndrain_seconds = 2026-01-01",
        "service.drain_seconds must be a number of seconds from 0 to 86400, got the "
        "date or time 2026-01-01",
    ),
    "a negative duration": (
        "[service]\ndrain_seconds = -1",
        "service.drain_seconds must be a number of seconds from 0 to 86400, got -1",
    ),
    "a duration that is not a number": (
        "[service]\ndrain_seconds = nan",
        "service.drain_seconds must be a number of seconds from 0 to 86400, got nan",
    ),
    "a number out of range": (
        "[journal]\nfolder = 'j'\nkeep_days = 0",
        "journal.keep_days must be an integer from 1 to 3650, got 0",
    ),
    "a journal without a folder": (
        "[journal]\nkeep_days = 3",
        "journal.folder must be a path, got nothing",
    ),
    "a pattern of the dialplan": (
        "[transfer]\nallow = ['100', '2.']",
        "transfer.allow must be a list of numbers, in which X is any digit, such as "
        '"2XX", got "2." in it',
    ),
    "a list with something else in it": (
        "[transfer]\nallow = [100]",
        "transfer.allow must be a list of numbers, in which X is any digit, such as "
        '"2XX", got 100 in it',
    ),
    "an endpoint without a place for the number": (
        "[outgoing]\nendpoint = 'PJSIP/trunk'",
        'outgoing.endpoint must be an endpoint with "{}" for the number, such as '
        '"PJSIP/{}@trunk", got "PJSIP/trunk"',
    ),
    "an empty script": (
        "[scripts]\ngreeting = ''",
        'scripts.greeting must be a non-empty string, got ""',
    ),
    "a chart in a missing module": (
        "[call]\nchart = 'nowhere:CHART'",
        "call.chart must be in a module that Python can import, got nowhere:CHART: no module "
        "'nowhere'; correct the name, or install the module",
    ),
    "a misspelt setting": (
        "[call]\nno_imput = 3",
        "call.no_imput is not a known key; did you mean no_input?",
    ),
    "an unknown setting": (
        "[call]\nvolume = 3",
        "call.volume is not a known key; check its spelling",
    ),
    "the tools of the model": (
        "[call]\ntools = 'shop:TOOLS'",
        'call.tools is not a known key; add tools = "shop:TOOLS" to [model], next to name and key',
    ),
    "a setting below its least": (
        "[call]\nno_input = -1",
        "call.no_input must be at least 0 s, got -1",
    ),
    "a fraction for a whole number": (
        "[call]\nreprompts = 1.5",
        "call.reprompts must be a whole number, got 1.5",
    ),
    "a setting that is a list": (
        "[call]\nno_input = []",
        "call.no_input must be a number, got a list",
    ),
    "a string for a setting that is a number": (
        "[call]\nno_input = '6'",
        'call.no_input must be a number, got "6"',
    ),
    "a boolean for a number of times": (
        "[call]\nreprompts = true",
        "call.reprompts must be a whole number, got true",
    ),
    "a level": (
        "[log]\nlevel = 'loud'",
        'log.level must be "debug", "info", "warning" or "error", got "loud"',
    ),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_reported_in_one_line_with_a_cure(read: Read, text: str, said: str) -> None:
    (line,) = mistakes(read, f"{text}\n{LEAST}" if text.startswith("journal") else LEAST + text)
    assert line.startswith(said)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "url",
            "'pbx.example'",
            " must be a URL such as http://127.0.0.1:8088, without user, password and query, "
            'got "pbx.example"',
        ),
        (
            "url",
            "'http://me:s3same@pbx'",
            " must be a URL such as http://127.0.0.1:8088, without user, password and query, "
            'got "http://…@pbx"',
        ),
        (
            "url",
            "'http://pbx:port'",
            " must be a URL such as http://127.0.0.1:8088, without user, password and query, "
            'got "http://pbx:port"',
        ),
        (
            "url",
            "'http://127.0..1:8088'",
            " must be a URL such as http://127.0.0.1:8088, without user, password and query, "
            'got "http://127.0..1:8088"',
        ),
        (
            "url",
            "'http://me:s3/same@s3same@pbx?key=s3same'",
            " must be a URL such as http://127.0.0.1:8088, without user, password and query, "
            'got "http://…@pbx?…"',
        ),
        (
            "url",
            "8088",
            " must be a URL such as http://127.0.0.1:8088, without user, password and query, "
            "got 8088",
        ),
        ("listen.host", "'127.0..1'", ' must be a host such as 127.0.0.1, got "127.0..1"'),
        (
            "audiosocket.host",
            "'pbx..example'",
            ' must be a host such as 127.0.0.1, got "pbx..example"',
        ),
        (
            "instance",
            "'a-much-too-long-name'",
            ' must be up to 12 letters and digits, got "a-much-too-long-name"',
        ),
        (
            "app",
            "'call,chart'",
            " must be the application name in Stasis(): up to 40 letters, digits, _ . "
            'and -, got "call,chart"',
        ),
        ("rate_hz", "44100", " must be 8000 or 16000, got 44100"),
        ("listen", "3\nmedia = 'websocket_client'", " must be a section, got 3"),
        (
            "media",
            "'rtp'",
            ' must be "websocket", "websocket_client", "audiosocket" or "files", got "rtp"',
        ),
        (
            "control",
            "'conect'",
            ' must be "connect", "persistent" or "per_call", got "conect"; did you mean "connect"?',
        ),
    ],
)
def test_a_mistake_about_asterisk_is_reported_in_one_line(
    read: Read, key: str, value: str, said: str
) -> None:
    (line,) = mistakes(read, LEAST.replace("[asterisk]", f"[asterisk]\n{key} = {value}"))
    assert line.startswith(f"asterisk.{key}{said}")


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("17", '{ file = "PATH" }, got an integer'),
        ("''", '{ file = "PATH" }, got an empty string'),
        ("{ enw = 's3same' }", '{ file = "PATH" }, got another table'),
        ("{ env = 'A', file = 'b' }", '{ file = "PATH" }, got another table'),
        (
            "{ env = 'PASSWORD' }",
            "must be in the environment variable PASSWORD, got nothing; set that variable",
        ),
        ("{ file = 'none' }", "none: No such file or directory; write the secret into it"),
        (
            "{ file = 'two_lines' }",
            "two_lines with 2 lines; write the secret and nothing else into it",
        ),
        ("{ file = 'noise' }", "noise; write the secret as UTF-8"),
    ],
)
def test_a_secret_that_cannot_be_read_is_reported_in_one_line(
    read: Read, tmp_path: Path, secret: str, said: str
) -> None:
    (tmp_path / "two_lines").write_text("s3same\ns3same\n")
    (tmp_path / "noise").write_bytes(b"\xff\xfe\xfd")
    (line,) = mistakes(read, LEAST.replace("'sk-s3same'", secret).replace('"sk-s3same"', secret))
    assert line.startswith("model.key")
    assert said in line


def test_files_as_media_need_both_names_of_the_folder(read: Read) -> None:
    assert mistakes(read, LEAST.replace("[asterisk]", '[asterisk]\nmedia = "files"')) == [
        "asterisk.files.ours must be a path, got nothing",
        "asterisk.files.asterisk must be a non-empty string, got nothing",
    ]


def test_all_mistakes_are_reported_together(read: Read) -> None:
    assert mistakes(read, "[asterisk]\nrate_hz = 1\n[modell]\n") == [
        "asterisk.user must be a non-empty string, got nothing",
        'asterisk.password must be a string, { env = "NAME" } or { file = "PATH" }, got nothing',
        "asterisk.rate_hz must be 8000 or 16000, got 1",
        "model.name must be a non-empty string, got nothing",
        'model.key must be a string, { env = "NAME" } or { file = "PATH" }, got nothing',
        "modell is not a known section; did you mean model?",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[asterisk", " must be TOML: "),
        (b"\xff\xfe", " must be TOML: "),
        (
            None,
            ": No such file or directory; name a file with --config FILE, or copy "
            "deploy/callchart.toml",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_in_one_line(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "callchart.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        read_config(path)
    (line,) = raised.value.lines
    assert line.startswith(f"{path}{said}")
