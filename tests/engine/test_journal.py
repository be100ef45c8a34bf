"""A call's journal: written line by line, readable by its owner only, and replayed."""

from __future__ import annotations

import copy
import errno
import io
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from callchart.engine.chart import Chart, Effect, Outcome, State, Step, ignore, stay, to
from callchart.engine.data import CallData, Parties, Scripts
from callchart.engine.events import Event, FinalHeard, SpeechStarted
from callchart.engine.journal import (
    JournalError,
    JournalFile,
    JournalLine,
    JournalList,
    JournalWriter,
    ReplayDiffers,
    beginning,
    head,
    line,
    read,
    replay,
)
from callchart.engine.ports import Journal
from callchart.engine.settings import SettingRefs, setting
from callchart.engine.testing import FakeLine, Telephone, Use
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.tools.tool import tool
from callchart.states import CHART
from callchart.states.data import PhoneData
from callchart.states.hearing import add_words
from callchart.states.settings import PhoneSettings
from tests.engine.chart.by_hand import OVER, Hand, Knock, Notes, leaf, no, yes

QUESTION = "Quixotic zebras under 4711 kN, forthwith"
ANSWER = "Xylophones cost nineteen crowns."


async def a_call(telephone: Telephone) -> None:
    """Make a call: a question, an answer, and a hangup of the caller."""
    telephone.agent_will_say(ANSWER, latency=0.4)
    await telephone.until("listening")
    await telephone.caller_says(QUESTION)
    await telephone.until("speaking")
    await telephone.until("listening")
    await telephone.caller_hangs_up()
    await telephone.until_the_end()


def as_written(lines: Sequence[JournalLine], path: Path) -> Path:
    """Write the journal's lines to a file, as the service does."""
    complaints: list[str] = []
    journal = JournalFile(path, complaints.append)
    for each in lines:
        journal.write(each)
    journal.close()
    assert complaints == []
    return path


def redacted(telephone: Telephone) -> JournalList:
    """Return the lines that a redacting service writes for this call."""
    journal = JournalList()
    data = beginning(telephone.chart, telephone.journal.lines[0])
    journal_writer = JournalWriter(journal, telephone.chart, data, redacted=True)
    for step in telephone.steps:
        journal_writer.write(step)
    return journal


# --- a call and its replay -----------------------------------------------------------------------


@pytest.mark.call(scripts=Scripts())
async def test_a_call_is_replayed_from_its_file(telephone: Telephone, tmp_path: Path) -> None:
    await a_call(telephone)

    start, lines = read(as_written(telephone.journal.lines, tmp_path / "call.jsonl"))

    assert list(replay(CHART, start, lines)) == telephone.steps


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "journals").glob("*.jsonl")), ids=lambda p: p.stem
)
def test_the_kept_journals_are_replayed(path: Path) -> None:
    start, lines = read(path)

    *_, last = replay(CHART, start, lines)

    assert CHART.is_final(last.after.leaf)


@dataclass(frozen=True)
class ShopSettings(PhoneSettings):
    """Settings of a bot."""

    patience: float = setting(3.0, "s", "a test's")


@dataclass(frozen=True)
class ShopData(PhoneData):
    """Data of a bot."""

    settings: PhoneSettings = field(default_factory=ShopSettings)
    orders: int = 7


async def test_a_chart_with_data_and_settings_of_its_own_is_replayed_with_them(
    make_telephone: MakeTelephone, tmp_path: Path
) -> None:
    patience = SettingRefs(ShopSettings).patience
    chart = CHART.extended(
        "shop", data=ShopData, after={"thinking": {"patience": (patience, stay())}}
    )
    async with make_telephone(chart=chart, settings={"patience": 0.25}, seed=3) as telephone:
        await a_call(telephone)

    start, lines = read(as_written(telephone.journal.lines, tmp_path / "call.jsonl"))
    *_, last = replay(chart, start, lines)

    assert ["call.turn.thinking", "patience", 250_000] in [
        timer for each in lines for timer in each.get("timers", [])
    ]
    assert last.data == telephone.steps[-1].data
    assert (last.data.orders, last.data.seed) == (7, 3)
    assert last.data.settings == ShopSettings(patience=0.25)


# --- redacted ------------------------------------------------------------------------------------


def names_a_number(event: FinalHeard) -> bool:
    return any(character.isdigit() for character in event.text)


