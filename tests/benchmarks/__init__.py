"""What a call costs: the engine's own time, beside a bare loop that only moves frames."""
