"""The model of a diagram, the layouts of pictures, Mermaid and the table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from xml.etree import ElementTree

import pytest

from callchart.engine.chart import Chart, State, defer, ignore, stay, to
from callchart.engine.drawing.mermaid import one, whole
from callchart.engine.drawing.model import Diagram, diagram_of
from callchart.engine.drawing.palette import GREY, palette_of
from callchart.engine.drawing.svg.block import block_of
from callchart.engine.drawing.svg.labels import summary
from callchart.engine.drawing.svg.one_state import drawn as state_drawn
from callchart.engine.drawing.svg.one_state import state_diagram_of
from callchart.engine.drawing.svg.shapes import Rect
from callchart.engine.drawing.svg.text import text_width
from callchart.engine.drawing.svg.whole_chart import ChartDiagram, drawn, laid_out
from callchart.engine.drawing.table import tables
from callchart.engine.events import CallerHungUp, LineClosed, SpeechEnded, SpeechStarted
from callchart.engine.settings import setting
from callchart.states import CHART
from callchart.states.data import PhoneData
from callchart.states.settings import PhoneSettings, settings

SVG = "{http://www.w3.org/2000/svg}"


def is_polite() -> bool:
    return True


def until_the_tea_is_ready() -> float:
    return 180.0


talking = State(
    "talking",
    "We talk | we listen <here>.",
    activity="hear",
    on={
        SpeechStarted: [ignore("they | may", when=is_polite), to("bye")],
        SpeechEnded: defer("later"),
        CallerHungUp: to("ended"),
    },
    after={"too_long": (settings.no_input, to("bye"))},
)
bye = State(
    "bye",
    on={CallerHungUp: stay(rearm="tea")},
    after={"tea": (until_the_tea_is_ready, to("ended")), "end": (2, to("ended"))},
)
TINY = Chart(
    "tiny & <small>",
    [talking, bye, State("ended", final=True)],
    events=[SpeechStarted, SpeechEnded, CallerHungUp],
    data=PhoneData,
)
GROWN = CHART.extended(
    "a call with a message",
    add={
        "call": [
            State(
                "take_message",
                "The caller leaves a message.",
                on={SpeechEnded: to("hangup"), SpeechStarted: ignore("they may")}
                | {event: ignore("not now") for event in CHART.events if event.origin == "hear"}
                | {SpeechEnded: to("hangup")},
                after={"longest_message": (60.0, to("hangup"))},
            )
        ]
    },
    after={"waiting": {"message": (20.0, to("take_message"))}},
)
CHARTS = {"default": CHART, "tiny": TINY, "grown": GROWN}


@cache
def diagram(name: str) -> Diagram:
    return diagram_of(CHARTS[name])


@cache
def layout(name: str) -> ChartDiagram:
    return laid_out(diagram(name))


@cache
def picture(name: str) -> str:
    return drawn(diagram(name), layout(name), palette_of(diagram(name)))


def texts(svg: str) -> str:
    """Return all words in a picture, in the order in which they are written."""
    root = ElementTree.fromstring(svg)
    return " ".join(" ".join("".join(text.itertext()).split()) for text in root.iter(f"{SVG}text"))


every_chart = pytest.mark.parametrize("name", CHARTS)
#: The layout of a whole call takes seconds: coverage measures the small chart only.
every_layout = pytest.mark.parametrize(
    "name",
    ["tiny", *(pytest.param(name, marks=pytest.mark.unmeasured) for name in ("default", "grown"))],
)


# --- the model ---------------------------------------------------------------------------------


@every_chart
def test_every_declared_reaction_is_in_the_diagram_once(name: str) -> None:
    chart = CHARTS[name]
    declared = {
        (edge.source, edge.trigger, id(edge.declared))
        for row in chart.table.values()
        for edges in row.values()
        for edge in edges
    }
    assert len(diagram(name).reactions) == len(declared)


def test_a_leaf_has_reactions_of_its_parents_up_to_the_first_without_a_guard() -> None:
    answers = diagram("default").in_leaf["call.turn.speaking.chunks"]

    assert [r.source for r in answers["SpeechStarted"]] == ["call.turn.speaking.chunks"] * 2
    assert [r.source for r in answers["CallerHungUp"]] == ["call"]
    assert "FillerFinished" not in answers


def test_a_delay_is_shown_by_its_setting_its_function_or_its_number() -> None:
    shown = {t.name: (t.full, t.short) for s in diagram("tiny").states.values() for t in s.timers}

    assert shown["too_long"] == ("too_long: no_input = 6 s", "too_long 6 s")
    assert shown["tea"] == ("tea: until_the_tea_is_ready()", "tea")
    assert shown["end"] == ("end = 2 s", "end 2 s")


@dataclass(frozen=True)
class PatientSettings(PhoneSettings):
    no_input: float = setting(60.0, "s", "no hurry")


@dataclass(frozen=True)
class PatientData(PhoneData):
    settings: PhoneSettings = PatientSettings()


def test_defaults_are_those_of_the_charts_own_settings() -> None:
    patient = Chart("patient", TINY.states, events=TINY.events, data=PatientData)

    assert diagram_of(patient).states["talking"].timers[0].value == "60 s"


def test_a_name_is_the_shortest_unique_end_of_the_path() -> None:
    inner = [State("a", on={LineClosed: to("end")}, after={"t": (1, to("end"))})]
    one_more = [State("a", after={"t": (1, to("end"))})]
    chart = Chart(
        "twins",
        [
            State("x", children=inner, on={LineClosed: to("y")}, after={"u": (1, to("y"))}),
            State("y", children=one_more, on={LineClosed: to("end")}),
            State("end", final=True),
        ],
        events=[LineClosed],
    )
    assert [s.name for s in diagram_of(chart).states.values()] == ["x", "x.a", "y", "y.a", "end"]


# --- the whole chart ---------------------------------------------------------------------------


@every_layout
def test_every_arrow_has_a_route_and_a_label(name: str) -> None:
    assert layout(name).complete


@every_layout
def test_every_transition_is_an_arrow_or_inside_a_block(name: str) -> None:
    blocks = layout(name).placement.blocks
    arrows = {r for reactions in layout(name).placement.arrows.values() for r in reactions}

    for r in diagram(name).transitions:
        inside = [
            block
            for block in blocks
            if diagram(name).within(r.source, block) and diagram(name).within(r.target or "", block)
        ]
        assert (r in arrows) != bool(inside), r
        assert r.trigger in texts(picture(name)), r


@every_layout
def test_every_state_activity_and_timer_is_in_the_picture(name: str) -> None:
    words = texts(picture(name))
    for state in diagram(name).states.values():
        assert state.title in words
        assert state.activity is None or state.activity in words
        assert all(timer.short in words for timer in state.timers)


@every_layout
def test_no_label_covers_a_block_another_label_or_another_arrow(name: str) -> None:
    routes = layout(name).routes
    labels = {pair: route.label for pair, route in routes.items() if route.label}

    for (_, one_label), (_, other) in combinations(labels.items(), 2):
        assert not one_label.overlaps(other)
    for pair, label in labels.items():
        for block in layout(name).placement.blocks.values():
            assert not label.overlaps(block.rect)
        for other_pair, route in routes.items():
            if other_pair != pair:
                spots = [Rect(10 * x, 10 * y, 0, 0) for x, y in route.points]
                assert not any(label.overlaps(spot) for spot in spots), (pair, other_pair)


@every_layout
def test_no_two_arrows_share_a_stretch_and_none_crosses_a_block(name: str) -> None:
    routes = layout(name).routes
    for one_route, other in combinations(routes.values(), 2):
        steps = [
            {frozenset(step) for step in zip(r.points, r.points[1:], strict=False)}
            for r in (one_route, other)
        ]
        assert not steps[0] & steps[1]
    for route in routes.values():
        for x, y in route.points[1:-1]:
            spot = Rect(10 * x, 10 * y, 0, 0)
            assert not any(b.rect.overlaps(spot) for b in layout(name).placement.blocks.values())


@every_layout
def test_blocks_stand_apart_and_within_their_frames(name: str) -> None:
    placement = layout(name).placement
    for a, b in combinations(placement.blocks.values(), 2):
        assert not a.rect.grown(10).overlaps(b.rect)
    for path, block in placement.blocks.items():
        for frame, rect in placement.frames.items():
            assert rect.holds(block.rect) == diagram(name).within(path, frame)
            assert rect.holds(block.rect) or not rect.overlaps(block.rect)


@pytest.mark.parametrize("name", ["tiny", "default"])
def test_the_picture_fits_on_a_screen(name: str) -> None:
    root = ElementTree.fromstring(picture(name))

    assert float(root.attrib["width"]) <= 1280
    assert float(root.attrib["height"]) <= 800


@every_layout
def test_no_text_is_smaller_than_eleven_px(name: str) -> None:
    root = ElementTree.fromstring(picture(name))

    assert root.attrib["font-size"] == "11"
    assert all(float(text.get("font-size", "11")) >= 11 for text in root.iter(f"{SVG}text"))


def test_a_guard_is_shown_only_where_another_reaction_leads_elsewhere() -> None:
    reactions = diagram("default").reactions
    failed = [r for r in reactions if r.trigger == "ReplyFailed" and r.kind == "to"]
    ended = [r for r in reactions if r.guard == "question_is_complete"]

    assert [(line.text, line.guard) for line in summary(failed, reactions)] == [("ReplyFailed", "")]
    assert summary(ended, reactions)[0].guard == "[question_is_complete]"


def test_children_that_are_not_neighbours_are_linked_on_their_right() -> None:
    def child(name: str, **targets: str) -> State:
        after = {timer: (1.0, to(target)) for timer, target in targets.items()}
        return State(name, after=after)

    ring = State(
        "ring",
        children=[child("a", on="b"), child("b", on="c"), child("c", back="a")],
        after={"enough": (9, to("end"))},
    )
    looped = diagram_of(Chart("ring", [ring, State("end", final=True)], events=[]))
    laid = laid_out(looped)

    (block,) = (b for b in laid.placement.blocks.values() if b.children)
    labels = {link.lines[0].text: link.label for link in block.links}
    assert set(labels) == {"on", "back"}
    assert all(labels["back"].x >= child.rect.right for child in block.children)
    assert {"on", "back", "enough"} <= set(texts(drawn(looped, laid, palette_of(looped))).split())


def test_a_chart_too_dense_for_all_labels_is_drawn_without_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("callchart.engine.drawing.svg.whole_chart.GAPS", ((10, 10),))
    names = ["one", "two", "three", "four", "five"]
    crowd = [
        State(a, after={f"from_{a}_on_to_{b}": (1, to(b)) for b in names if b != a}) for a in names
    ]
    frame = State("all", children=crowd, after={"limit": (9, to("end"))})
    dense = diagram_of(Chart("dense", [frame, State("end", final=True)], events=[]))

    laid = laid_out(dense)

    assert not laid.complete
    assert set(laid.placement.frames) == {"all"}
    assert "limit" in texts(drawn(dense, laid, palette_of(dense)))


# --- one state -----------------------------------------------------------------------------------


@every_chart
def test_every_picture_of_a_state_fits_on_a_screen(name: str) -> None:
    for path in diagram(name).states:
        width, height = state_diagram_of(diagram(name), path).size
        assert width <= 1280, path
        assert height <= 800, path


@every_chart
def test_a_leafs_picture_shows_everything_that_it_does(name: str) -> None:
    for leaf in diagram(name).leaves:
        words = texts(state_drawn(diagram(name), leaf))
        for answers in diagram(name).in_leaf[leaf].values():
            for r in answers:
                assert r.trigger in words
                assert r.guard is None or f"[{r.guard}]" in words
                assert r.kind != "to" or diagram(name).name(r.target or "") in words
                assert all(part in words for part in (*r.updates, *r.effects))


@every_chart
def test_a_states_picture_shows_its_timers_effects_and_where_it_is_entered_from(name: str) -> None:
    for path, state in diagram(name).states.items():
        words = texts(state_drawn(diagram(name), path))
        assert all(part in words for part in (*state.entry, *state.exit))
        assert all(timer.full in words for timer in state.timers)
        for r in diagram(name).transitions:
            if r.target == path:
                assert diagram(name).name(r.source) in words


def test_every_line_of_a_states_picture_fits_its_column() -> None:
    for path in diagram("default").states:
        laid = state_diagram_of(diagram("default"), path)
        _, left, middle, right, _ = laid.columns
        assert all(row.width <= left for group in laid.entered for row in group.rows)
        assert all(row.width <= middle for row in (*laid.rows, *laid.internal))
        assert all(row.width <= right for group in laid.left for row in group.rows)


# --- Mermaid and the table -------------------------------------------------------------------


@every_chart
def test_mermaid_has_every_state_and_every_transition(name: str) -> None:
    text = whole(diagram(name))

    assert text.startswith("stateDiagram-v2\n")
    for path in diagram(name).states:
        assert f" as {path.replace('.', '__')}" in text
    arrows = [line for line in text.splitlines() if "-->" in line]
    for r in diagram(name).transitions:
        ends = f"{r.source} --> {r.target}:".replace(".", "__")
        assert any(ends in line and r.trigger in line for line in arrows), r


def test_mermaid_of_one_state_has_its_inside_and_its_neighbours() -> None:
    text = one(diagram("default"), "call.turn.thinking")

    assert 'state "thinking (after reply_wait = 8 s)" as call__turn__thinking {' in text
    assert 'state "barged_in" as call__turn__barged_in' in text
    assert "hangup" not in text


@every_chart
def test_the_table_gives_every_reason_and_every_timer(name: str) -> None:
    text = tables(diagram(name))
    for r in diagram(name).reactions:
        assert r.reason.replace("|", "\\|") in text
        assert f"`{r.trigger}`" in text


@every_chart
def test_every_row_of_a_table_has_as_many_cells_as_its_head(name: str) -> None:
    for table in tables(diagram(name)).split("\n\n"):
        rows = [line.replace("\\|", "") for line in table.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1


def test_a_text_is_wider_when_it_is_longer_or_bold() -> None:
    assert text_width("hearing") < text_width("hearing", bold=True) < text_width("hearing, heard")


# --- signs for readers and scripts ---------------------------------------------------------------


def test_the_lines_of_a_pair_of_arrows_point_up_or_down() -> None:
    block = block_of(diagram("default"), "call.turn.greeting")

    assert {link.pair[0].rpartition(".")[2]: link.lines[0].way for link in block.links} == {
        "clear": "down",
        "overlapped": "up",
    }


def test_the_line_of_a_single_arrow_has_no_direction() -> None:
    block = block_of(diagram("default"), "call.turn.settling")

    assert [line.way for link in block.links for line in link.lines] == [""]


def test_inherited_reactions_of_a_leaf_are_grey_and_come_last() -> None:
    laid = state_diagram_of(diagram("default"), "call.turn.settling.pause")

    for rows in (laid.internal, *(group.rows for group in laid.left)):
        assert [row.grey for row in rows] == sorted(row.grey for row in rows)
    grey = {row.spans[0].text for row in laid.internal if row.grey}
    assert {"ToolFinished", "DigitReceived"} <= grey
    assert "SpeechEnded" not in grey
    assert all(span.fill == GREY for row in laid.internal if row.grey for span in row.spans)


@every_layout
def test_every_state_and_every_transition_is_found_by_its_data_attributes(name: str) -> None:
    root = ElementTree.fromstring(picture(name))
    states = {group.get("data-state") for group in root.iter(f"{SVG}g")} - {None}
    found = {
        reaction: group.get("data-edge")
        for group in root.iter(f"{SVG}g")
        for reaction in group.get("data-reactions", "").split()
    }

    assert states == set(diagram(name).states)
    assert found.keys() == {r.id for r in diagram(name).transitions}
    for r in diagram(name).transitions:
        source, _, target = (found[r.id] or "").partition("->")
        assert diagram(name).within(r.source, source) or diagram(name).within(source, r.source)
        assert diagram(name).within(r.target or "", target)
