"""The reply pipeline: text is cut into chunks, synthesized in parallel, and played in order."""
