"""The path and the query of each request, and the results of Asterisk's answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from callchart.adapters.carrier.asterisk.control.ari import (
    Ari,
    AriError,
    AriRequest,
    Bridge,
    ControlLost,
    parse_answer,
)
from callchart.adapters.carrier.asterisk.control.events import AriChannel


class Asked:
    """A transport that records the requests, and returns the same answer to each."""

    def __init__(self, answer: Any = None) -> None:
        self.requests: list[AriRequest] = []
        self._answer = answer

    async def send_request(self, request: AriRequest) -> Any:
        self.requests.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


ORDERS: list[tuple[Callable[[Ari], Awaitable[object]], AriRequest]] = [
    (lambda ari: ari.answer("c"), AriRequest("POST", "channels/c/answer", {})),
    (lambda ari: ari.progress("c"), AriRequest("POST", "channels/c/progress", {})),
    (lambda ari: ari.hang_up("c"), AriRequest("DELETE", "channels/c", {"reason": "normal"})),
    (lambda ari: ari.hang_up("c", "busy"), AriRequest("DELETE", "channels/c", {"reason": "busy"})),
    (
        lambda ari: ari.continue_in_dialplan("c", "transfers", "100"),
        AriRequest(
            "POST",
            "channels/c/continue",
            {"context": "transfers", "extension": "100", "priority": "1"},
        ),
    ),
    (
        lambda ari: ari.send_digits("c", "12#"),
        AriRequest("POST", "channels/c/dtmf", {"dtmf": "12#"}),
    ),
    (
        lambda ari: ari.set_variable("c", "V", "x y"),
        AriRequest("POST", "channels/c/variable", {"variable": "V", "value": "x y"}),
    ),
    (
        lambda ari: ari.originate("c", "PJSIP/100", "app", seconds=5),
        AriRequest(
            "POST",
            "channels",
            {"endpoint": "PJSIP/100", "app": "app", "channelId": "c", "timeout": "5"},
        ),
    ),
    (
        lambda ari: ari.originate("c", "PJSIP/100", "app", caller="200"),
        AriRequest(
            "POST",
            "channels",
            {
                "endpoint": "PJSIP/100",
                "app": "app",
                "channelId": "c",
                "timeout": "30",
                "callerId": "200",
            },
        ),
    ),
    (
        lambda ari: ari.create("c", "Local/nobody@nowhere", "app"),
        AriRequest(
            "POST",
            "channels/create",
            {"endpoint": "Local/nobody@nowhere", "app": "app", "channelId": "c"},
        ),
    ),
    (
        lambda ari: ari.create_bridge("b"),
        AriRequest("POST", "bridges/b", {"type": "mixing", "name": "b"}),
    ),
    (
        lambda ari: ari.bridge("b", ["c", "d"]),
        AriRequest("POST", "bridges/b/addChannel", {"channel": "c,d"}),
    ),
    (lambda ari: ari.delete_bridge("b"), AriRequest("DELETE", "bridges/b", {})),
    (
        lambda ari: ari.play("c", "sound:/greeting", "p"),
        AriRequest("POST", "channels/c/play/p", {"media": "sound:/greeting"}),
    ),
    (lambda ari: ari.stop_playback("p"), AriRequest("DELETE", "playbacks/p", {})),
    (lambda ari: ari.delete_recording("r"), AriRequest("DELETE", "recordings/stored/r", {})),
    (
        lambda ari: ari.snoop("c", "app", "s", spy="in"),
        AriRequest("POST", "channels/c/snoop/s", {"spy": "in", "app": "app"}),
    ),
    (
        lambda ari: ari.record("c", "r", "wav"),
        AriRequest(
            "POST", "channels/c/record", {"name": "r", "format": "wav", "ifExists": "overwrite"}
        ),
    ),
]

CLEARING: dict[str, Callable[[Ari], Awaitable[object]]] = {
    "a channel": lambda ari: ari.hang_up("c"),
    "a bridge": lambda ari: ari.delete_bridge("b"),
    "a playback": lambda ari: ari.stop_playback("p"),
    "a recording": lambda ari: ari.delete_recording("r"),
}


@pytest.mark.parametrize(("order", "expected"), ORDERS)
async def test_a_method_sends_one_request(
    order: Callable[[Ari], Awaitable[object]], expected: AriRequest
) -> None:
    asked = Asked()
    await order(Ari(asked))
    assert asked.requests == [expected]


async def test_an_id_is_quoted_in_the_path() -> None:
    asked = Asked()
    await Ari(asked).answer("../../bridges/b?x=1 y")
    assert asked.requests[0].path == "channels/..%2F..%2Fbridges%2Fb%3Fx%3D1%20y/answer"


async def test_external_media_sends_only_given_values_and_returns_the_variables() -> None:
    asked = Asked({"id": "m", "channelvars": {"MEDIA_WEBSOCKET_CONNECTION_ID": "17"}})
    variables = await Ari(asked).external_media("m", "app", host="INCOMING", format="slin16")
    assert variables == {"MEDIA_WEBSOCKET_CONNECTION_ID": "17"}
    (request,) = asked.requests
    assert (request.method, request.path) == ("POST", "channels/externalMedia")
    assert request.query == {
        "app": "app",
        "channelId": "m",
        "external_host": "INCOMING",
        "format": "slin16",
        "encapsulation": "none",
        "transport": "websocket",
        "connection_type": "client",
    }


async def test_external_media_without_variables_returns_an_empty_mapping() -> None:
    variables = await Ari(Asked({"id": "m"})).external_media("m", "app", host="h", format="slin")
    assert variables == {}


@pytest.mark.parametrize("what", CLEARING)
async def test_deleting_a_missing_object_succeeds(what: str) -> None:
    clear = CLEARING[what]
    await clear(Ari(Asked(AriError("DELETE x", 404, "not found"))))
    with pytest.raises(AriError, match="409"):
        await clear(Ari(Asked(AriError("DELETE x", 409, "conflict"))))


async def test_a_variable_that_is_not_set_is_empty() -> None:
    assert await Ari(Asked({"value": "en"})).variable("c", "CHANNEL(language)") == "en"
    assert await Ari(Asked(AriError("GET x", 404, "not found"))).variable("c", "V") == ""
    with pytest.raises(AriError, match="409"):
        await Ari(Asked(AriError("GET x", 409, "not in Stasis"))).variable("c", "V")


async def test_the_resources_of_an_unknown_application_are_none() -> None:
    assert await Ari(
        Asked({"channel_ids": ["c"], "bridge_ids": ["b"], "endpoint_ids": []})
    ).application_resources("app") == ("c", "b")
    assert (
        await Ari(
            Asked({"channel_ids": [], "bridge_ids": [], "endpoint_ids": []})
        ).application_resources("app")
        == ()
    )
    assert (
        await Ari(Asked(AriError("GET x", 404, "not found"))).application_resources("app") is None
    )
    with pytest.raises(AriError, match="500"):
        await Ari(Asked(AriError("GET x", 500, "no memory"))).application_resources("app")


async def test_channels_bridges_version_and_modules_are_values() -> None:
    channel = {
        "id": "c",
        "name": "PJSIP/trunk-1",
        "state": "Up",
        "caller": {"name": "", "number": "5550123"},
        "dialplan": {"exten": "5550100"},
    }
    assert await Ari(Asked([channel])).channels() == (
        AriChannel("c", "PJSIP/trunk-1", "Up", "5550123", "5550100"),
    )
    bridge = {"id": "b", "name": "n", "channels": ["c"]}
    assert await Ari(Asked([bridge])).bridges() == (Bridge("b", "n", ("c",)),)
    assert await Ari(Asked({"system": {"version": "22.10.1"}})).version() == "22.10.1"
    modules = [{"name": "a.so", "status": "Running"}, {"name": "b.so", "status": "Not Running"}]
    assert await Ari(Asked(modules)).modules() == {"a.so"}


def test_the_text_of_a_request_holds_no_number() -> None:
    request = AriRequest("POST", "channels", {"endpoint": "PJSIP/5550123"})
    assert str(request) == "POST channels"


ASKED = AriRequest("POST", "channels/c/answer", {})


@pytest.mark.parametrize(
    ("status", "body", "content"),
    [(200, '{"id": "c"}', {"id": "c"}), (204, "", None), (200, " ", None), (201, "[]", [])],
)
def test_an_answer_is_parsed_as_json(status: int, body: str, content: object) -> None:
    assert parse_answer(ASKED, status, "OK", body) == content


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, '{"message": "Channel not found"}', "Channel not found"),
        (500, '{"error": "Allocation failed"}', "Allocation failed"),
        (409, "{}", "the phrase"),
        (502, "<html>", "the phrase"),
        (400, "[" * 100_000, "the phrase"),
        (302, "", "the phrase"),
        (422, '["message"]', "the phrase"),
    ],
)
def test_a_refusal_has_asterisks_message_or_else_the_phrase_of_http(
    status: int, body: str, reason: str
) -> None:
    with pytest.raises(AriError) as refusal:
        parse_answer(ASKED, status, "the phrase", body)
    assert (refusal.value.status, refusal.value.reason) == (status, reason)
    assert str(refusal.value) == f"Asterisk answered POST channels/c/answer with {status}: {reason}"


def test_a_web_page_instead_of_json_is_control_lost() -> None:
    with pytest.raises(ControlLost, match="must be JSON of Asterisk's ARI"):
        parse_answer(ASKED, 200, "OK", "<html>Welcome</html>")
