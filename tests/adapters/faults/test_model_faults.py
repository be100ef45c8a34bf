"""Faults of a model's server: the caller hears something soon, and the operator reads why.

One fixture makes all calls in parallel; each test checks the result of its own call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx2
import pytest
import trio

from callchart.adapters.llm.openai import OpenAIModel
from tests.adapters.faults.conversation import (
    LONGEST_SILENCE_S,
    Came,
    Tones,
    conversation,
)
from tests.adapters.faults.problems import Problems
from tests.servers.model.scripts import Writing
from tests.servers.model.server import ModelServer
from tests.servers.process import free_port

pytestmark = pytest.mark.real

KEY = "sk-right"
TEXT = "one two three.| four five six."

APOLOGY = "sorry"
WHOLE = "one two three four five six"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the server, the words that the caller hears, and the cause and cure that the
    operator reads, if any. `scheme` and `key` are the client's; `down`: no server listens."""

    name: str
    writing: Writing
    heard: str
    cause: str = ""
    cure: str = ""
    key: str = KEY
    scheme: str = "http"
    down: bool = False
    #: How many requests are answered so; after that, all is well.
    times: int | None = None

    def __str__(self) -> str:
        return self.name


FINE = Writing(text=TEXT)

FAULTS = [
    Fault("no fault", FINE, WHOLE),
    Fault("refused", FINE, APOLOGY, "refused the connection", "start that server", down=True),
    Fault("no TLS", FINE, APOLOGY, "failed the TLS handshake", "https", scheme="https"),
    Fault("wrong key", FINE, APOLOGY, "401", "the key was refused", key="sk-wrong"),
    Fault(
        "quota",
        Writing(text=TEXT, then="429", retry_after=20),
        APOLOGY,
        "429",
        "ask the provider for a higher limit",
    ),
    Fault("quota for a moment", Writing(text=TEXT, then="429", retry_after=0.3), WHOLE, times=1),
    Fault("broken", Writing(text=TEXT, then="500"), APOLOGY, "500", "status page"),
    Fault("broken for a moment", Writing(text=TEXT, then="503"), WHOLE, times=1),
    Fault(
        "stops in the middle",
        Writing(text=TEXT, every=0.1, then="cut", after=4),
        f"one two three {APOLOGY}",
        "broke off the connection",
        "status page",
    ),
    Fault(
        "gives up in the middle",
        Writing(text=TEXT, every=0.1, then="500", after=4),
        f"one two three {APOLOGY}",
        "sent an error in the stream",
        "status page",
    ),
    Fault("trickles", Writing(text="one two.| three four.", every=0.7), "one two three four"),
    Fault(
        "falls silent in the middle",
        Writing(text=TEXT, then="hang", after=4),
        f"one two three {APOLOGY}",
        "sent no token for 2 s",
        "status page",
    ),
    Fault(
        "garbage",
        Writing(text=TEXT, then="garbage"),
        APOLOGY,
        "malformed",
        "check that the base URL",
    ),
    Fault("empty", Writing(then="end"), APOLOGY, "malformed", "check that the base URL"),
    Fault("says nothing", Writing(text=""), APOLOGY, "the answer was empty", "check the prompt"),
    Fault(
        "hangs",
        Writing(then="hang"),
        f"one moment please {APOLOGY}",
        "sent no token within 3 s",
        "first_token",
    ),
]


@pytest.fixture(scope="module")
def all_came() -> Mapping[str, Came]:
    """The result of each fault's call, by the fault's name."""
    return trio.run(_all_at_once)


async def _all_at_once() -> Mapping[str, Came]:
    came: dict[str, Came] = {}
    async with ModelServer.started() as server, trio.open_nursery() as nursery:
        await server.accept([KEY])
        for fault in FAULTS:
            if fault.times:
                await server.script_writing(
                    fault.writing, containing=f"{fault}?", times=fault.times
                )
                await server.script_writing(FINE, containing=f"{fault}?")
            else:
                await server.script_writing(fault.writing, containing=f"{fault}?")
        for fault in FAULTS:
            nursery.start_soon(_one, fault, server, came)
    return came


async def _one(fault: Fault, server: ModelServer, came: dict[str, Came]) -> None:
    port = free_port() if fault.down else server.http_port
    opened = OpenAIModel.open(
        model="scripted",
        api_key=fault.key,
        base_url=f"{fault.scheme}://127.0.0.1:{port}/v1",
        transport=httpx2.AsyncHTTPTransport(trust_env=False),
    )
    problems = Problems()
    async with (
        opened as model,
        conversation(f"{fault}?", problems.of_model(model), Tones(), problems) as call,
    ):
        with trio.move_on_after(60):
            await call.hears(fault.heard)
        came[fault.name] = call.came


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_model_that_fails_is_heard_and_read_of(
    fault: Fault, all_came: Mapping[str, Came]
) -> None:
    came = all_came[fault.name]
    assert came.heard[0] == fault.heard
    assert came.silence_s < LONGEST_SILENCE_S
    if fault.cause:
        (problem,) = came.problems
        assert fault.cause in problem
        assert fault.cure in problem
    else:
        assert came.problems == ()
    assert not any(secret in "".join(came.problems) for secret in (KEY, fault.key))
