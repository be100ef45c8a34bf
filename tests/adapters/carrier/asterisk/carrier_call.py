"""Helpers for the carrier's tests: a carrier at a real Asterisk, and telephones that call it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import trio

from callchart.adapters.carrier.asterisk.carrier import AsteriskCarrier
from callchart.adapters.carrier.asterisk.line import AsteriskLine
from callchart.adapters.carrier.asterisk.numbers import Allowed
from callchart.adapters.carrier.asterisk.settings import AsteriskSettings
from callchart.engine.ports import frame_bytes
from tests.asterisk.call import Call
from tests.asterisk.codec import L16, PCMU, Codec
from tests.asterisk.phone import Phone
from tests.asterisk.server import Asterisk

#: The codec for a phone that speaks at a call's own rate.
CODECS: dict[int, Codec] = {16000: L16, 8000: PCMU}


def settings_for(asterisk: Asterisk, **others: Any) -> AsteriskSettings:
    """Return settings for this Asterisk."""
    chosen = {
        "url": asterisk.url,
        "user": asterisk.user,
        "password": asterisk.password,
        "app": asterisk.app,
        "allowed": Allowed(("100", "phone-XXXXX")),
        **others,
    }
    return AsteriskSettings(**chosen)


@asynccontextmanager
async def carrying(asterisk: Asterisk, **others: Any) -> AsyncIterator[AsteriskCarrier]:
    """Open a carrier with these settings. Check at the end that it left nothing in Asterisk."""
    async with AsteriskCarrier.open(settings_for(asterisk, **others)) as carrier:
        yield carrier
    if asterisk.running:
        # Asterisk always lists an application that it dials persistently.
        await wait_until_empty(asterisk, but_application=others.get("control") == "persistent")


async def wait_until_empty(asterisk: Asterisk, *, but_application: bool = False) -> None:
    """Wait until Asterisk has neither channels nor bridges nor applications; fail after 5 s."""
    left: list[dict[str, Any]] = []
    with trio.move_on_after(5):
        while True:
            left = await asterisk.channels() + await asterisk.bridges()
            if not but_application:
                left += await asterisk.applications()
            if not left:
                return
            await trio.sleep(0.01)
    raise AssertionError(f"left in Asterisk: {left}")


class FarEnd:
    """A telephone at the other end of a line, with the methods that the line's contract uses."""

    def __init__(self, line: AsteriskLine, phone: Call) -> None:
        self.line, self.phone = line, phone
        # Asterisk may miss the first 20 ms after the answer.
        phone.say(bytes(3 * frame_bytes(phone.rate_hz)))

    def say(self, pcm: bytes) -> None:
        self.phone.say(pcm)

    def heard(self) -> bytes:
        return self.phone.heard()

    def hang_up(self) -> None:
        self.phone.hang_up()

    def press(self, digit: str) -> None:
        self.phone.press(digit)

    async def digits(self, count: int) -> str:
        await self.phone.until_keys(count)
        return self.phone.keys


@asynccontextmanager
async def calling(asterisk: Asterisk, carrier: AsteriskCarrier) -> AsyncIterator[FarEnd]:
    """Call the carrier with a telephone, and yield the far end of the unanswered call."""
    rate_hz = carrier.rate_hz
    async with Phone.open(CODECS[rate_hz]) as phone:
        dialled = phone.dial("bot", asterisk.sip_port)
        with trio.fail_after(60):
            line = await carrier.accept()
        yield FarEnd(line, dialled)
        line.hang_up()


def loudness(pcm: bytes) -> float:
    """Return the greatest absolute sample."""
    return float(np.abs(np.frombuffer(pcm, "<i2").astype(int)).max(initial=0))
