"""The HTTP API: synthesis (v1), and IAM tokens for a JWT or from the metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from urllib.parse import parse_qs

from tests.servers.answering import answering
from tests.servers.exchanges import Asked, Exchange, Exchanges, Rules, fingerprint
from tests.servers.http import Conversation, Route
from tests.servers.keys import Keys
from tests.servers.scripts import Broken, Script, paced
from tests.servers.speechkit.scripts import Speaking
from tests.servers.speechkit.synthesis import garbage
from tests.servers.tones import speak

RATES_HZ = ("8000", "16000", "48000")

SYNTHESIZE = "/speech/v1/tts:synthesize"
TOKENS = "/iam/v1/tokens"
METADATA = "/computeMetadata/v1/instance/service-accounts/default/token"


class Rest:
    """The routes for `http.serve`."""

    def __init__(
        self, exchanges: Exchanges, speaking: Rules[Speaking], iam: Rules[Script], keys: Keys
    ) -> None:
        self._exchanges, self._speaking, self._iam = exchanges, speaking, iam
        self._keys = keys

    @property
    def routes(self) -> Mapping[tuple[str, str], Route]:
        return {
            ("POST", SYNTHESIZE): self._synthesize,
            ("POST", TOKENS): self._token,
            ("GET", METADATA): self._token_of_this_machine,
        }

    def _synthesize(self, conversation: Conversation) -> None:
        form = {name: values[0] for name, values in parse_qs(conversation.body.decode()).items()}
        text = form.get("text", "")
        exchange = self._begin("tts:synthesize", text, form, conversation)
        if reason := self._keys.refuse(conversation.headers.get("authorization") or ""):
            _refuse(exchange, conversation, 401, reason)
            return
        rate = form.get("sampleRateHertz", "48000")
        if form.get("format") != "lpcm" or rate not in RATES_HZ or not text:
            _refuse(exchange, conversation, 400, "this server speaks lpcm at 8, 16 and 48 kHz")
            return
        script, rate_hz = self._speaking.take(text), int(rate)
        pcm, size = speak(text, rate_hz).pcm, round(script.piece * rate_hz) * 2
        pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
        with answering(exchange, conversation, script):
            try:
                for piece in paced(script, pieces, conversation.wait_until):
                    exchange.record_piece()
                    _part(conversation, piece)
            except Broken as broken:
                if broken.then not in ("garbage", "end"):
                    raise
                if broken.then == "garbage":
                    _part(conversation, garbage(rate_hz))
            _part(conversation, b"")

    def _token(self, conversation: Conversation) -> None:
        if issued := self._issue("tokens", conversation):
            token, _, ends = issued
            conversation.send(HTTPStatus.OK, {"iamToken": token, "expiresAt": ends.isoformat()})

    def _token_of_this_machine(self, conversation: Conversation) -> None:
        if conversation.headers.get("metadata-flavor") != "Google":
            conversation.send(HTTPStatus.FORBIDDEN, {"error": "Metadata-Flavor is missing"})
        elif issued := self._issue("metadata", conversation):
            token, seconds, _ = issued
            content = {"access_token": token, "expires_in": int(seconds), "token_type": "Bearer"}
            conversation.send(HTTPStatus.OK, content)

    def _issue(self, method: str, conversation: Conversation) -> tuple[str, float, datetime] | None:
        """Return a new token, or None if the script has sent another answer."""
        exchange = self._begin(method, "", {}, conversation)
        script = self._iam.take()
        with answering(exchange, conversation, script):
            for _ in paced(script, [b""], conversation.wait_until):
                return self._keys.token()
        return None

    def _begin(
        self, method: str, text: str, request: dict[str, str], conversation: Conversation
    ) -> Exchange:
        key = fingerprint(conversation.key)
        return self._exchanges.begin(Asked(method, text, key, conversation.peer, dict(request)))


def _part(conversation: Conversation, pcm: bytes) -> None:
    """Send sound; b"" ends the answer."""
    if not conversation.begun:
        conversation.begin("application/octet-stream")
    if pcm:
        conversation.part(pcm)
    else:
        conversation.end()


def _refuse(exchange: Exchange, conversation: Conversation, status: int, message: str) -> None:
    exchange.end(str(status))
    conversation.send(status, {"error_code": HTTPStatus(status).name, "error_message": message})