def as_long_as_there_are_letters_e(data: CallData) -> float:
    return data.said[-1].text.count("e") / 10


def chart_that_goes_by_words() -> Chart:
    """Return a chart with a guard and a delay that read words. Redaction blanks words."""
    return CHART.extended(
        "by words",
        on={"settling.pause": {FinalHeard: stay(update=add_words, when=names_a_number)}},
        after={"thinking": {"letters": (as_long_as_there_are_letters_e, stay())}},
    )


@pytest.mark.parametrize("chart", [CHART, chart_that_goes_by_words()], ids=lambda c: c.name)
async def test_a_redacted_journal_holds_no_word_and_is_replayed(
    make_telephone: MakeTelephone, tmp_path: Path, chart: Chart
) -> None:
    async with make_telephone(chart=chart) as telephone:
        await a_call(telephone)
    assert {said.text for said in telephone.history} >= {QUESTION, ANSWER}

    path = as_written(redacted(telephone).lines, tmp_path / "call.jsonl")
    start, lines = read(path)

    written = path.read_text().lower()
    for word in re.findall(r"\w{3,}", f"{QUESTION} {ANSWER}".lower()):
        assert word not in written
    assert "xxxxxxxx xxxxxx xxxxx xxxx xx, xxxxxxxxx" in written, "the length of each word is kept"
    replayed = list(replay(chart, start, lines))
    assert [(s.after, s.outcome) for s in replayed] == [
        (s.after, s.outcome) for s in telephone.steps
    ]


async def test_a_redacted_journal_holds_no_number_and_no_key(
    make_telephone: MakeTelephone, tmp_path: Path
) -> None:
    parties = Parties("5550123", "5550199", (("CHANNEL(language)", "quenya"),))
    async with make_telephone(line=FakeLine(parties=parties)) as telephone:
        await telephone.caller_presses("7", at=1.0)
    path = as_written(redacted(telephone).lines, tmp_path / "call.jsonl")

    start, lines = read(path)

    assert not re.search(r"555|quenya|digit\":\"7", path.read_text())
    assert start["facts"]["parties"] == {
        "caller": "xxxxxxx",
        "dialled": "xxxxxxx",
        "variables": [["CHANNEL(language)", "xxxxxx"]],
        "outgoing": False,
    }
    assert len(list(replay(CHART, start, lines))) == len(lines)
    assert telephone.steps[0].data.facts.parties == parties


async def test_a_redacted_journal_holds_no_arguments_and_no_results_of_tools(
    make_telephone: MakeTelephone, tmp_path: Path
) -> None:
    def price(article: str) -> str:
        """The price of an article."""
        return f"{article}: nineteen crowns"

    tools = [tool(price, on_interruption="finish")]
    async with make_telephone(tools=tools, transfers=["4711"]) as telephone:
        use = Use("price", {"article": "xylophones"})
        telephone.agent_will_say(use, "{result}|", Use("transfer", {"target": "4711"}))
        await telephone.until("listening")
        await telephone.caller_says(QUESTION)
        await telephone.until("transferring")
    path = as_written(redacted(telephone).lines, tmp_path / "call.jsonl")

    start, lines = read(path)

    written = path.read_text()
    assert '"name":"price"' in written
    assert not re.search(r"xylophones|nineteen|4711", written)
    assert len(list(replay(CHART, start, lines))) == len(lines) == len(telephone.steps)


async def test_guards_and_delays_that_read_words_are_taken_from_the_redacted_journal(
    make_telephone: MakeTelephone,
) -> None:
    chart = chart_that_goes_by_words()
    async with make_telephone(chart=chart) as telephone:
        await a_call(telephone)
    start, *lines = json.loads(json.dumps(redacted(telephone).lines))
    asked = [guard for each in lines for guard in each.get("guards", [])]
    assert ["names_a_number", True] in asked
    assert ["call.turn.thinking", "letters", 200_000] in [
        timer for each in lines for timer in each.get("timers", [])
    ]

    # Without the recorded results, the guards read blank words and return something else.
    with pytest.raises(ReplayDiffers, match="names_a_number"):
        list(replay(chart, {**start, "redacted": False}, lines))


@dataclass(frozen=True, slots=True)
class Message(Event):
    """An event with a field of words and another field."""

    words: ClassVar[tuple[str, ...]] = ("text",)
    utterance: int
    text: str


@dataclass(frozen=True, slots=True)
class Repeat(Effect):
    """An effect that repeats the words."""

    words: ClassVar[tuple[str, ...]] = ("text",)
    text: str
    loudness: int = 2


