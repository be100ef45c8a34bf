"""The SpeechKit server, as tests use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from tests.servers.certificates import Certificate
from tests.servers.process import ServerProcess, free_port
from tests.servers.scripts import Script
from tests.servers.speechkit.scripts import Hearing, Speaking


class SpeechKitServer(ServerProcess):
    """A server of gRPC on `grpc_port` of 127.0.0.1, with TLS if it has a certificate, and of HTTP.

    HTTP at `url` has the API v1 (`/speech/v1/tts:synthesize`), tokens for a JWT
    (`/iam/v1/tokens`) and tokens of a machine
    (`/computeMetadata/v1/instance/service-accounts/default/token`).

    In `asked`, the methods are UtteranceSynthesis, StreamSynthesis, RecognizeStreaming,
    tts:synthesize, tokens and metadata."""

    module = "tests.servers.speechkit"

    def __init__(self, certificate: Certificate | None = None) -> None:
        super().__init__(**({"certificate": certificate.files} if certificate else {}))
        self.grpc_port = free_port()

    @property
    def ports(self) -> dict[str, int]:
        return {**super().ports, "grpc": self.grpc_port}

    async def script_speaking(
        self,
        script: Speaking,
        *,
        over: Literal["grpc", "http"] = "grpc",
        containing: str = "",
        times: int | None = None,
    ) -> None:
        """Script the syntheses of the next `times` texts that contain `containing`; None: of all.

        The first script that fits and is not used up counts."""
        await self._script(over, asdict(script), containing, times)

    async def script_hearing(
        self, script: Hearing, *, model: str = "", times: int | None = None
    ) -> None:
        """Script the next `times` sessions whose recognition model contains `model`; None: all.

        The first script that fits and is not used up counts."""
        await self._script("stt", asdict(script), model, times)

    async def script_tokens(self, script: Script, *, times: int | None = None) -> None:
        """Script the answers to the next `times` requests for a token; None: to all."""
        await self._script("iam", asdict(script), "", times)

    async def accept(self, keys: Sequence[str]) -> None:
        """Accept only these keys from now on, and tokens that the server issued."""
        await self.control("accept", keys=list(keys))

    async def set_token_lifetime(self, seconds: float) -> None:
        """Set the lifetime of tokens that the server issues from now on."""
        await self.control("token_life", seconds=seconds)

    async def expire_tokens(self) -> None:
        """Expire all issued tokens now. Open requests go on."""
        await self.control("expire")

    async def go_away(self, grace: float = 5.0) -> None:
        """Send GOAWAY on every connection, as before a restart, and accept new ones immediately.

        Open requests may go on for `grace` seconds."""
        await self.control("goaway", grace=grace)

    async def _script(
        self, service: str, script: dict[str, object], containing: str, times: int | None
    ) -> None:
        await self.control(
            "script", service=service, script=script, containing=containing, times=times
        )
