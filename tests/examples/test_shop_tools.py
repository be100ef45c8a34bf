"""Calls that use the example tools."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from callchart.engine.testing.plugin import MakeTelephone
from callchart.testing import Use
from tests.examples import shop_tools


async def test_the_model_looks_up_when_the_shop_is_open(make_telephone: MakeTelephone) -> None:
    async with make_telephone(tools=shop_tools.TOOLS) as telephone:
        telephone.agent_will_say(
            Use("opening_hours", {"day": "Saturday"}), "On Saturday {result}.|"
        )
        await telephone.until("listening")
        await telephone.caller_says("When are you open on Saturday?")
        await telephone.expect(
            states=[..., "speaking", "listening"], heard="On Saturday from nine to four."
        )


@pytest.mark.parametrize(
    ("pieces", "told", "written"),
    [
        (2, "it is set aside until tomorrow", "2 hammers for Ada\n"),
        (9, "not more than five of anything", ""),
    ],
)
async def test_what_is_set_aside_is_in_the_book(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pieces: int, told: str, written: str
) -> None:
    book = tmp_path / "set-aside.txt"
    book.touch()
    monkeypatch.setattr(shop_tools, "BOOK", trio.Path(book))
    set_aside = shop_tools.set_aside
    arguments = f'{{"article": "hammers", "name": "Ada", "pieces": {pieces}}}'
    assert await set_aside.run(set_aside.parse_arguments(arguments)) == told
    assert book.read_text("utf-8") == written