def repeat(event: Message) -> Repeat:
    return Repeat(event.text)


def repeating_chart() -> Chart:
    return Chart(
        "a test's",
        [leaf("a", on={Message: stay(effects=repeat)}), OVER],
        events=(Message,),
        data=Notes,
    )


@pytest.mark.parametrize(
    ("redacted", "text", "repeated"),
    [(False, "Ärger, 4711!", "Ärger, 4711!"), (True, "xxxxx, xxxx!", "…")],
    ids=["whole", "blank"],
)
def test_a_redacted_line_blanks_words_only(redacted: bool, text: str, repeated: str) -> None:
    step = Hand(repeating_chart()).take(Message(3, "Ärger, 4711!"), at=1.5)

    assert line(1, step, redacted=redacted) == {
        "n": 1,
        "at": 1_500_000,
        "event": {"type": "Message", "utterance": 3, "text": text},
        "from": "a",
        "to": "a",
        "outcome": "stayed",
        "effects": [{"effect": "Repeat", "text": repeated, "loudness": 2}],
    }


# --- a small call, line by line ------------------------------------------------------------------


def tick(data: Notes) -> float:
    return data.delay


def small() -> Chart:
    """Return a chart with two states, and with two guards of one event."""
    return Chart(
        "small",
        [
            leaf("a", on={Knock: [to("b", when=no), to("b", when=yes), stay()]}),
            leaf("b", on={Knock: stay()}, after={"tick": (tick, to("a"))}),
            OVER,
        ],
        events=(Knock,),
        data=Notes,
    )


def journal_of(
    steps: Callable[[Hand], None], *, redacted: bool = False
) -> tuple[JournalLine, list[JournalLine]]:
    """Return the head and the lines of a call on the small chart, as read from a file."""
    hand = Hand(small())
    made = [hand.step]
    carry = hand.carry

    def noted(occurrence: Any) -> Step:
        made.append(carry(occurrence))
        return made[-1]

    hand.carry = noted  # type: ignore[method-assign]
    steps(hand)
    lines = [line(n, step, redacted=redacted) for n, step in enumerate(made)]
    start = head(small(), Notes(), redacted=redacted)
    read_again: tuple[JournalLine, list[JournalLine]] = (
        json.loads(json.dumps(start)),
        json.loads(json.dumps(lines)),
    )
    return read_again


def knock_and_wait(hand: Hand) -> None:
    hand.take(Knock("first"), at=2)
    hand.wait()
    hand.take(Knock("second"))


def test_a_line_has_the_event_the_states_and_the_outcome() -> None:
    _, lines = journal_of(knock_and_wait)

    assert lines[:3] == [
        {
            "n": 0,
            "at": 0,
            "event": {"type": "CallStarted"},
            "from": "",
            "to": "a",
            "outcome": "taken",
            "timers": [["a", "out", 60_000_000]],
        },
        {
            "n": 1,
            "at": 2_000_000,
            "event": {"type": "Knock", "note": "first"},
            "from": "a",
            "to": "b",
            "outcome": "taken",
            "guards": [["no", False], ["yes", True]],
            "timers": [["b", "tick", 1_000_000], ["b", "out", 60_000_000]],
        },
        {
            "n": 2,
            "at": 3_000_000,
            "event": {"type": "TimerFired", "state": "b", "timer": "tick"},
            "activation": 2,
            "from": "b",
            "to": "a",
            "outcome": "taken",
            "timers": [["a", "out", 60_000_000]],
        },
    ]


def test_an_unchanged_chart_decides_the_same() -> None:
    start, lines = journal_of(knock_and_wait)

    assert [step.after.leaf for step in replay(small(), start, lines)] == ["a", "b", "a", "b"]


def test_the_first_step_that_differs_is_named_with_its_difference() -> None:
    start, lines = journal_of(knock_and_wait)
    lines[2]["to"] = "over"
    lines[3]["outcome"] = "ignored"
    steps = replay(small(), start, lines)
    assert [next(steps).outcome, next(steps).outcome] == [Outcome.TAKEN, Outcome.TAKEN]

    with pytest.raises(
        ReplayDiffers,
        match=r"^step 2 \(TimerFired\) differs: to: recorded 'over', decided 'a'$",
    ) as differs:
        next(steps)

    assert differs.value.n == 2
    assert differs.value.recorded == lines[2]
    assert differs.value.decided == {**lines[2], "to": "a"}


