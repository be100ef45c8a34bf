"""The model uses tools: the sound while they work, and the use of their results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest
import trio

from callchart.engine.data import Said, ToolUsed
from callchart.engine.events import ToolFinished, ToolUnderWay
from callchart.engine.ports import Tools
from callchart.engine.testing import FakeModel, Telephone, Use
from callchart.engine.testing.plugin import MakeTelephone
from callchart.engine.testing.questions import entered, longest_silence, times
from callchart.engine.tools.tool import Tool, ToolError, tool
from callchart.states.tools import UNDER_WAY

WAITING = "One moment, please."
APOLOGY = "I am sorry, something went wrong. Please say that again."


class Shop:
    """The tools of a shop. Each takes `latency` seconds, and notes its start and its end."""

    def __init__(self, latency: float = 0.5) -> None:
        self.latency = latency
        self.begun: list[str] = []
        self.booked: list[str] = []

    async def opening_hours(self, day: Literal["Saturday", "Sunday"]) -> str:
        """When the shop is open."""
        self.begun.append(day)
        await trio.sleep(self.latency)
        return "from nine to four" if day == "Saturday" else "not at all"

    async def book(self, name: str, pieces: int = 1) -> str:
        """Set something aside for the caller."""
        self.begun.append(name)
        await trio.sleep(self.latency)
        self.booked.append(f"{pieces} for {name}")
        return "booked"

    async def price(self, article: str) -> float:
        """The price of an article."""
        self.begun.append(article)
        if article == "nails":
            raise ToolError("nails are sold out")
        raise LookupError(f"no {article} in the secret database")

    @property
    def tools(self) -> list[Tool]:
        book = tool(self.book, on_interruption="finish", seconds=4.0)
        return [tool(self.opening_hours), book, tool(self.price)]


SATURDAY = Use("opening_hours", {"day": "Saturday"})
BOOK = Use("book", {"name": "Ada"})


#: When the turn of `ask` has ended and the answer begins (s).
ASKED = 4.42


async def ask(telephone: Telephone, question: str = "Are you open on Saturday?") -> None:
    """Ask a question, from second 3 to second 4."""
    await telephone.caller_says(question, at=3.0, until=4.0)


async def test_the_answer_contains_the_result_of_the_tool(make_telephone: MakeTelephone) -> None:
    async with make_telephone(tools=Shop().tools) as telephone:
        telephone.agent_will_say("I will look.|", SATURDAY, "We are open {result}.|")
        await ask(telephone)
        await telephone.expect(
            states=[..., "thinking", "speaking", "listening"],
            heard="I will look. We are open from nine to four.",
        )
        used = ToolUsed("opening_hours", '{"day": "Saturday"}', "from nine to four", 1)
        assert telephone.tools_used == (used,)
        await telephone.caller_says("Thank you")
        await telephone.until("speaking")
        assert telephone.model.asked[1].history[1:] == (
            Said("caller", "Are you open on Saturday?"),
            used,
            Said("agent", "I will look. We are open from nine to four.", 2),
            Said("caller", "Thank you"),
        )


async def test_words_before_a_tool_are_spoken_while_it_works(make_telephone: MakeTelephone) -> None:
    async with make_telephone(tools=Shop(latency=1.0).tools) as telephone:
        telephone.agent_will_say("Let me look that up for you", SATURDAY, " {result}.|")
        await ask(telephone)
        await telephone.until("speaking")
        (begun,) = entered(telephone.steps, "speaking")
        assert begun == pytest.approx(ASKED)
        await telephone.until("listening")
        assert telephone.heard[-1].text == "Let me look that up for you from nine to four."


@pytest.mark.parametrize(
    ("use", "result"),
    [
        (Use("price", {"article": "nails"}), "nails are sold out"),
        (Use("price", {"article": "glue"}), "price failed."),
        (Use("weather"), "There is no tool weather."),
        (
            Use("opening_hours", {"day": "Friday"}),
            "These arguments do not fit. day: Input should be 'Saturday' or 'Sunday'.",
        ),
        (Use("opening_hours"), "These arguments do not fit. day: Field required."),
    ],
    ids=["its own refusal", "raises", "unknown", "a wrong argument", "a missing argument"],
)
async def test_the_model_gets_the_error_of_a_tool_and_goes_on(
    make_telephone: MakeTelephone, use: Use, result: str
) -> None:
    async with make_telephone(tools=Shop().tools) as telephone:
        telephone.agent_will_say(use, "I cannot say.|")
        await ask(telephone)
        await telephone.expect(
            states=[..., "thinking", "speaking", "listening"], heard="I cannot say."
        )
        assert telephone.model.asked[0].results == [result]


async def test_a_tool_that_did_not_run_is_not_in_the_history(make_telephone: MakeTelephone) -> None:
    shop = Shop()
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say(Use("weather"), Use("opening_hours"), "I cannot say.|")
        await ask(telephone)
        await telephone.expect(states=[..., "thinking", "speaking", "listening"])
        assert (telephone.tools_used, shop.begun) == ((), [])


async def test_a_tool_that_hangs_is_given_up_and_its_silence_is_bridged(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone(tools=Shop(latency=1e6).tools) as telephone:
        telephone.agent_will_say(SATURDAY, "I cannot find it.|")
        await ask(telephone)
        await telephone.expect(states=[..., "thinking", "speaking", "listening"])
        late = "opening_hours took longer than 5 s and was cancelled."
        assert telephone.model.asked[0].results == [late]
        assert times(telephone.steps, ToolFinished) == [pytest.approx(ASKED + 5.0)]
        assert telephone.heard[-1].text == f"{WAITING} {WAITING} I cannot find it."
        assert longest_silence(telephone.recording, since=ASKED, until=telephone.now) < 2.1


async def test_silence_after_words_is_bridged(make_telephone: MakeTelephone) -> None:
    async with make_telephone(tools=Shop(latency=4.5).tools) as telephone:
        telephone.agent_will_say("I will look.|", SATURDAY, "{result}.|")
        await ask(telephone)
        await telephone.expect(
            states=[..., "thinking", "speaking", "listening"],
            heard=f"I will look. {WAITING} from nine to four.",
        )
        assert longest_silence(telephone.recording, since=ASKED, until=telephone.now) < 2.1


async def test_the_agent_apologises_for_an_answer_without_words_of_its_own(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone(tools=Shop(latency=3.0).tools) as telephone:
        telephone.agent_will_say(SATURDAY)
        await ask(telephone)
        await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard=APOLOGY)
        assert telephone.heard[-2].text == WAITING


async def test_a_model_that_hangs_after_a_tool_is_given_up(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone(tools=Shop().tools) as telephone:
        telephone.agent_will_say(SATURDAY, hangs=True)
        await ask(telephone)
        await telephone.until("speaking")
        await telephone.until("listening", within=30)
        assert telephone.heard[-1].text == APOLOGY
        assert longest_silence(telephone.recording, since=ASKED, until=telephone.now) < 3.1


async def test_a_cancelled_tool_does_not_enter_the_history(
    make_telephone: MakeTelephone,
) -> None:
    shop = Shop(latency=4.0)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say("I will look.|", SATURDAY, "{result}.|")
        await ask(telephone)
        await telephone.caller_says("Never mind", at=5.9, until=6.5)
        await telephone.until("speaking")
        await telephone.until("listening")
        assert shop.begun == ["Saturday"]
        assert telephone.tools_used == ()
        assert telephone.model.asked[1].history[-2:] == (
            Said("agent", "I will look.", 2, interrupted=True),
            Said("caller", "Never mind"),
        )
        assert telephone.heard[-1].text == "You said: Never mind."


async def test_a_false_alarm_does_not_end_a_tool(make_telephone: MakeTelephone) -> None:
    shop = Shop(latency=3.0)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say("I will look.|", SATURDAY, "{result}.|")
        await ask(telephone)
        await telephone.caller_makes_noise(at=5.9)
        await telephone.until("listening")
        assert shop.begun == ["Saturday"]
        assert [said.text for said in telephone.history[-2:]] == [
            "I will look.",
            "from nine to four.",
        ]


async def test_a_tool_that_must_finish_runs_once_and_the_next_answers_know_it(
    make_telephone: MakeTelephone,
) -> None:
    shop = Shop(latency=3.5)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say("I will book it.|", BOOK, "It is {result}.|")
        await ask(telephone, "Can you put one aside for Ada?")
        await telephone.caller_says("What does it cost?", at=5.9, until=6.5)
        await telephone.until("speaking")
        assert shop.booked == []
        used = ToolUsed("book", '{"name": "Ada"}', UNDER_WAY, 1)
        assert telephone.model.asked[1].history[2:] == (
            used,
            Said("agent", "I will book it.", 2, interrupted=True),
            Said("caller", "What does it cost?"),
        )
        await telephone.until("listening")
        await telephone.caller_says("And is it booked?", at=9.5, until=10.0)
        await telephone.until("speaking")
        assert shop.booked == ["1 for Ada"]
        assert telephone.model.asked[2].history[2] == ToolUsed(
            "book", '{"name": "Ada"}', "booked", 1
        )


async def test_a_running_tool_is_not_begun_again(make_telephone: MakeTelephone) -> None:
    shop = Shop(latency=3.8)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say(BOOK, "It is {result}.|")
        await ask(telephone, "Can you put one aside for Ada?")
        telephone.agent_will_say(Use("book", '{"pieces": 1, "name": "Ada"}'), "Yes, {result}.|")
        telephone.agent_will_say(BOOK, "Twice {result}.|")
        await telephone.caller_says("Please do", at=5.0, until=5.5)
        await telephone.expect(
            states=[..., "thinking", "speaking", "listening"], heard=f"{WAITING} Yes, booked."
        )
        assert shop.begun == ["Ada"]
        await telephone.caller_says("Once more")
        await telephone.until("speaking")
        await telephone.until("listening")
        assert shop.booked == ["1 for Ada", "1 for Ada"]
        assert [used.use for used in telephone.tools_used] == [1, 2]


async def test_a_hangup_does_not_cancel_a_tool_that_must_finish(
    make_telephone: MakeTelephone,
) -> None:
    shop = Shop(latency=3.0)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say("I will book it.|", BOOK, "It is {result}.|")
        await ask(telephone, "Can you put one aside for Ada?")
        await telephone.caller_hangs_up(at=6.0)
        await telephone.expect(states=[..., "speaking", "hangup", "ended"])
        assert shop.booked == ["1 for Ada"]
        assert telephone.tools_used == (ToolUsed("book", '{"name": "Ada"}', "booked", 1),)
        assert telephone.now == pytest.approx(ASKED + 3.0)


@pytest.mark.parametrize("later", range(8))
async def test_a_tool_that_begins_as_the_line_closes_finishes_or_does_not_begin(
    make_telephone: MakeTelephone, later: int
) -> None:
    class Model(FakeModel):
        async def write(
            self, history: Sequence[Said | ToolUsed], tools: Tools, out: Callable[[str], None]
        ) -> None:
            await trio.sleep(2.0)
            for _ in range(later):
                await trio.lowlevel.checkpoint()
            await tools.use(BOOK.name, BOOK.written)

    shop = Shop()
    async with make_telephone(tools=shop.tools, model=Model()) as telephone:
        await ask(telephone, "Can you put one aside for Ada?")
        await telephone.caller_hangs_up(at=ASKED + 2.0)
        await telephone.until_the_end()
        assert len(shop.begun) == len(shop.booked) == len(telephone.tools_used)
        assert {used.result for used in telephone.tools_used} <= {"booked"}


async def test_the_end_of_a_call_waits_for_a_tool_no_longer_than_its_time_limit(
    make_telephone: MakeTelephone,
) -> None:
    async with make_telephone(tools=Shop(latency=1e6).tools) as telephone:
        telephone.agent_will_say(BOOK)
        await ask(telephone, "Can you put one aside for Ada?")
        await telephone.caller_hangs_up(at=5.0)
        await telephone.until_the_end()
        assert telephone.now == pytest.approx(ASKED + 4.0)
        assert telephone.tools_used[0].result == "book took longer than 4 s and was cancelled."


async def test_a_hangup_cancels_a_tool_that_may_be_cancelled(make_telephone: MakeTelephone) -> None:
    async with make_telephone(tools=Shop(latency=3.0).tools) as telephone:
        telephone.agent_will_say(SATURDAY)
        await ask(telephone)
        await telephone.caller_hangs_up(at=5.0)
        await telephone.until_the_end()
        assert telephone.tools_used == ()
        assert telephone.now == pytest.approx(5.0)


async def test_the_end_of_a_call_waits_for_every_tool_that_must_finish(
    make_telephone: MakeTelephone,
) -> None:
    shop = Shop(latency=3.5)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say(BOOK)
        await ask(telephone, "Can you put one aside for Ada?")
        telephone.agent_will_say(Use("book", {"name": "Bob"}))
        await telephone.caller_says("And for Bob", at=5.0, until=5.5)
        await telephone.caller_hangs_up(at=7.0)
        await telephone.until_the_end()
        assert shop.booked == ["1 for Ada", "1 for Bob"]
        assert times(telephone.steps, ToolUnderWay) == pytest.approx([ASKED, ASKED + 1.8])


async def test_the_model_says_goodbye_and_hangs_up(telephone: Telephone) -> None:
    telephone.agent_will_say("Goodbye!|", Use("hang_up"), "Are you there?|")
    await ask(telephone, "That was all")
    await telephone.until_the_end()
    assert telephone.heard[-1].text == "Goodbye!"
    assert [spec.name for spec in telephone.model.asked[0].tools] == ["hang_up"]


TRANSFER = Use("transfer", {"target": "100"})


@pytest.mark.call(transfers=["100", "2XX"])
async def test_the_model_transfers_the_caller_after_its_words_were_heard(
    telephone: Telephone,
) -> None:
    telephone.line.transfers = {"100"}
    telephone.agent_will_say("I will connect you.|", TRANSFER)
    await ask(telephone, "Give me a person")
    await telephone.expect(
        states=[..., "thinking", "speaking", "transferring", "hangup", "ended"],
        heard="I will connect you.",
    )
    assert telephone.line.transferred == "100"
    hang_up, transfer = telephone.model.asked[0].tools
    assert (hang_up.name, transfer.name) == ("hang_up", "transfer")
    assert "100, 2XX" in str(transfer.parameters)


@pytest.mark.call(transfers=["100"])
async def test_the_model_transfers_the_caller_without_a_word(telephone: Telephone) -> None:
    telephone.line.transfers = {"100"}
    telephone.agent_will_say(TRANSFER)
    await ask(telephone, "Give me a person")
    await telephone.expect(
        states=[..., "thinking", "speaking", "transferring", "hangup", "ended"], heard=WAITING
    )
    assert telephone.line.transferred == "100"


@pytest.mark.call(transfers=["100"])
async def test_the_caller_and_the_model_learn_that_a_transfer_failed(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say("I will connect you.|", TRANSFER)
    await ask(telephone, "Give me a person")
    await telephone.expect(
        states=[..., "thinking", "speaking", "transferring", "speaking", "listening"],
        heard=APOLOGY,
    )
    await telephone.caller_says("Give me a person")
    await telephone.until("speaking")
    (used,) = telephone.tools_used
    assert used in telephone.model.asked[1].history
    assert (used.name, used.arguments) == ("transfer", '{"target": "100"}')
    assert used.result.startswith("Failed: ")


@pytest.mark.call(transfers=["100"])
async def test_a_caller_who_says_no_is_not_transferred(telephone: Telephone) -> None:
    telephone.line.transfers = {"100"}
    telephone.agent_will_say("I will connect you with one of my colleagues.|", TRANSFER)
    await ask(telephone, "Give me a person")
    await telephone.caller_says("No, wait", at=6.0, until=6.6)
    await telephone.expect(
        states=[..., "speaking", "barged_in", "listening", "settling", "thinking", "speaking"],
    )
    await telephone.until("listening")
    assert telephone.line.transferred is None


@pytest.mark.call(transfers=["100"])
@pytest.mark.parametrize("arguments", ["", "{}", '{"target": 100}', '{"target": " "}'])
async def test_a_transfer_needs_a_target(telephone: Telephone, arguments: str) -> None:
    telephone.agent_will_say(Use("transfer", arguments), "I do not know whom to ask.|")
    await ask(telephone, "Give me a person")
    await telephone.expect(
        states=[..., "thinking", "speaking", "listening"], heard="I do not know whom to ask."
    )


async def test_a_call_without_transfer_targets_has_no_transfer_tool(
    telephone: Telephone,
) -> None:
    telephone.agent_will_say(TRANSFER, "I cannot.|")
    await ask(telephone, "Give me a person")
    await telephone.expect(states=[..., "thinking", "speaking", "listening"], heard="I cannot.")
    assert telephone.model.asked[0].results == ["There is no tool transfer."]


async def test_a_stopping_service_ends_the_answer_and_finishes_its_tool(
    make_telephone: MakeTelephone,
) -> None:
    shop = Shop(latency=3.9)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say(BOOK)
        await ask(telephone, "Can you put one aside for Ada?")
        await telephone.operator_hangs_up(at=5.0)
        await telephone.until_the_end()
        assert telephone.heard[-1].text == telephone.scripts.farewell
        assert shop.booked == ["1 for Ada"]
        assert telephone.now == pytest.approx(ASKED + 3.9)


#: Seconds after the answer begins: before its first words, within them, in the silence after them,
#: as the tool ends, after all words.
MOMENTS = (0.0, 0.02, 0.3, 0.7, 1.5, 2.5, 2.9, 3.0, 3.02, 3.3, 4.5)


@pytest.mark.unmeasured
@pytest.mark.parametrize("later", MOMENTS)
@pytest.mark.parametrize("then", ["speaks", "coughs", "hangs up", "is hung up on"])
async def test_a_tool_that_must_finish_runs_once_and_is_recorded_in_every_case(
    make_telephone: MakeTelephone, then: str, later: float
) -> None:
    shop = Shop(latency=3.0)
    async with make_telephone(tools=shop.tools) as telephone:
        telephone.agent_will_say("I will book it.|", BOOK, "It is {result}.|", latency=0.01)
        await ask(telephone, "Can you put one aside for Ada?")
        moment = ASKED + 0.01 + later
        match then:
            case "speaks":
                await telephone.caller_says("And a hammer", at=moment)
            case "coughs":
                await telephone.caller_makes_noise(at=moment)
            case "hangs up":
                await telephone.caller_hangs_up(at=moment)
            case _:
                await telephone.operator_hangs_up(at=moment)
        await telephone.until(11.0)
    # The telephone checked the invariants of every call when it was closed.
    times_done = len(shop.booked)
    assert times_done == 1 or (times_done == 0 and later == 0.0)
    assert shop.begun == ["Ada"] * times_done
    assert [used.result for used in telephone.tools_used] == ["booked"] * times_done
