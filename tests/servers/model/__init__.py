"""A language model for tests: an OpenAI-compatible server with scripted answers.

The demo has another one (`adapters.service.demo.model_server`), in the same process as the call,
which follows a clock that jumps. This one is for what that cannot have: a process that can be
killed, connections that break, and the API of responses."""
