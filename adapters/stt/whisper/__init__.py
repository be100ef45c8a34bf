"""Whisper as a recognizer, in a worker process."""