def test_every_difference_of_a_step_is_reported_also_missing_keys() -> None:
    start, lines = journal_of(knock_and_wait)
    del lines[1]["guards"]
    lines[1]["effects"] = [{"effect": "Wave"}]

    with pytest.raises(
        ReplayDiffers,
        match=r"^step 1 \(Knock\) differs: effects: recorded \[\{'effect': 'Wave'\}\], decided "
        r"None; guards: recorded None, decided \[\['no', False\], \['yes', True\]\]$",
    ):
        list(replay(small(), start, lines))


def test_a_first_line_without_an_event_differs_too() -> None:
    start, lines = journal_of(knock_and_wait)
    del lines[0]["event"]

    with pytest.raises(ReplayDiffers, match=r"^step 0 \(no event\) differs: event: recorded None"):
        list(replay(small(), start, lines))


# --- journals that cannot be read ----------------------------------------------------------------

HEAD = json.dumps(head(small(), Notes())).encode()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (
            HEAD + b'\n{"n":0,"at":0,"ev',
            "{path}, line 2: is cut off, or is not a JSON object; to replay the lines before it, "
            "drop this line",
        ),
        (
            HEAD + b"\n\xff\xfe\xfd\n",
            "{path}, line 2: is cut off, or is not a JSON object; to replay the lines before it, "
            "drop this line",
        ),
        (
            HEAD + b"\n[1, 2]\n",
            "{path}, line 2: is cut off, or is not a JSON object; to replay the lines before it, "
            "drop this line",
        ),
        (
            HEAD + b'\n{"n":0,"at":0,"ev\n{"n":1}\n',
            "{path}, line 2: must be a JSON object; to replay the lines before it, drop this line "
            "and all after it",
        ),
        (
            HEAD + b"\n" + b"[" * 100_000 + b"\n{}\n[]\n",
            "{path}, line 2: must be a JSON object; to replay the lines before it, drop this line "
            "and all after it",
        ),
        (b"", "{path}, line 1: must be the head of a Callchart journal"),
        (HEAD[:40], "{path}, line 1: must be the head of a Callchart journal"),
        (
            b'Dear Sir,\n{"n": 0}\n',
            "{path}, line 1: must be the head of a Callchart journal",
        ),
        (b'{"n": 0}\n', "{path}, line 1: must be the head of a Callchart journal"),
        (
            b'{"journal": "callchart", "version": 2}\n',
            "{path}: the journal's version must be 1, got 2; replay it with the Callchart that "
            "wrote it",
        ),
        (
            b'{"journal": "callchart"}\n',
            "{path}: the journal's version must be 1, got None; replay it with the Callchart that "
            "wrote it",
        ),
    ],
    ids=[
        *("cut", "binary", "list", "cut between", "deep"),
        *("empty", "cut head", "letter", "headless", "version", "no version"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line_and_the_cure(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    path = tmp_path / "call.jsonl"
    path.write_bytes(content)

    with pytest.raises(JournalError) as refused:
        read(path)
    assert str(refused.value) == complaint.format(path=path)


def test_a_journal_that_was_cut_is_replayed_up_to_there(tmp_path: Path) -> None:
    start, lines = journal_of(knock_and_wait)
    path = tmp_path / "call.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in [start, *lines])[:-20])
    with pytest.raises(JournalError, match="line 5: is cut off"):
        read(path)

    path.write_text("".join(f"{text}\n" for text in path.read_text().splitlines()[:-1]))

    assert len(list(replay(small(), *read(path)))) == 3


def test_a_missing_file_raises_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere.jsonl")


def test_a_journal_belongs_to_one_chart() -> None:
    start, lines = journal_of(knock_and_wait)

    with pytest.raises(
        JournalError,
        match=rf"^line 1: the chart must be 'small' \({small().hash}\), got 'phone call' "
        rf"\({CHART.hash}\); name the journal's chart with --chart, or check out its version$",
    ):
        list(replay(CHART, start, lines))


def test_a_journal_is_refused_by_a_changed_chart() -> None:
    start, lines = journal_of(knock_and_wait)
    changed = small().extended("small", on={"b": {Knock: to("a")}})

    with pytest.raises(JournalError, match=r"the chart must be 'small' .* got 'small'"):
        list(replay(changed, start, lines))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"settings": {"longest_call": -1}}, "setting longest_call must be at least 1 s, got -1"),
        ({"settings": {"longest": 1}}, "unknown setting 'longest'; did you mean longest_call?"),
        ({"settings": []}, "settings must be an object, got []"),
        ({"seed": "0"}, 'seed must be an integer, got "0"'),
        ({"facts": None}, "facts must be an object, got null"),
    ],
)
def test_a_damaged_head_is_refused(damage: JournalLine, complaint: str) -> None:
    start, lines = journal_of(knock_and_wait)

    with pytest.raises(JournalError) as refused:
        list(replay(small(), {**start, **damage}, lines))
    assert str(refused.value) == f"line 1: the journal's head is damaged: {complaint}"


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"scripts": None}, "scripts must be an object, got null"),
        ({"fillers": ["So"]}, 'fillers[0] must be an object, got "So"'),
        (
            {"parties": {}},
            "parties.caller is missing; facts.parties.dialled is missing; facts.parties.variables "
            "is missing; facts.parties.outgoing is missing",
        ),
        ({"colour": 1}, "colour is unknown"),
    ],
)
def test_damaged_facts_are_refused(damage: JournalLine, complaint: str) -> None:
    start, lines = journal_of(knock_and_wait)

    with pytest.raises(JournalError) as refused:
        list(replay(small(), {**start, "facts": {**start["facts"], **damage}}, lines))
    assert str(refused.value) == f"line 1: the journal's head is damaged: facts.{complaint}"


