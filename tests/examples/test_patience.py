"""An example of docs/testing.md: other settings."""

from collections.abc import Callable

import pytest

from callchart import Scripts
from callchart.testing import Telephone


@pytest.mark.call(settings={"no_input": 2.0}, scripts=Scripts(reprompt="Hello?", fillers=()))
async def test_a_shorter_patience(telephone: Telephone) -> None:
    await telephone.expect(
        states=["greeting", "listening", "speaking", "listening"], heard="Hello?"
    )
    assert telephone.now < 5.5


async def test_two_calls_side_by_side(make_telephone: Callable[..., Telephone]) -> None:
    async with make_telephone() as one, make_telephone(settings={"no_input": 2.0}) as other:
        await one.until("listening")
        await other.until("listening")
