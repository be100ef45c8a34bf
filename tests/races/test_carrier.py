"""Calls at a fake Asterisk whose answers and events come in every order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial

import pytest
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.engine.data import CallData, Scripts
from callchart.engine.phrases import Phrases, script_texts
from callchart.engine.ports import Closed, Line, MarkReached, frame_bytes
from callchart.engine.scene import Services
from callchart.engine.supervisor import Supervisor
from callchart.engine.testing import (
    FakeModel,
    FakeRecognizer,
    FakeSynthesizer,
    FakeVoiceDetectors,
    Spoken,
    Story,
)
from callchart.engine.testing.sound import pieces
from callchart.states import CHART
from callchart.states.settings import PhoneSettings
from tests.races.asterisk import RATE_HZ, FakeAsterisk, Phone

pytestmark = pytest.mark.unmeasured

SCRIPTS = Scripts(fillers=())


@dataclass
class Service:
    """A bot at the fake Asterisk, with fake providers."""

    asterisk: FakeAsterisk
    story: Story
    most_at_once: int = 0
    ended: list[CallData] = field(default_factory=list)
    _attended: int = 0

    def __post_init__(self) -> None:
        self.phrases = Phrases(RATE_HZ)
        self.recognizer, self.synthesizer = FakeRecognizer(), FakeSynthesizer()
        self.supervisor = Supervisor(
            CHART,
            Services(
                FakeVoiceDetectors(),
                self.recognizer,
                self.synthesizer,
                FakeModel(),
                self.phrases,
            ),
            PhoneSettings(),
            SCRIPTS,
            failed=self._failed,
        )
        self.failures: list[BaseException] = []

    def _failed(self, call_id: str, error: BaseException) -> None:
        self.failures.append(error)

    async def serve(self, carrier: AsteriskCarrier, nursery: trio.Nursery) -> None:
        """Attend to calls until the carrier is closed."""
        await self.phrases.prepare(self.synthesizer, script_texts(SCRIPTS))
        nursery.start_soon(self._accept, carrier, nursery)

    async def _accept(self, carrier: AsteriskCarrier, nursery: trio.Nursery) -> None:
        while True:
            nursery.start_soon(self._attend, await carrier.accept())

    async def _attend(self, line: Line) -> None:
        self._attended += 1
        self.most_at_once = max(self.most_at_once, self._attended)
        data = await self.supervisor.attend(line)
        self._attended -= 1
        if data is not None:
            self.ended.append(data)

    def says(self, caller: str, words: str, *, at: float, until: float) -> None:
        """Plan words of the caller, who speaks only if the call has sound by then."""
        sound = self.recognizer.knows(Spoken(words))

        async def starts() -> None:
            if phone := self.asterisk.phone(caller):
                phone.start_speaking(sound)

        async def stops() -> None:
            if (phone := self.asterisk.phone(caller)) and phone.caller_speaks:
                phone.stop_speaking()

        self.story.event(f"{caller} speaks", starts, at=at, of_voice=True)
        self.story.event(f"{caller} falls silent", stops, at=until, of_voice=True)

    def heard(self, phone: Phone) -> list[str]:
        """Return the texts of which the phone played a part, in order."""
        heard: list[str] = []
        for played in phone.played():
            for piece in pieces(played.pcm):
                text = self.synthesizer.syntheses[piece.sound - 1].text
                if text not in heard[-1:]:
                    heard.append(text)
        return heard


async def test_22_media_that_start_in_any_order_are_heard_both_ways(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story)
    service = Service(asterisk, story)
    story.event("a call", partial(asterisk.rings, "one"), at=1.0)
    service.says("one", "When do you open?", at=5.0, until=6.0)
    async with asterisk.carrier(monkeypatch) as carrier, trio.open_nursery() as nursery:
        await service.serve(carrier, nursery)
        await story.happens(until=9.5)
        phone, socket = asterisk.phone("one"), next(iter(asterisk.sockets.values()))
        assert phone is not None
        assert service.heard(phone) == [SCRIPTS.greeting, "You said: When do you open?."]
        # No audio was lost before both sides were ready.
        assert (socket.early, socket.cut, phone.dropped_frames) == (0, 0, 0)
        _, joined = asterisk.joined["one"]
        first = next(phone.played())
        assert (phone.answered_at or 0.0) + first.begin / 50 >= joined - 1e-6
        await asterisk.hangs_up("one")
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert (asterisk.remaining, carrier.calls, service.failures) == ([], set(), [])


async def test_19_two_calls_do_not_take_one_free_place(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story, max_calls=2)
    service = Service(asterisk, story)
    callers = ("one", "two", "three", "four")
    for caller, at in zip(callers, (1.0, 2.0, 2.0, 3.5), strict=True):
        story.event(f"{caller} calls", partial(asterisk.rings, caller), at=at)
    for caller, at in zip(callers, (3.5, 4.5, 4.5, 6.0), strict=True):
        story.event(f"{caller} hangs up", partial(asterisk.hangs_up, caller), at=at)
    async with asterisk.carrier(monkeypatch) as carrier, trio.open_nursery() as nursery:
        await service.serve(carrier, nursery)
        await story.happens(until=20.0)
        nursery.cancel_scope.cancel()
    assert 1 <= service.most_at_once <= 2
    assert set(asterisk.refused.values()) <= {"busy"}
    # Each caller was refused or attended to, unless they hung up before that.
    assert len(service.ended) + len(asterisk.refused) <= len(callers)
    assert (asterisk.remaining, carrier.calls, service.failures) == ([], set(), [])


FRAME = frame_bytes(RATE_HZ)


def sound(number: int, seconds: float) -> bytes:
    """Return `seconds` of sound whose every sample is `number`."""
    return number.to_bytes(2, "little") * round(seconds * RATE_HZ)


async def test_23_a_flush_drops_the_backlog_with_its_marks_and_loses_no_other_audio(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    asterisk = FakeAsterisk(story)
    reached: list[tuple[int, float]] = []
    flushed: list[float] = []

    async with asterisk.carrier(monkeypatch) as carrier, trio.open_nursery() as nursery:
        story.event("a call", partial(asterisk.rings, "one"), at=0.5)

        async def signals(line: Line) -> None:
            while (signal := await line.signal()) != Closed():
                if isinstance(signal, MarkReached):
                    story.note(f"mark {signal.mark}")
                    reached.append((signal.mark, trio.current_time()))

        async def takes() -> None:
            line = await carrier.accept()
            nursery.start_soon(signals, line)
            line.answer()
            line.play(sound(1, 30.0))  # more than Asterisk's queue holds
            line.mark(1)
            lines.append(line)

        async def flushes() -> None:
            for line in lines:
                line.flush()
                flushed.append(trio.current_time())
                line.play(sound(2, 1.0))
                line.mark(1 + len(flushed))

        async def hangs_up() -> None:
            for line in lines:
                line.hang_up()

        lines: list[Line] = []
        nursery.start_soon(takes)
        story.event("a flush", flushes, at=3.0)
        story.event("another flush", flushes, at=4.05)  # as the mark of the first flush is reached
        story.event("we hang up", hangs_up, at=5.2)
        story.event("the caller hangs up", partial(asterisk.hangs_up, "one"), at=5.2)
        await story.happens(until=16.0)
        nursery.cancel_scope.cancel()
    (socket,) = asterisk.sockets.values()
    assert (socket.early, socket.cut, socket.phone.dropped_frames) == (0, 0, 0)
    # The first flush sets mark 2, the second mark 3. The second drops mark 2, or it was reached.
    for mark, at in reached:
        assert mark > 1
        assert at <= (flushed[mark - 1] if mark - 1 < len(flushed) else math.inf)
    # Old sound ends within 0.06 s of a flush: a frame and the network's delay.
    for at in flushed:
        old = [
            played
            for played in socket.phone.played()
            if played.pcm[:2] == b"\1\0"
            and (socket.phone.answered_at or 0.0) + played.end / 50 > at + 0.06
        ]
        assert old == []
    assert (asterisk.remaining, carrier.calls) == ([], set())
