"""Parts of the adapters that run a worker process.

This module imports nothing: a worker must not load Trio."""
