"""Real servers, each in a process of its own, scripted by tests.

- `speechkit`: Yandex SpeechKit on its official gRPC stubs, with its HTTP API and IAM tokens.
- `model`: an OpenAI-compatible server: chat completions and responses, streamed.

What they speak is the tone code (`tones`): `tones.heard(pcm, rate_hz)` is the text that was really
played, word for word, so that a test sees what is missing, repeated or out of order. The speech
that they understand is the same.

A test says beforehand how requests are answered, and reads the requests afterwards:

    @pytest.fixture(scope="module")
    def speechkit() -> Iterator[SpeechKitServer]:
        with SpeechKitServer.running() as server:       # 0.5 s: once for a module
            yield server

    async def test_a_hung_synthesis_is_given_up(speechkit: SpeechKitServer) -> None:
        await speechkit.reset()                          # each test begins without scripts
        await speechkit.speak(Speaking(first=0.1, then="hang", after=1), containing="price")
        ...                                              # gRPC at 127.0.0.1:{speechkit.grpc_port}
        await speechkit.until(open=0)                    # no request is open
        assert await speechkit.texts("UtteranceSynthesis") == ["The price is", "one euro."]

`Speaking`, `Hearing` and `Writing` say what can be scripted: delays, pace, and what goes wrong
where (`Script`). `kill()` is SIGKILL, `restart()` comes back on the same ports, `go_away()` sends
GOAWAY. Each of `asked()` has its moments by the machine's monotonic clock, which all processes
share."""
