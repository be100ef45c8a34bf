"""Our messages and the official ones read each other's bytes."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import betterproto2
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from callchart.proto.messages.message_pool import default_message_pool
from callchart.proto.messages.speechkit.stt import v3 as stt
from callchart.proto.messages.speechkit.tts import v3 as tts
from tests.proto.speechkit import described, official_class

#: The requests and responses of the three methods. All other messages are parts of these.
WHOLE = [
    ("tts", tts.UtteranceSynthesisRequest),
    ("tts", tts.UtteranceSynthesisResponse),
    ("tts", tts.StreamSynthesisRequest),
    ("tts", tts.StreamSynthesisResponse),
    ("stt", stt.StreamingRequest),
    ("stt", stt.StreamingResponse),
]

#: Few examples are enough: each has many messages, and each message many fields.
FEW = settings(max_examples=25)

Values = dict[str, Any]

SCALARS: dict[int, st.SearchStrategy[object]] = {
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
    # Adding 0.0 turns -0.0 into 0.0. betterproto2 sends neither.
    FieldDescriptor.TYPE_DOUBLE: st.floats(allow_nan=False).map(lambda value: value + 0.0),
    # One value more than the enum has, as a later version of the service may send.
    FieldDescriptor.TYPE_ENUM: st.integers(0, 5),
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_STRING: st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
}


def our_class(descriptor: Descriptor) -> type[Any] | None:
    """Return our class of a message, or None if we leave it out."""
    return default_message_pool.url_to_type.get(f"type.googleapis.com/{descriptor.full_name}")


def is_ours(field: FieldDescriptor) -> bool:
    kind = our_class(field.containing_type)
    return kind is not None and field.name in {each.name for each in fields(kind)}


def values(descriptor: Descriptor, *, known: bool) -> st.SearchStrategy[Values]:
    """Draw a message's fields by name, some left out. With `known`, draw only fields that ours
    has."""
    plain: dict[str, st.SearchStrategy[Any]] = {}
    oneofs: dict[str, list[st.SearchStrategy[Values]]] = {}
    for field in descriptor.fields:
        if known and not is_ours(field):
            continue
        value: st.SearchStrategy[Any]
        if field.message_type is None:
            value = SCALARS[field.type]
        elif field.message_type.file.name == "google/protobuf/struct.proto":
            continue  # recursive, and only in summaries
        else:
            value = values(field.message_type, known=known)
        if field.is_repeated:
            value = st.lists(value, max_size=2)
        if field.containing_oneof is None:
            plain[field.name] = value
        else:
            one = st.fixed_dictionaries({field.name: value})
            oneofs.setdefault(field.containing_oneof.name, [st.just({})]).append(one)
    chosen = [st.one_of(each) for each in oneofs.values()]
    return st.tuples(st.fixed_dictionaries({}, optional=plain), *chosen).map(merged)


def merged(parts: tuple[Values, ...]) -> Values:
    return {name: value for part in parts for name, value in part.items()}


def our_message(descriptor: Descriptor, given: Values) -> betterproto2.Message:
    kind = our_class(descriptor)
    assert kind
    made: Values = {}
    for name, value in given.items():
        part = descriptor.fields_by_name[name].message_type
        if part is None:
            made[name] = value
        elif isinstance(value, list):
            made[name] = [our_message(part, each) for each in value]
        else:
            made[name] = our_message(part, value)
    message: betterproto2.Message = kind(**made)
    return message


@pytest.mark.parametrize(("service", "kind"), WHOLE)
@FEW
@given(data=st.data())
def test_the_official_classes_read_our_messages(
    service: str, kind: type[betterproto2.Message], data: st.DataObject
) -> None:
    their_kind = official_class(service, kind.__name__)
    given = data.draw(values(described(their_kind), known=True))
    ours = our_message(described(their_kind), given)
    assert their_kind.FromString(bytes(ours)) == their_kind(**given)


@pytest.mark.parametrize(("service", "kind"), WHOLE)
@FEW
@given(data=st.data())
def test_our_classes_read_the_official_messages(
    service: str, kind: type[betterproto2.Message], data: st.DataObject
) -> None:
    their_kind = official_class(service, kind.__name__)
    given = data.draw(values(described(their_kind), known=True))
    theirs = their_kind(**given).SerializeToString()
    assert kind.parse(theirs) == our_message(described(their_kind), given)


@pytest.mark.parametrize(("service", "kind"), WHOLE)
@FEW
@given(data=st.data())
def test_unknown_fields_are_kept(
    service: str, kind: type[betterproto2.Message], data: st.DataObject
) -> None:
    their_kind = official_class(service, kind.__name__)
    theirs = their_kind(**data.draw(values(described(their_kind), known=False)))
    ours = kind.parse(theirs.SerializeToString())
    assert their_kind.FromString(bytes(ours)) == theirs


def test_an_unknown_event_is_read_as_none() -> None:
    theirs = official_class("stt", "StreamingResponse")(
        speaker_analysis={"speaker_tag": "1"}, channel_tag="0"
    )
    ours = stt.StreamingResponse.parse(theirs.SerializeToString())
    assert ours.channel_tag == "0"
    assert betterproto2.which_one_of(ours, "Event") == ("", None)
