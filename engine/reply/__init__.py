"""The reply pipeline: text is cut into chunks, synthesised in parallel, and played in order."""
