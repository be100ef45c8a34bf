"""The cache of sounds: the requests that it saves, and the texts that it keeps."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.tts import cache
from callchart.adapters.tts.cache import CachedSynthesizer
from callchart.adapters.tts.fallback import FallbackSynthesizer
from callchart.adapters.tts.sound_files import KeptSound, SoundFolder
from callchart.engine.data import Scripts
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import ProviderError, Speech, Synthesizer, WordTiming
from callchart.engine.testing import FakeSynthesizer, Manner
from tests.contracts.synthesizer import LIMIT_S, TEXT, SynthesizerContract, seconds, sound
from tests.outside_work import WorkLedger

pytestmark = pytest.mark.real

HELLO = "Hello, this is the shop."
KEY = ("fake", "anna", "1.0")

Open = Callable[..., AbstractAsyncContextManager[CachedSynthesizer]]


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the timeouts of the disk, for a busy machine."""
    monkeypatch.setattr(cache, "READ_TIMEOUT_S", LIMIT_S)
    monkeypatch.setattr(cache, "LAST_WRITES_S", LIMIT_S)


@pytest.fixture
def fake() -> FakeSynthesizer:
    return FakeSynthesizer(Manner(piece=0.25))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "sounds"


@pytest.fixture
def open_cache(fake: FakeSynthesizer, files: Path) -> Open:
    """Return a function that opens a cache over the fake, with HELLO declared."""

    def opened(
        synthesizer: Synthesizer = fake, key: tuple[str, ...] = KEY, **options: object
    ) -> AbstractAsyncContextManager[CachedSynthesizer]:
        options.setdefault("declared", [HELLO])
        return CachedSynthesizer.open(synthesizer, files, key, **options)  # type: ignore[arg-type]

    return opened


def kept(files: Path) -> list[Path]:
    return list(files.iterdir()) if files.exists() else []


@pytest.mark.parametrize("declared", [(), (TEXT, "Good morning.")], ids=["passed-on", "kept"])
class TestContract(SynthesizerContract):
    @pytest.fixture
    async def synthesizer(
        self, open_cache: Open, declared: tuple[str, ...]
    ) -> AsyncIterator[CachedSynthesizer]:
        async with open_cache(declared=declared) as cached:
            yield cached


# --- the requests that it saves ------------------------------------------------------------------


async def test_a_cached_text_comes_in_one_piece_with_the_same_sound(
    open_cache: Open, fake: FakeSynthesizer
) -> None:
    async with open_cache() as cached:
        first = await sound(cached, HELLO)
    async with open_cache() as cached:
        (again,) = await sound(cached, HELLO)
    assert len(first) > 1
    assert again == Speech(b"".join(piece.pcm for piece in first), first[-1].words)
    assert len(fake.syntheses) == 1


async def test_a_second_start_finds_the_cached_texts(
    open_cache: Open, fake: FakeSynthesizer
) -> None:
    scripts = Scripts(fillers=("Well,", "Let me see,"))
    prepared = []
    for _ in range(2):
        async with open_cache(declared=script_texts(scripts)) as cached:
            phrases = Phrases(16000)
            with trio.fail_after(LIMIT_S):
                await phrases.prepare(cached, script_texts(scripts))
            prepared.append([phrases[text] for text in script_texts(scripts)])
    assert len(fake.syntheses) == len(set(script_texts(scripts)))
    assert prepared[0] == prepared[1]


async def test_an_uncached_text_streams_while_it_is_collected(
    open_cache: Open, fake: FakeSynthesizer
) -> None:
    under_way: list[int] = []
    async with open_cache() as cached:
        with trio.fail_after(LIMIT_S):
            await cached.synthesize(HELLO, 16000, lambda _: under_way.append(fake.under_way))
    assert set(under_way) == {1}


@pytest.mark.parametrize(
    "other", [{"key": ("fake", "boris", "1.0")}, {"rate": 8000}], ids=["voice", "rate"]
)
async def test_another_voice_or_rate_is_another_sound(
    open_cache: Open, fake: FakeSynthesizer, other: dict[str, object]
) -> None:
    async with open_cache() as cached:
        await sound(cached, HELLO)
    async with open_cache(key=other.get("key", KEY)) as cached:
        await sound(cached, HELLO, 8000 if "rate" in other else 16000)
    assert len(fake.syntheses) == 2


