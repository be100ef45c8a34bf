"""[speech]: recogniser, synthesizers, cache, and the mistakes in their options."""

from __future__ import annotations

from pathlib import Path

import pytest

from callchart.adapters.service.providers.speech import SoundCache, SpeechConfig
from tests.adapters.service.reading import LEAST, Read, mistakes

YANDEX = """
[speech]
synthesizer = "yandex"
[speech.yandex]
api_key = { env = "YANDEX_API_KEY" }
"""


def speech(read: Read, text: str) -> SpeechConfig:
    return read(LEAST + text, YANDEX_API_KEY="AQVN-s3same").speech


def wrong(read: Read, text: str) -> list[str]:
    return mistakes(read, LEAST + text, YANDEX_API_KEY="AQVN-s3same")


def of_yandex(*keys: str) -> str:
    return "\n".join([YANDEX, *keys])


def test_by_default_everything_is_offline_and_there_is_no_second_voice(read: Read) -> None:
    config = speech(read, "")
    names = (config.recognizer.name, config.synthesizer.name, config.voice_detector.name)
    assert names == ("pocketsphinx", "espeak", "silero")
    assert (config.fallback, config.cache) == (None, None)


def test_yandex_needs_only_a_key(read: Read) -> None:
    config = speech(read, YANDEX)
    assert config.synthesizer.name == "yandex"
    assert config.synthesizer.key == ("yandex", "alena", "", "1", "utterance")


def test_a_second_voice_and_a_cache(read: Read, tmp_path: Path) -> None:
    behind = 'synthesizer_fallback = "yandex_http"\nfirst_sound = 0.7\ncache = "sounds"\n'
    config = speech(read, YANDEX.replace("[speech]\n", f"[speech]\n{behind}cache_megabytes = 2\n"))
    assert config.fallback
    assert (config.fallback.name, config.first_sound_s) == ("yandex_http", 0.7)
    assert config.cache == SoundCache(tmp_path / "sounds", 2_000_000)


@pytest.mark.parametrize("other", ['voice = "filipp"', 'role = "good"', "speed = 1.1"])
@pytest.mark.parametrize("synthesizer", ["yandex", "yandex_http"])
def test_the_cache_key_has_all_options_that_change_the_sound(
    read: Read, synthesizer: str, other: str
) -> None:
    plain = YANDEX.replace('"yandex"', f'"{synthesizer}"')
    config, another = speech(read, plain), speech(read, f"{plain}\n{other}\n")
    assert config.synthesizer.key[0] == synthesizer
    assert config.synthesizer.key != another.synthesizer.key


def test_offline_voices_and_recognisers_speak_the_language_of_the_model(read: Read) -> None:
    whisper = '[speech]\nrecognizer = "whisper"\n[speech.whisper]\nmodel = "whisper-base"\n'
    config = speech(read, 'language = "ru"\n' + whisper)
    assert config.recognizer.name == "whisper"
    assert config.synthesizer.key == ("espeak", "ru", "175")


def test_options_of_a_provider_that_is_not_chosen_are_not_validated(read: Read) -> None:
    speech(read, '[speech.yandex]\napi_key = { env = "NOBODY_SET_IT" }\n')


# --- mistakes ------------------------------------------------------------------------------------


def test_a_missing_api_key_names_the_alternatives(read: Read) -> None:
    assert wrong(read, '[speech]\nsynthesizer = "yandex"\n') == [
        'speech.yandex.api_key must be a secret such as { env = "YANDEX_API_KEY" }, got nothing; '
        'on a machine of Yandex Cloud, iam = "machine" replaces it'
    ]
    (line,) = mistakes(read, LEAST + YANDEX)
    assert line == (
        "speech.yandex.api_key must be in the environment variable YANDEX_API_KEY, got nothing; "
        "set that variable"
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("iam = 'machine'", "iam must be absent if api_key is set, got both; keep one of them"),
        (
            "oauth_token = 's3same'",
            "oauth_token must be absent if api_key is set, got both; keep one of them",
        ),
        ("iam = 'robot'", 'iam must be "machine", for tokens of this virtual machine, got "robot"'),
        ("speed = 3.5", "speed must be a number from 0.1 to 3, got 3.5"),
        ("speed = 'fast'", 'speed must be a number from 0.1 to 3, got "fast"'),
        (
            "method = 'streams'",
            'method must be "utterance" or "stream", got "streams"; did you mean "stream"?',
        ),
        ("connections = 0", "connections must be an integer from 1 to 32, got 0"),
        ("language = 'ru'", 'language must be a language such as ru-RU, got "ru"'),
        (
            "folder_id = 'b1g\u0441'",
            'folder_id must be the folder\'s id, of Latin letters and digits, got "b1g\u0441"',
        ),
        (
            "tts_url = 'tts.example:443'",
            "tts_url must be a URL without a path, such as https://example.com, "
            'got "tts.example:443"',
        ),
        (
            "tts_url = 'https://a/b'",
            'tts_url must be a URL without a path, such as https://example.com, got "https://a/b"',
        ),
        ("voices = 'alena'", "voices is not a known key; did you mean voice?"),
    ],
)
def test_a_mistake_about_yandex_is_reported_in_one_line(read: Read, keys: str, said: str) -> None:
    assert wrong(read, of_yandex(keys))[0].startswith(f"speech.yandex.{said}")


def test_a_key_with_a_space_is_refused_and_not_shown(read: Read) -> None:
    text = YANDEX.replace('{ env = "YANDEX_API_KEY" }', '"AQVN s3same"')
    (line,) = wrong(read, text)
    assert line.startswith("speech.yandex.api_key: the API key must be printable ASCII")


def test_a_users_token_needs_a_folder(read: Read) -> None:
    token = YANDEX.replace('api_key = { env = "YANDEX_API_KEY" }', 'oauth_token = "y0_s3same"')
    assert wrong(read, token) == [
        "speech.yandex.folder_id must be the id of the folder that pays, which oauth_token needs, "
        "got nothing"
    ]
    speech(read, token + 'folder_id = "b1g"\n')


def test_mistakes_in_a_shared_section_are_reported_once(read: Read) -> None:
    both = YANDEX.replace("[speech]\n", '[speech]\nsynthesizer_fallback = "yandex_http"\n')
    assert len(wrong(read, both + "speed = 9\nvioce = 'a'\n")) == 2


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("synthesizer_fallback = 'espeak'", ' must differ from synthesizer, got "espeak"'),
        ("first_sound = 0", " must be a number of seconds from 0.1 to 10, got 0"),
        ("cache_megabytes = 0", " must be an integer from 1 to 1000000, got 0"),
        ("cache = 3", " must be a path, got 3"),
    ],
)
def test_a_mistake_about_fallback_or_cache_is_reported_in_one_line(
    read: Read, keys: str, said: str
) -> None:
    (line,) = wrong(read, f"[speech]\n{keys}\n")
    assert line.startswith(f"speech.{keys.partition(' ')[0]}{said}")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("recognizer = 'whisper'", "whisper.model must be a path, got nothing"),
        ("recognizer = 'openai'", "openai.key must be a string, { env "),
        (
            "recognizer = 'whisper'\n[speech.whisper]\nmodel = 'w'\nlanguage = 'russian'",
            'whisper.language must be a language code such as en, ru or de, got "russian"',
        ),
    ],
)
def test_a_mistake_about_a_recogniser_is_reported_in_one_line(
    read: Read, keys: str, said: str
) -> None:
    (line,) = wrong(read, f"[speech]\n{keys}\n")
    assert line.startswith(f"speech.{said}")
