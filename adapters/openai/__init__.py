"""Parts of all adapters to OpenAI's APIs: the failure of a request, and the delay of its retry.

No text of the client or the server gets into our errors: it may quote keys and callers."""
