"""espeak-ng as a synthesizer, in a worker process."""
