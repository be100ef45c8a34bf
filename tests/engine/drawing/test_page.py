"""The HTML page of a chart: it loads nothing, and its buttons find their arrows."""

from __future__ import annotations

import json
import re
from functools import cache

from callchart.engine.drawing.files import files
from callchart.engine.drawing.model import diagram_of
from callchart.engine.drawing.palette import palette_of
from tests.engine.drawing.test_model import TINY


@cache
def html() -> str:
    return files(TINY)["chart.html"]


def test_the_page_loads_nothing() -> None:
    addresses = re.findall(r'https?://[^"\s]+', html())
    assert set(addresses) == {"http://www.w3.org/2000/svg"}
    assert " src=" not in html()
    assert "<link" not in html()


def test_every_button_has_a_line_in_the_picture_and_its_reactions() -> None:
    buttons = re.findall(r'<button data-event="([^"]+)"', html())
    lines = {
        name for found in re.findall(r'<g data-event="([^"]+)"', html()) for name in found.split()
    }
    data = re.search(r'id="data">(.*?)</script>', html(), re.DOTALL)
    assert data is not None
    listed = json.loads(data.group(1))
    assert set(buttons) == lines == set(listed)
    assert listed["SpeechStarted"] == [
        "talking [is_polite] ignored: they | may",
        "talking [else] → bye",
    ]


def test_every_colour_of_the_picture_has_a_dark_one() -> None:
    picture = files(TINY)["chart.svg"]
    used = set(re.findall(r'(?:fill|stroke)="(#\w+)"', picture))
    dark = set(re.findall(r'svg \[fill="(#\w+)"\]', html()))
    assert used <= dark
    assert palette_of(diagram_of(TINY))["talking"].line in dark
