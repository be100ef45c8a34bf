"""What all adapters to OpenAI's APIs share: why a request failed, and when it is worth another.

Nothing that the client or the server says of an error gets out: it quotes keys and callers."""
