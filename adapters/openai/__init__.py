"""Parts of all adapters to OpenAI's APIs: the failure of a request, and the delay of its retry.

Our errors contain no text of the client or the server: such text may quote keys and callers."""
