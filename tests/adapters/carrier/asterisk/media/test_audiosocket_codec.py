"""AudioSocket's messages, encoded, and decoded from pieces of any length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callchart.adapters.carrier.asterisk.media.audiosocket_codec import (
    AudioSocketMessage,
    MessageDecoder,
    MessageKind,
)

messages = st.lists(
    st.builds(AudioSocketMessage, st.integers(0, 255), st.binary(max_size=700)), max_size=8
)


def test_a_message_is_encoded_as_kind_length_and_payload() -> None:
    assert AudioSocketMessage(MessageKind.SLIN16, b"sound").encode() == b"\x12\x00\x05sound"
    assert AudioSocketMessage(MessageKind.SLIN, bytes(640)).encode()[:3] == b"\x10\x02\x80"


@given(messages, st.lists(st.integers(1, 700), min_size=1))
def test_messages_may_arrive_in_pieces_of_any_length(
    sent: list[AudioSocketMessage], pieces: list[int]
) -> None:
    wire = b"".join(message.encode() for message in sent)
    decoder, received, at, turn = MessageDecoder(), [], 0, 0
    while at < len(wire):
        size = pieces[turn % len(pieces)]
        received += decoder.decode(wire[at : at + size])
        at, turn = at + size, turn + 1
    assert received == sent
