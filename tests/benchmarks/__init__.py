"""The cost of a call: the engine's own time, compared with a bare loop that only moves frames."""
