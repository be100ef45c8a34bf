"""Test servers: real servers, each in its own process, scripted by tests.

- `speechkit`: Yandex SpeechKit on its official gRPC stubs, with its HTTP API and IAM tokens.
- `model`: an OpenAI-compatible server: chat completions and responses, streamed.

The SpeechKit server speaks and understands the tone code (`tones`). `tones.heard(pcm, rate_hz)`
returns the words in a sound, so that a test sees a word that is missing, repeated or out of order.

A test first scripts the answers, and afterwards reads the requests:

    @pytest.fixture(scope="module")
    def speechkit() -> Iterator[SpeechKitServer]:
        with SpeechKitServer.running() as server:       # 0.5 s: once for a module
            yield server

    async def test_a_hanging_synthesis_times_out(speechkit: SpeechKitServer) -> None:
        await speechkit.reset()                          # each test begins without scripts
        await speechkit.script_speaking(
            Speaking(first=0.1, then="hang", after=1), containing="price"
        )
        ...                                              # gRPC at 127.0.0.1:{speechkit.grpc_port}
        await speechkit.until(open=0)                    # no request is open
        assert await speechkit.texts("UtteranceSynthesis") == ["The price is", "one euro."]

`Speaking`, `Hearing` and `Writing` are the scripts: delays, pace and faults (`Script`). `kill()`
sends SIGKILL, `restart()` kills and starts again on the same ports, `go_away()` sends GOAWAY. The
moments in `asked()` are by the machine's monotonic clock, which all processes share."""
