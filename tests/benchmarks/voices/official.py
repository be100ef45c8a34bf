"""The process of the official gRPC client, to compare ours with.

It synthesises texts one after the other, and prints the seconds to each one's first sound (JSON).
"""

from __future__ import annotations

import json
import sys
from time import perf_counter

import grpc
from yandex.cloud.ai.tts.v3 import tts_pb2, tts_service_pb2_grpc

from tests.benchmarks.sink import RATE_HZ


def first_sounds(port: int, texts: list[str]) -> dict[str, float]:
    raw = tts_pb2.RawAudio(audio_encoding=tts_pb2.RawAudio.LINEAR16_PCM, sample_rate_hertz=RATE_HZ)
    spec = tts_pb2.AudioFormatOptions(raw_audio=raw)
    key = (("authorization", "Api-Key benchmark"),)
    seconds = {}
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        synthesizer = tts_service_pb2_grpc.SynthesizerStub(channel)
        for text in texts:
            began = perf_counter()
            request = tts_pb2.UtteranceSynthesisRequest(text=text, output_audio_spec=spec)
            for number, _ in enumerate(synthesizer.UtteranceSynthesis(request, metadata=key)):
                if number == 0:
                    seconds[text] = perf_counter() - began
    return seconds


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    print(json.dumps(first_sounds(given["grpc_port"], given["texts"])))