def test_a_head_without_a_seed_is_refused() -> None:
    start, lines = journal_of(knock_and_wait)
    del start["seed"]

    with pytest.raises(JournalError, match=r"^line 1: the journal's head .*: seed is missing$"):
        list(replay(small(), start, lines))


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"event": {"type": "Sneezed"}}, "event.type must be an event of the chart, got 'Sneezed'"),
        ({"event": {"type": None}}, "event.type must be a string, got null"),
        ({"event": {"note": "no type"}}, "event.type is missing"),
        ({"event": {"type": "Knock", "colour": 1}}, "event.colour is unknown"),
        ({"event": {"type": "Knock", "note": 5}}, "event.note must be a string, got 5"),
        ({"event": "Knock"}, 'event must be an object, got "Knock"'),
        ({"event": None}, "event must be an object, got null"),
        ({"at": None}, "at must be an integer, got null"),
        ({"at": 0.5}, "at must be an integer, got 0.5"),
        ({"activation": "a"}, 'activation must be an integer or null, got "a"'),
        # Known events in a state where they cannot happen.
        ({"event": {"type": "CallStarted"}}, "CallStarted happened in b, and is not among"),
        ({"event": {"type": "TimerFired", "state": "a", "timer": "b"}}, "happened in b, and is"),
    ],
)
def test_a_step_that_cannot_be_understood_is_named(damage: JournalLine, complaint: str) -> None:
    start, lines = journal_of(knock_and_wait)
    lines[2] = {**lines[2], "activation": None, **damage}
    steps = replay(small(), start, lines)
    assert [next(steps).after.leaf, next(steps).after.leaf] == ["a", "b"]

    with pytest.raises(JournalError, match=r"^line 4: ") as refused:
        next(steps)
    assert complaint in str(refused.value)


def test_all_mistakes_of_a_line_are_reported_together() -> None:
    start, lines = journal_of(knock_and_wait)
    event = {"type": "Knock", "note": 5, "colour": 1}
    lines[1] = {**lines[1], "at": "soon", "activation": 0.5, "event": event}

    with pytest.raises(JournalError) as refused:
        list(replay(small(), start, lines))
    assert str(refused.value) == (
        'line 3: at must be an integer, got "soon"; activation must be an integer or null, got '
        "0.5; event.colour is unknown; event.note must be a string, got 5"
    )


def test_all_mistakes_of_a_head_are_reported_together() -> None:
    start, lines = journal_of(knock_and_wait)
    start |= {"seed": None, "settings": {"longest_call": -1}}
    start["facts"]["rate_hz"] = "fast"

    with pytest.raises(JournalError) as refused:
        list(replay(small(), start, lines))
    assert str(refused.value) == (
        "line 1: the journal's head is damaged: seed must be an integer, got null; facts.rate_hz "
        'must be an integer, got "fast"; setting longest_call must be at least 1 s, got -1'
    )


