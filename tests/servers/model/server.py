"""The model server, as tests use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tests.servers.model.scripts import Writing
from tests.servers.process import ServerProcess


class ModelServer(ServerProcess):
    """An OpenAI-compatible API at `base_url`.

    In `asked`, the method is "chat/completions" or "responses", and the text is the last message or
    the last tool's result."""

    module = "tests.servers.model"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    async def script_writing(
        self, script: Writing, *, containing: str = "", times: int | None = None
    ) -> None:
        """Script the answers to the next `times` texts that contain `containing`; None: to all.

        The first script that fits and is not used up counts."""
        await self.control("script", script=asdict(script), containing=containing, times=times)

    async def accept(self, keys: Sequence[str]) -> None:
        """Accept only these keys from now on."""
        await self.control("accept", keys=list(keys))
