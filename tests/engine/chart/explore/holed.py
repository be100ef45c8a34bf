"""Charts for the command line to load."""

from __future__ import annotations

from engine.chart import stay, to
from engine.world import Phone
from tests.engine.chart.explore.charts import (
    WAITING,
    Counted,
    Knock,
    chart,
    count,
    fails,
    knocked,
    state,
)

WHOLE = chart(WAITING)
ROUND = chart(
    state("tick", after={"t": (3, to("tock"))}),
    state("tock", after={"t": (3, to("tick"))}),
)
FAILING = chart(
    state(
        "counting",
        on={Knock: [stay(update=fails, when=knocked), stay(update=count)]},
        after={"out": (5, to("bye"))},
    ),
    data=Counted,
)
SLOW = chart(state("slow", after={"out": (1, to("bye")), "never": (5, to("bye", update=fails))}))

WORLDS = (Phone(ROUND), Phone(ROUND, name="with turns of none", turns=0))
