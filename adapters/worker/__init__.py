"""Parts of the adapters that run a worker process. Empty: a worker must not load Trio."""
