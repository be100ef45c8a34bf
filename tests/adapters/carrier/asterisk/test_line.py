"""The contract of a line, with a real Asterisk and a telephone at the other end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from trio.abc import Clock

from tests.adapters.carrier.asterisk.carrier_call import calling, carrying
from tests.asterisk.server import Asterisk
from tests.contracts.line import Keypad, TelephoneLineContract

pytestmark = pytest.mark.real


class TestAsteriskLine(TelephoneLineContract):
    slack = 0.08

    @pytest.fixture
    def clock(self, asterisk: Asterisk) -> Clock | None:
        self._asterisk = asterisk
        return None

    @asynccontextmanager
    async def _telephone(self) -> AsyncIterator[Keypad]:
        async with (
            carrying(self._asterisk) as carrier,
            calling(self._asterisk, carrier) as far,
        ):
            yield far

    def telephone(self) -> AbstractAsyncContextManager[Keypad]:
        return self._telephone()
