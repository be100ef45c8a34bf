"""Our .proto files agree with the official descriptors; they may leave out parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from tests.proto.speechkit import PROTOS, official, ours

Facts = dict[str, object]


def facts(files: Iterable[FileDescriptorProto]) -> Facts:
    """Return all that affects the wire, by full name: fields, values of enums, methods."""
    found: Facts = {}
    for file in files:
        for message in file.message_type:
            found |= of_message(message, file.package)
        for enum in file.enum_type:
            found |= of_enum(enum, file.package)
        for service in file.service:
            for method in service.method:
                found[f"{file.package}.{service.name}/{method.name}"] = (
                    method.input_type,
                    method.output_type,
                    method.client_streaming,
                    method.server_streaming,
                )
    return found


def of_message(message: DescriptorProto, within: str) -> Facts:
    name = f"{within}.{message.name}"
    found: Facts = {name: "message"}
    for field in message.field:
        found[f"{name}.{field.name}"] = of_field(field, message)
    for nested in message.nested_type:
        found |= of_message(nested, name)
    for enum in message.enum_type:
        found |= of_enum(enum, name)
    return found


def of_field(field: FieldDescriptorProto, message: DescriptorProto) -> tuple[object, ...]:
    oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    cardinality = FieldDescriptorProto.Label.Name(field.label)
    kind = field.type_name or FieldDescriptorProto.Type.Name(field.type)
    return field.number, kind, cardinality, oneof, field.proto3_optional, field.options.packed


def of_enum(enum: EnumDescriptorProto, within: str) -> Facts:
    name = f"{within}.{enum.name}"
    return {name: "enum", **{f"{name}.{value.name}": value.number for value in enum.value}}


def differences(mine: Facts, theirs: Facts) -> Iterator[str]:
    for name, fact in mine.items():
        if fact != theirs.get(name):
            yield f"{name} is {fact}, and should be {theirs.get(name, 'left out')}"


@pytest.mark.parametrize(("path", "service"), PROTOS.items())
def test_each_of_our_fields_equals_the_official_one(
    path: str, service: str, tmp_path: Path
) -> None:
    mine, theirs = facts([ours(path, tmp_path)]), facts(official(service))
    assert list(differences(mine, theirs)) == []


def test_our_tts_proto_has_every_official_name(tmp_path: Path) -> None:
    mine = facts([ours("speechkit/tts/v3/tts.proto", tmp_path)])
    assert facts(official("tts")).keys() == mine.keys()


def test_our_enums_have_all_official_values(tmp_path: Path) -> None:
    mine, theirs = facts([ours("speechkit/stt/v3/stt.proto", tmp_path)]), facts(official("stt"))
    enums = tuple(f"{name}." for name, fact in mine.items() if fact == "enum")
    assert {name for name in theirs if name.startswith(enums)} <= mine.keys()


def test_a_difference_is_named() -> None:
    text = (FieldDescriptorProto.TYPE_STRING, "string")
    mine: Facts = {"a.B.text": (1, *text), "a.B.new": 3, "a.B.same": 4}
    assert list(differences(mine, {"a.B.text": (2, *text), "a.B.same": 4})) == [
        "a.B.text is (1, 9, 'string'), and should be (2, 9, 'string')",
        "a.B.new is 3, and should be left out",
    ]
