"""The SpeechKit server as tests see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from tests.servers.certificates import Certificate
from tests.servers.process import ServerProcess, free_port
from tests.servers.scripts import Script
from tests.servers.speechkit.scripts import Hearing, Speaking


class SpeechKitServer(ServerProcess):
    """gRPC on `grpc_port` of 127.0.0.1, with TLS where it has a certificate; HTTP at `url`: the
    API v1 (`/speech/v1/tts:synthesize`), tokens for a JWT (`/iam/v1/tokens`) and those of a
    machine (`/computeMetadata/v1/instance/service-accounts/default/token`).

    `asked` names methods UtteranceSynthesis, StreamSynthesis, RecognizeStreaming, tts:synthesize,
    tokens, metadata."""

    module = "tests.servers.speechkit"

    def __init__(self, certificate: Certificate | None = None) -> None:
        super().__init__(**({"certificate": certificate.files} if certificate else {}))
        self.grpc_port = free_port()

    @property
    def ports(self) -> dict[str, int]:
        return {**super().ports, "grpc": self.grpc_port}

    async def speak(
        self,
        script: Speaking,
        *,
        over: Literal["grpc", "http"] = "grpc",
        containing: str = "",
        times: int | None = None,
    ) -> None:
        """From now on, speak texts that contain that so; after `times` no more.

        Of several scripts for a text the first one counts that is not used up."""
        await self._script(over, asdict(script), containing, times)

    async def hear(self, script: Hearing, *, model: str = "", times: int | None = None) -> None:
        """From now on, hear new sessions so, those for a recognition model whose name contains
        `model`; the first script counts that is not used up."""
        await self._script("stt", asdict(script), model, times)

    async def give_tokens(self, script: Script, *, times: int | None = None) -> None:
        """From now on, answer those who ask for a token so."""
        await self._script("iam", asdict(script), "", times)

    async def accept(self, keys: Sequence[str]) -> None:
        """From now on, only these keys, and tokens that it gives out itself."""
        await self.control("accept", keys=list(keys))

    async def let_tokens_live(self, seconds: float) -> None:
        """Those that it gives out from now on; a running call is not asked again."""
        await self.control("token_life", seconds=seconds)

    async def end_tokens(self) -> None:
        """All tokens that it gave out end now."""
        await self.control("expire")

    async def go_away(self, grace: float = 5.0) -> None:
        """Send GOAWAY on every connection, as before a restart of the service: calls under way may
        go on for `grace` seconds, and new connections are accepted immediately."""
        await self.control("goaway", grace=grace)

    async def _script(
        self, service: str, script: dict[str, object], containing: str, times: int | None
    ) -> None:
        await self.control(
            "script", service=service, script=script, containing=containing, times=times
        )