async def test_cached_word_timings_name_the_words_of_the_text(
    open_cache: Open,
) -> None:
    """The words are the text's own, because the file has none."""

    class Spelling(FakeSynthesizer):
        async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
            def renamed(speech: Speech) -> None:
                words = (replace(word, word=word.word.strip(",.")) for word in speech.words)
                out(Speech(speech.pcm, tuple(words)))

            await super().synthesize(text, rate_hz, renamed)

    async with open_cache(Spelling()) as cached:
        first = await sound(cached, HELLO)
    async with open_cache(Spelling()) as cached:
        (again,) = await sound(cached, HELLO)
    assert [word.word for word in again.words] == HELLO.split()
    assert [word.end_s for word in again.words] == [word.end_s for word in first[-1].words]


async def test_timings_that_do_not_fit_the_text_are_not_kept(open_cache: Open) -> None:
    class Counting(FakeSynthesizer):
        async def synthesize(self, text: str, rate_hz: int, out: Callable[[Speech], None]) -> None:
            out(Speech(bytes(640), (WordTiming("six", 0.0, 0.01), WordTiming("ty", 0.01, 0.02))))

    for expected in (2, 0):
        async with open_cache(Counting()) as cached:
            (piece,) = await sound(cached, HELLO)
        assert len(piece.words) == expected


# --- the texts that it keeps ---------------------------------------------------------------------


async def test_a_text_of_one_call_is_not_kept(
    open_cache: Open, files: Path, fake: FakeSynthesizer
) -> None:
    async with open_cache() as cached:
        for _ in range(3):
            await sound(cached, "Your order, Mrs. Miller, is ready.")
    assert len(kept(files)) == 0
    assert len(fake.syntheses) == 3


async def test_a_text_that_another_call_repeats_is_kept(
    open_cache: Open, files: Path, fake: FakeSynthesizer, mock_clock: MockClock
) -> None:
    async with open_cache() as cached:
        await sound(cached, "It is in stock.")
        mock_clock.jump(3599)
        await sound(cached, "It is in stock.")
        assert len(kept(files)) == 0
        mock_clock.jump(1)
        await sound(cached, "It is in stock.")
    assert len(kept(files)) == 1
    async with open_cache() as cached:
        await sound(cached, "It is in stock.")
    assert len(fake.syntheses) == 3


async def test_long_texts_are_kept_only_if_declared(
    open_cache: Open, files: Path, mock_clock: MockClock
) -> None:
    long = "and so on " * 30
    async with open_cache() as cached:
        for _ in range(2):
            await sound(cached, long)
            mock_clock.jump(3600)
    assert len(kept(files)) == 0
    async with open_cache(declared=[long]) as cached:
        await sound(cached, long)
    assert len(kept(files)) == 1


