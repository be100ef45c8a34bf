"""The cost of a call: the engine, compared with a bare loop that only moves frames."""
