"""Faults of SpeechKit's voice: the second voice continues, and the operator reads why.

The first is SpeechKit over gRPC, the second its API over HTTP, at another server. All calls are
made in parallel by one fixture; each test checks the result of its own call."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
import trio

from callchart.adapters.fallback.breaker import Breaker
from callchart.adapters.grpc.dial import Address
from callchart.adapters.tts.fallback import FallbackSynthesizer
from callchart.adapters.tts.yandex.grpc import YandexSynthesizer
from callchart.adapters.tts.yandex.http import YandexHttpSynthesizer
from callchart.adapters.yandex.credentials import ApiKey
from callchart.engine.ports import LanguageModel, Synthesizer
from tests.adapters.faults.conversation import (
    LONGEST_SILENCE_S,
    Came,
    conversation,
    open_model,
)
from tests.adapters.faults.problems import Problems
from tests.servers.model.scripts import Writing
from tests.servers.model.server import ModelServer
from tests.servers.process import free_port
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.server import SpeechKitServer

pytestmark = pytest.mark.real

KEY = "right"

#: Words of four letters, as the tag before them: each is a piece of sound of its own.
TEXT = "beta gama delt."
WORD = 0.28

#: Seconds; longer than the adapter's default, because all calls share the machine.
FIRST_SOUND = 1.0


WORD_BY_WORD, SOON = Speaking(piece=WORD), Speaking(first=0.1)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the first voice and the second, and the cause and cure that the operator reads,
    if any. `tag`: four letters, the first word of the answer. `heard` is the rest."""

    tag: str
    name: str
    first: Speaking = WORD_BY_WORD
    second: Speaking = SOON
    cause: str = ""
    cure: str = ""
    heard: str = "beta gama delt"
    key: str = KEY
    tls: bool = False
    down: bool = False

    def __str__(self) -> str:
        return self.name


def word_by_word(
    then: str = "", after: int = 0, *, every: float = 0.0, retry_after: float | None = None
) -> Speaking:
    return replace(WORD_BY_WORD, then=then, after=after, every=every, retry_after=retry_after)


FAULTS = [
    Fault("aaaa", "no fault"),
    Fault("baaa", "refused", cause="refused the connection", cure="start that server", down=True),
    Fault("caaa", "no TLS", cause="no TLS with", cure="check the port", tls=True),
    Fault("daaa", "wrong key", cause="UNAUTHENTICATED", cure="check the key", key="wrong"),
    Fault(
        "eaaa",
        "quota",
        word_by_word("RESOURCE_EXHAUSTED", retry_after=7.0),
        cause="to try again in 7 s",
        cure="the quota is used up",
    ),
    Fault(
        "faaa",
        "stops in the middle",
        word_by_word("UNAVAILABLE", 2),
        cause="UNAVAILABLE",
        cure="status page",
    ),
    Fault(
        "gaaa",
        "is cut off in the middle",
        word_by_word("cut", 2),
        cause="closed the connection",
        cure="status page",
    ),
    Fault("haaa", "trickles", word_by_word(every=0.4)),
    Fault(
        "iaaa",
        "trickles too slowly",
        word_by_word(every=0.9),
        cause="stopped in mid-text",
        cure="status page",
    ),
    Fault(
        "jaaa",
        "falls silent in the middle",
        word_by_word("hang", 2),
        cause="stopped in mid-text",
        cure="status page",
    ),
    Fault("kaaa", "garbage behind its words", word_by_word("garbage", 4)),
    Fault("laaa", "empty", word_by_word("end"), cause="has no sound", cure="check that"),
    Fault("maaa", "hangs", word_by_word("hang"), cause="no sound within", cure="status page"),
    Fault(
        "naaa",
        "both fail",
        word_by_word("RESOURCE_EXHAUSTED"),
        Speaking(then="429", retry_after=2),
        cause="127.0.0.1 answered 429, to try again in 2 s",
        cure="the quota is used up",
        heard="sorry",
    ),
    Fault(
        "oaaa",
        "both hang",
        word_by_word("hang"),
        Speaking(then="hang"),
        cause="no sound within",
        cure="status page",
        heard="sorry",
    ),
]


@pytest.fixture(scope="module")
def all_came() -> Mapping[str, Came]:
    """The result of each fault's call, by the fault's name."""
    return trio.run(_all_at_once)


async def _all_at_once() -> Mapping[str, Came]:
    came: dict[str, Came] = {}
    async with (
        ModelServer.started() as model_server,
        SpeechKitServer.started() as first_server,
        SpeechKitServer.started() as second_server,
        open_model(model_server) as model,
        YandexHttpSynthesizer.open(ApiKey(KEY), url=second_server.url) as second,
        trio.open_nursery() as nursery,
    ):
        await first_server.accept([KEY])
        for fault in FAULTS:
            await model_server.script_writing(
                Writing(text=f"{fault.tag} {TEXT}"), containing=fault.tag
            )
            await first_server.script_speaking(fault.first, containing=fault.tag)
            await second_server.script_speaking(fault.second, over="http", containing=fault.tag)
        # The rest of a text, without its tag.
        await second_server.script_speaking(SOON, over="http")
        for fault in FAULTS:
            nursery.start_soon(_one, fault, model, first_server.grpc_port, second, came)
    return came


async def _one(
    fault: Fault, model: LanguageModel, port: int, second: Synthesizer, came: dict[str, Came]
) -> None:
    tls = ssl.create_default_context() if fault.tls else None
    address = Address("127.0.0.1", free_port() if fault.down else port, tls)
    problems = Problems()
    async with YandexSynthesizer.open(ApiKey(fault.key), address=address) as first:
        # Log the first voice's failure immediately, with its name.
        breaker = Breaker(fault.tag, failures=1)
        both = FallbackSynthesizer(first, second, breaker, first_sound_s=FIRST_SOUND)
        voice = problems.of_voice(both)
        with problems.logged(fault.tag), trio.move_on_after(60):
            async with conversation(f"{fault.tag}?", model, voice, problems) as call:
                await call.hears(fault.heard)
                came[fault.name] = call.came


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_voice_that_fails_is_heard_and_read_of(
    fault: Fault, all_came: Mapping[str, Came]
) -> None:
    came = all_came[fault.name]
    whole = fault.heard if fault.heard == "sorry" else f"{fault.tag} {fault.heard}"
    assert came.heard[0] == whole
    assert came.silence_s < LONGEST_SILENCE_S
    if fault.cause:
        read = " ".join(came.problems)
        assert fault.cause in read
        assert fault.cure in read
    else:
        assert came.problems == ()
    assert KEY not in "".join(came.problems)