async def test_the_number_of_remembered_texts_is_bounded(
    open_cache: Open, files: Path, mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MOST_REMEMBERED", 2)
    async with open_cache() as cached:
        for text in ("One.", "Two.", "Three."):
            await sound(cached, text)
        mock_clock.jump(3600)
        await sound(cached, "One.")
        await sound(cached, "Three.")
    assert len(kept(files)) == 1


async def test_no_file_or_name_contains_a_text(open_cache: Open, files: Path) -> None:
    async with open_cache() as cached:
        await sound(cached, HELLO)
    (path,) = kept(files)
    content = path.read_bytes()
    assert not any(word.encode() in content for word in HELLO.split())
    assert path.stem not in HELLO


@pytest.mark.parametrize("text", ["", " \n"])
async def test_silence_is_not_kept(open_cache: Open, files: Path, text: str) -> None:
    async with open_cache(declared=[text]) as cached:
        await sound(cached, text)
    assert len(kept(files)) == 0


async def test_a_sound_that_failed_is_not_kept(
    open_cache: Open, files: Path, fake: FakeSynthesizer
) -> None:
    fake.manner = Manner(piece=0.25, fails=0.5)
    async with open_cache() as cached:
        with pytest.raises(ProviderError):
            await sound(cached, HELLO)
    assert len(kept(files)) == 0


async def test_a_sound_that_was_cancelled_is_not_kept(open_cache: Open, files: Path) -> None:
    async with open_cache() as cached:
        with trio.fail_after(LIMIT_S), trio.CancelScope() as scope:
            await cached.synthesize(HELLO, 16000, lambda _: scope.cancel())
        assert scope.cancelled_caught
    assert len(kept(files)) == 0


@pytest.mark.parametrize("manner", [Manner(fails=0.0), Manner(piece=0.25, fails=0.5)])
async def test_sound_in_a_second_voice_is_not_kept(
    open_cache: Open, files: Path, manner: Manner
) -> None:
    first, second = FakeSynthesizer(manner), FakeSynthesizer()
    together = FallbackSynthesizer(first, second, Breaker("first"))
    async with open_cache(together) as cached:
        await sound(cached, HELLO)
    assert kept(files) == []
    first.manner = Manner()
    async with open_cache(together) as cached:
        await sound(cached, HELLO)
    assert len(kept(files)) == 1


# --- the disk ------------------------------------------------------------------------------------


async def test_a_truncated_file_is_replaced(
    open_cache: Open, files: Path, fake: FakeSynthesizer
) -> None:
    async with open_cache() as cached:
        whole = seconds(await sound(cached, HELLO))
    (path,) = kept(files)
    path.write_bytes(path.read_bytes()[:-100])
    for _ in range(2):
        async with open_cache() as cached:
            assert seconds(await sound(cached, HELLO)) == pytest.approx(whole)
    assert len(fake.syntheses) == 2


async def test_without_a_folder_texts_are_synthesised(
    open_cache: Open, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    in_the_way = trio.Path(files)
    await in_the_way.write_text("")
    async with open_cache() as cached:
        for _ in range(2):
            assert seconds(await sound(cached, HELLO)) > 1
    assert len(caplog.messages) == 2  # one for the read, one for the write
    assert all("calls go on" in message for message in caplog.messages)


class HeldDisk:
    """A disk whose reads or writes wait until they are released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
        self.begun = 0
        self._released = threading.Event()

        def held(folder: SoundFolder, name: str, sound: KeptSound | None = None) -> None:
            self.begun += 1
            self._released.wait()

        monkeypatch.setattr(SoundFolder, verb, held)

    def release(self) -> None:
        self._released.set()


async def test_a_hanging_disk_does_not_delay_the_sound(
    open_cache: Open,
    fake: FakeSynthesizer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(cache, "READ_TIMEOUT_S", 0.01)
    disk = HeldDisk(monkeypatch, "read")
    try:
        async with open_cache() as cached:
            for _ in range(6):
                await sound(cached, HELLO)
    finally:
        disk.release()
    assert len(fake.syntheses) == 6
    assert disk.begun <= 4
    assert [message.count("read timeout after") for message in caplog.messages] == [1]


async def test_writes_run_in_the_background_and_their_queue_is_bounded(
    open_cache: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "LAST_WRITES_S", 0.01)
    monkeypatch.setattr(cache, "MOST_WAITING", 2)
    texts = ["One.", "Two.", "Three."]
    disk = HeldDisk(monkeypatch, "write")
    try:
        async with open_cache(declared=texts) as cached:
            for text in texts:
                await sound(cached, text)
            assert cached._waiting == 2
    finally:
        disk.release()


async def test_barge_in_cancels_a_read_immediately(
    open_cache: Open, fake: FakeSynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = HeldDisk(monkeypatch, "read")
    try:
        with trio.fail_after(LIMIT_S):
            async with open_cache() as cached, trio.open_nursery() as nursery:
                nursery.start_soon(cached.synthesize, HELLO, 16000, lambda _: None)
                await trio.testing.wait_all_tasks_blocked()
                nursery.cancel_scope.cancel()
    finally:
        disk.release()
    assert fake.syntheses == []


async def test_a_closed_cache_keeps_nothing(open_cache: Open, files: Path) -> None:
    async with open_cache() as cached:
        pass
    assert seconds(await sound(cached, HELLO)) > 1
    assert len(kept(files)) == 0


async def test_reads_and_writes_count_as_outside_work(open_cache: Open) -> None:
    work = WorkLedger()
    async with open_cache(work=work) as cached:
        await sound(cached, HELLO)
    assert work.began == 2  # a read and a write
    assert work.under_way == 0
