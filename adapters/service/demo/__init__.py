"""The offline demo: a call from a WAV file, answered without network or keys."""
