"""A language model for tests: an OpenAI-compatible server with scripted answers.

The demo has another server (`adapters.service.demo.model_server`), in the same process as the call
and on its virtual clock. This one adds a process that can be killed, connections that break, and
the Responses API."""