@pytest.mark.parametrize("missing", ["at", "event"])
def test_a_step_without_its_moment_or_its_event_is_named(missing: str) -> None:
    start, lines = journal_of(knock_and_wait)
    del lines[1][missing]

    with pytest.raises(JournalError, match=rf"^line 3: {missing} is missing$"):
        list(replay(small(), start, lines))


#: Damaged values for every place in a line; `...` removes the value.
WRONG: Sequence[Any] = (
    *([], [None], {}, None, True, -1, 1.5, math.nan, math.inf, 1e308, 10**400, "", "\ud83d"),
    ...,
)
#: The values that are wrong in every place.
NEVER_RIGHT = WRONG[:3]


def places(plain: Any, *before: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of keys to each value in a line."""
    inside = plain.items() if isinstance(plain, dict) else enumerate(plain)
    for key, value in inside:
        yield (*before, key)
        if isinstance(value, dict | list):
            yield from places(value, *before, key)


def damaged(whole: JournalLine, way: Sequence[Any], wrong: Any) -> JournalLine:
    made: JournalLine = copy.deepcopy(whole)
    place: Any = made
    for key in way[:-1]:
        place = place[key]
    if wrong is ...:
        del place[way[-1]]
    else:
        place[way[-1]] = wrong
    return made


def one_line_of_each_event() -> Iterator[tuple[Path, int]]:
    """Yield a file and a line in it for each event, and for each kind of head."""
    seen = set()
    for path in sorted((Path(__file__).parents[1] / "journals").glob("*.jsonl")):
        start, lines = read(path)
        for place, each in enumerate([start, *lines]):
            kind = (start["redacted"], each.get("event", {}).get("type"))
            if kind not in seen:
                seen.add(kind)
                yield path, place


def is_reported(lines: Sequence[JournalLine], place: int) -> bool:
    """Return True if a replay reports that line, and False if every step replays as recorded."""
    try:
        assert len(list(replay(CHART, lines[0], list(lines[1:])))) == len(lines) - 1
    except JournalError as refusal:
        if not str(refusal).startswith(f"line {place + 1}: "):
            raise
    except ReplayDiffers:
        pass
    else:
        return False
    return True


@pytest.mark.parametrize(
    ("path", "place"),
    [*one_line_of_each_event()],
    ids=lambda value: value.stem if isinstance(value, Path) else str(value),
)
def test_damage_in_a_line_is_reported_with_its_line_or_changes_nothing(
    path: Path, place: int
) -> None:
    start, lines = read(path)
    whole = [start, *lines[: max(place, 3)]]
    for way in places(whole[place]):
        for wrong in WRONG:
            there = damaged(whole[place], way, wrong)
            reported = is_reported([*whole[:place], there, *whole[place + 1 :]], place)
            # Many values of the head do not affect the first steps.
            if place > 0 and wrong in NEVER_RIGHT and there != whole[place]:
                assert reported, (way, wrong)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ({"guards": []}, "line 3: the result of the guard no is missing"),
        ({"guards": [["no", False]]}, "line 3: the result of the guard yes is missing"),
        ({"guards": [["yes", True]]}, "line 3: the result of the guard no is missing"),
        (
            {"timers": [["b", "out", 60_000_000]]},
            "line 3: the delay of the timer tick of b is missing",
        ),
        ({"guards": [5]}, "line 3: guards[0] must be a list of 2, got 5"),
        ({"timers": [["b", "tick"]]}, 'line 3: timers[0] must be a list of 3, got ["b", "tick"]'),
        ({"timers": 5}, "line 3: timers must be a list, got 5"),
    ],
)
def test_a_redacted_journal_without_its_results_of_guards_and_delays_is_refused(
    damage: JournalLine, complaint: str
) -> None:
    start, lines = journal_of(knock_and_wait, redacted=True)
    assert len(list(replay(small(), start, lines))) == 4
    lines[1] = {**lines[1], **damage}

    with pytest.raises(JournalError) as refused:
        list(replay(small(), start, lines))
    assert str(refused.value).startswith(complaint)


def test_late_events_of_a_redacted_journal_are_replayed_as_late() -> None:
    def late(data: CallData, event: Event) -> bool:
        return isinstance(event, Message) and event.text == "too late"

    chart = Chart(
        "a test's",
        [State("a", on={Message: stay()}, after={"out": (60, to("over"))}), OVER],
        events=(Message,),
        data=Notes,
        late=late,
    )
    hand = Hand(chart)
    steps = [hand.step, hand.take(Message(1, "in time")), hand.take(Message(2, "too late"))]
    lines = [line(n, step, redacted=True) for n, step in enumerate(steps)]

    replayed = replay(chart, *json.loads(json.dumps([head(chart, Notes(), redacted=True), lines])))

    assert [step.outcome.value for step in replayed] == ["taken", "stayed", "late"]


# --- the file ------------------------------------------------------------------------------------


def test_a_journal_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    was_there = tmp_path / "call.jsonl"
    was_there.write_text("of another call, for everybody to read")
    was_there.chmod(0o644)

    path = as_written([{"journal": "callchart"}], was_there)

    assert path.stat().st_mode & 0o777 == 0o600


def test_each_line_is_in_the_file_as_soon_as_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    journal = JournalFile(path, pytest.fail)

    journal.write({"n": 0, "event": {"text": "Ärger"}})

    assert path.read_text(encoding="utf-8") == '{"n":0,"event":{"text":"Ärger"}}\n'
    journal.close()


def test_half_a_surrogate_pair_in_the_callers_words_is_kept(tmp_path: Path) -> None:
    text = json.loads(r'"smile \ud83d"')  # a recogniser that cuts its text in two may return this
    hand = Hand(repeating_chart())
    lines = [line(0, hand.step), line(1, hand.take(Message(1, text)))]

    path = as_written([head(repeating_chart(), Notes()), *lines], tmp_path / "call.jsonl")

    assert [step.event for step in replay(repeating_chart(), *read(path))][1:] == [Message(1, text)]


def test_a_journal_that_cannot_be_created_raises_the_systems_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        JournalFile(tmp_path / "nowhere" / "call.jsonl", pytest.fail)


@pytest.mark.parametrize("times", [1, 2])
def test_closing_a_journal_twice_changes_nothing(tmp_path: Path, times: int) -> None:
    journals: list[Journal] = [JournalFile(tmp_path / "call.jsonl", pytest.fail), JournalList()]
    for journal in journals:
        journal.write({"n": 0})
        for _ in range(times):
            journal.close()

    assert read_lines(tmp_path / "call.jsonl") == [{"n": 0}]


def read_lines(path: Path) -> list[Any]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_a_full_disk_is_reported_once_and_the_call_goes_on() -> None:
    complaints: list[str] = []
    journal = JournalFile(Path("/dev/full"), complaints.append)
    hand = Hand(small())
    journal_writer = JournalWriter(journal, small(), Notes())

    for step in [hand.step, hand.take(Knock()), hand.wait()]:
        journal_writer.write(step)
    journal.close()
    journal.close()

    assert complaints == [
        "journal /dev/full: No space left on device; the call goes on without a journal"
    ]


class LosesItsEnd(io.StringIO):
    """A file whose close fails, because the system could not write it."""

    def close(self) -> None:
        if not self.closed:
            super().close()
            raise OSError(errno.EIO, "Input/output error")


def test_a_failed_close_is_reported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(descriptor: int, *args: Any, **kwargs: Any) -> LosesItsEnd:
        os.close(descriptor)
        return LosesItsEnd()

    monkeypatch.setattr(os, "fdopen", opened)
    complaints: list[str] = []
    journal = JournalFile(tmp_path / "call.jsonl", complaints.append)
    journal.write({"n": 0})

    journal.close()
    journal.close()

    assert complaints == [
        f"journal {tmp_path}/call.jsonl: Input/output error; its last lines are missing"
    ]


def test_an_event_of_an_activity_is_written_with_its_stay() -> None:
    chart = Chart(
        "a test's",
        [leaf("a", activity="hear", on={SpeechStarted: stay()}), OVER],
        events=(SpeechStarted,),
        data=Notes,
    )

    step = Hand(chart).take(SpeechStarted(1), of="a")

    assert line(1, step)["activation"] == 1


def test_a_truthy_result_of_a_guard_is_written_as_true() -> None:
    """A guard may return a regular expression's match; its line in the journal has a boolean."""

    def has_a_vowel() -> Any:
        return re.search("[aeiou]", "knock")

    one = leaf("one", on={Knock: [to("over", when=has_a_vowel), ignore("")]})
    hand = Hand(Chart("a test's", [one, OVER], events=(Knock,), data=Notes))
    assert json.loads(json.dumps(line(1, hand.take(Knock()))))["guards"] == [["has_a_vowel", True]]
