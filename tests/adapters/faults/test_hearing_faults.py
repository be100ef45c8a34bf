"""Faults of SpeechKit's recognition: the caller gets an answer, or soon an apology.

One fixture makes all calls in parallel; each test checks the result of its own call. Each call's
recognition model has a name of its own, by which the server knows what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import trio

from callchart.adapters.grpc.dial import Address
from callchart.adapters.stt.yandex.recognizer import Listening, YandexRecognizer
from callchart.adapters.yandex.credentials import ApiKey
from callchart.engine.ports import LanguageModel
from tests.adapters.faults.conversation import (
    LONGEST_SILENCE_S,
    Came,
    Tones,
    conversation,
    open_model,
)
from tests.adapters.faults.problems import Problems
from tests.servers.model.scripts import Writing
from tests.servers.model.server import ModelServer
from tests.servers.process import free_port
from tests.servers.speechkit.scripts import Hearing
from tests.servers.speechkit.server import SpeechKitServer

pytestmark = pytest.mark.real

KEY = "right"

#: Two seconds of speech.
QUESTION = "tell me more about it please"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the server: the words of the question that the model gets at least ("" if the
    caller hears an apology), and the cause and cure that the operator reads."""

    name: str
    hearing: Hearing
    asked: str = QUESTION
    cause: str = ""
    cure: str = ""
    key: str = KEY
    down: bool = False
    #: How many sessions go so; after that, all is well.
    times: int | None = None

    def __str__(self) -> str:
        return self.name


FAULTS = [
    Fault("no fault", Hearing()),
    Fault("refused", Hearing(), "", "refused the connection", "start that server", down=True),
    Fault("wrong key", Hearing(), "", "UNAUTHENTICATED", "check the key", key="wrong"),
    Fault(
        "quota",
        Hearing(then="RESOURCE_EXHAUSTED"),
        "",
        "RESOURCE_EXHAUSTED",
        "the quota is used up",
    ),
    Fault("breaks off", Hearing(then="UNAVAILABLE", after=1.0), times=1),
    Fault("is cut off", Hearing(then="cut", after=1.0), times=1),
    Fault("ends too early", Hearing(then="end", after=1.0), times=1),
    Fault("is closed", Hearing(then="closed", after=1.0), times=1),
    Fault("falls silent", Hearing(then="hang", after=1.4), "tell me", times=1),
    Fault("is slow", Hearing(lag=0.5, final_lag=0.3)),
]


@pytest.fixture(scope="module")
def all_came() -> Mapping[str, Came]:
    """The result of each fault's call, by the fault's name."""
    return trio.run(_all_at_once)


async def _all_at_once() -> Mapping[str, Came]:
    came: dict[str, Came] = {}
    async with (
        SpeechKitServer.started() as server,
        ModelServer.started() as model_server,
        open_model(model_server) as model,
    ):
        await server.accept([KEY])
        for fault in FAULTS:
            await server.script_hearing(fault.hearing, model=fault.name, times=fault.times)
        await model_server.script_writing(Writing(text="yes.|"))
        async with trio.open_nursery() as nursery:
            for fault in FAULTS:
                nursery.start_soon(_one, fault, server.grpc_port, model, came)
        await server.until(open=0)
    return came


async def _one(fault: Fault, port: int, model: LanguageModel, came: dict[str, Came]) -> None:
    problems = Problems()
    async with YandexRecognizer.open(
        ApiKey(fault.key),
        Listening(model=fault.name),
        address=Address("127.0.0.1", free_port() if fault.down else port),
    ) as yandex:
        ears = problems.of_ears(yandex)
        with trio.move_on_after(60):
            async with conversation(QUESTION, model, Tones(), problems, recognizer=ears) as call:
                if fault.asked:
                    await call.hears("yes")
                else:
                    await call.ends("sorry bye")
                came[fault.name] = call.came


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_hearing_that_fails_is_made_good_or_told(
    fault: Fault, all_came: Mapping[str, Came]
) -> None:
    came = all_came[fault.name]
    if fault.asked:
        (asked,) = came.asked
        assert asked.startswith(fault.asked)
        assert QUESTION.startswith(asked)
        assert came.heard == ("yes",)
        assert came.problems == ()
    else:
        (problem,) = came.problems
        assert fault.cause in problem
        assert fault.cure in problem
    assert came.silence_s < LONGEST_SILENCE_S
