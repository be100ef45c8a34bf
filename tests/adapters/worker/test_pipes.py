"""Messages are unpacked whole from the pieces that a pipe delivers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.worker.pipes import Ready, Unable, Unpacker, packed

messages = st.lists(
    st.one_of(st.just(Ready()), st.builds(Unable, st.text(), st.text()), st.binary(max_size=400)),
    max_size=5,
)


@given(messages, st.integers(min_value=1, max_value=50))
def test_messages_are_unpacked_from_pieces_of_any_length(sent: list[object], size: int) -> None:
    stream = b"".join(packed(message) for message in sent)
    unpacker = Unpacker()
    came: list[object] = []
    for start in range(0, len(stream), size):
        came += unpacker.unpack(stream[start : start + size])
    assert came == sent


def test_a_message_is_returned_with_its_last_byte() -> None:
    unpacker = Unpacker()
    stream = packed(b"sound")
    assert unpacker.unpack(stream[:-1]) == []
    assert unpacker.unpack(stream[-1:]) == [b"sound"]
