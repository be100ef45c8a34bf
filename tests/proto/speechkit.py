"""SpeechKit's official messages, to compare with ours."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message

FOLDER = Path(__file__).parents[2] / "proto"

#: Our .proto files, and the modules of the official stubs with the same packages.
PROTOS = {"speechkit/tts/v3/tts.proto": "tts", "speechkit/stt/v3/stt.proto": "stt"}


def official(service: str) -> Iterator[FileDescriptorProto]:
    """Yield the official files of the package of `service` ("tts" or "stt")."""
    for name in (service, f"{service}_service"):
        module = importlib.import_module(f"yandex.cloud.ai.{service}.v3.{name}_pb2")
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        yield file


def official_class(service: str, message: str) -> type[Message]:
    """Return the official class of a message."""
    module: Any = importlib.import_module(f"yandex.cloud.ai.{service}.v3.{service}_pb2")
    found: type[Message] = getattr(module, message)
    return found


def described(kind: type[Message]) -> Descriptor:
    """Return the descriptor of a class of either implementation of protobuf."""
    return cast(Descriptor, kind.DESCRIPTOR)


def ours(path: str, folder: Path) -> FileDescriptorProto:
    """Return the descriptor of one of our .proto files. The compiler writes into `folder`."""
    out = folder / "ours.bin"
    arguments = [f"--proto_path={FOLDER}", f"--descriptor_set_out={out}", path]
    # The compiler runs in a process of its own: silero's library aborts a process that has loaded
    # it.
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True)
    (file,) = FileDescriptorSet.FromString(out.read_bytes()).file
    return file
