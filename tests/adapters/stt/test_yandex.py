"""SpeechKit's recognition over gRPC, at a server on the official stubs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from adapters.grpc.dial import Address
from adapters.stt.yandex import Listening, YandexRecognizer
from adapters.yandex.credentials import ApiKey
from tests.contracts.recognizer import RecognizerContract
from tests.servers.speechkit.scripts import Hearing, Result
from tests.servers.speechkit.server import SpeechKitServer

pytestmark = pytest.mark.real

KEY = ApiKey("secret")


@pytest.fixture(scope="module")
def one() -> Iterator[SpeechKitServer]:
    with SpeechKitServer.running() as server:
        yield server


@pytest.fixture
async def server(one: SpeechKitServer) -> SpeechKitServer:
    await one.reset()
    return one


def address(server: SpeechKitServer) -> Address:
    return Address("127.0.0.1", server.grpc_port)


class TestContract(RecognizerContract):
    @pytest.fixture
    async def recognizer(self, server: SpeechKitServer) -> AsyncIterator[YandexRecognizer]:
        heard = tuple(
            result
            for second in range(1, 20)
            for result in (
                Result(second + 0.3, "partial", "call"),
                Result(second + 0.5, "partial", "call the operator"),
                Result(second + 0.9, "final", "call the operator"),
            )
        )
        await server.hear(Hearing(results=heard))
        listening = Listening("en-US", final_wait=0.2)
        async with YandexRecognizer.open(KEY, listening, address=address(server)) as recognizer:
            yield recognizer
