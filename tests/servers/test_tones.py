"""The tone code: a sound is read back as its words, at any rate and after any cut."""

from __future__ import annotations

import pytest

from tests.servers.tones import Reader, heard, read, speak, spoken, symbols

TEXT = "Хорошо, balloon REM-600-A: 1100 кН, ёж 5..."


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 48000])
def test_a_text_is_read_back_at_every_rate(rate_hz: int) -> None:
    assert heard(speak(TEXT, rate_hz).pcm, rate_hz) == spoken(TEXT)
    assert spoken(TEXT) == "хорошо balloon rem600a 1100 кн ёж 5"


def test_words_are_read_at_any_offset_and_within_other_sound() -> None:
    pcm = speak(TEXT, 8000).pcm
    for samples in (1, 33, 80, 159):
        assert heard(bytes(2 * samples) + pcm, 8000) == spoken(TEXT)


def test_joined_texts_stay_separate_and_a_cut_is_visible() -> None:
    hello, world = speak("hello", 8000).pcm, speak("world", 8000).pcm
    assert heard(hello + world, 8000) == "hello world"
    assert heard(hello[: 320 * 8] + world, 8000) == "helworld"
    assert heard(hello[: 320 * 8] + bytes(320) + world, 8000) == "hel world"


def test_words_are_read_where_they_were_spoken() -> None:
    sound = speak("Well, yes.", 8000)
    assert [word.text for word in sound.words] == ["Well,", "yes."]
    said = [(word.start, word.end) for word in sound.words]
    assert [(word.start, word.end) for word in read(sound.pcm, 8000)] == said
    assert [round(at, 2) for place in said for at in place] == [0.0, 0.24, 0.28, 0.46]


def test_a_text_without_words_has_no_sound() -> None:
    assert speak(" - ... !", 8000).pcm == b""


def test_whole_frames_are_classified_by_a_table() -> None:
    reader, pcm, known = Reader(8000), speak(TEXT, 8000).pcm, symbols(8000)
    for at in range(0, len(pcm), 320):
        reader.take(known[pcm[at : at + 320]])
    assert " ".join(word.text for word in reader.words) == spoken(TEXT)
