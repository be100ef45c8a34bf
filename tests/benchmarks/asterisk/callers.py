"""The process of the callers: SIP phones that ask in recorded speech, listen and interrupt.

The metrics of each call are computed from its packets, after all calls have ended. Moments are
seconds of CLOCK_MONOTONIC, which all processes share."""

from __future__ import annotations

import gc
import json
from dataclasses import asdict
from itertools import count, cycle, islice
from time import perf_counter
from typing import Any

import trio

from callchart.adapters.carrier.audio_file import read_audio
from tests.asterisk.call import Call, CallEnded
from tests.asterisk.phone import Phone
from tests.benchmarks.asterisk import child
from tests.benchmarks.asterisk.record import Asked, record
from tests.benchmarks.caller import Caller, Script
from tests.recordings import SAMPLES

RATE_HZ = 8000
QUESTIONS = ("en_hours", "en_price", "ru_delivery", "en_operator")
INTERRUPTION = "en_interrupt"


class Person:
    """A caller who makes one call of `lasts` seconds."""

    def __init__(self, number: int, lasts: float, speech: dict[str, bytes]) -> None:
        self.number, self._lasts, self._speech = number, lasts, speech
        self._questions = islice(cycle(QUESTIONS), number % len(QUESTIONS), None)
        self._script = Script()
        self.asked: list[Asked] = []
        self.lost = True
        self.call: Call

    async def phone(self, phone: Phone, port: int, begins: float) -> None:
        await trio.sleep_until(begins)
        self.call = phone.dial("bot", port, number=str(self.number))
        try:
            with trio.move_on_at(begins + self._lasts):
                await self._talk()
            self.lost = self.call.answered_at is None
        except CallEnded:
            pass  # the bot or Asterisk ended it: the call is lost
        self.call.hang_up()

    async def _talk(self) -> None:
        call, script = self.call, self._script
        await call.until_silent(script.thought)
        interrupts = False
        for number in count(1):
            asked = Asked(trio.current_time(), interrupts)
            call.say(self._speech[INTERRUPTION if interrupts else next(self._questions)])
            await call.said()
            asked.said = trio.current_time()
            self.asked.append(asked)
            interrupts = script.interrupts(number)
            with trio.move_on_after(Caller.PATIENCE) as patience:
                asked.answered = await call.until_loud(after=asked.said)
                if interrupts:
                    await trio.sleep(script.interrupted_after)
            if not patience.cancelled_caught and not interrupts:
                await call.until_silent(script.thought, after=asked.said)


async def main(task: dict[str, Any], begins: float) -> list[dict[str, Any]]:
    names = (*QUESTIONS, INTERRUPTION)
    speech = {name: read_audio(SAMPLES / f"{name}.wav", RATE_HZ) for name in names}
    numbers = range(task["first"], task["calls"], task["step"])
    people = [Person(number, task["seconds"], speech) for number in numbers]
    shift = trio.current_time() - perf_counter()
    async with Phone.open() as phone, trio.open_nursery() as nursery:
        for person in people:
            at = begins + shift + person.number * task["spread"] / task["calls"]
            nursery.start_soon(person.phone, phone, task["port"], at)
    return [
        asdict(record(str(each.number), each.lost, each.asked, each.call, shift)) for each in people
    ]


if __name__ == "__main__":
    # A garbage collection over hundreds of thousands of packets would delay the calls.
    gc.disable()
    given = child.task()
    child.say(child.READY)
    print(json.dumps(trio.run(main, given, child.task())), flush=True)
