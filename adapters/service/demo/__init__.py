"""The offline demo: a call from an audio file, answered without network or keys."""
