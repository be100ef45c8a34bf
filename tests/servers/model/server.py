"""The model server as tests see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tests.servers.model.scripts import Writing
from tests.servers.process import ServerProcess


class ModelServer(ServerProcess):
    """An OpenAI-compatible API at `base_url`; `asked` names the methods chat/completions and
    responses, and a text is the last message or the last tool's result."""

    module = "tests.servers.model"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    async def write(
        self, script: Writing, *, containing: str = "", times: int | None = None
    ) -> None:
        """From now on, answer what contains that so; after `times` no more.

        Of several scripts for a request the first one counts that is not used up."""
        await self.control("script", script=asdict(script), containing=containing, times=times)

    async def accept(self, keys: Sequence[str]) -> None:
        """From now on, only these keys."""
        await self.control("accept", keys=list(keys))
