"""OpenAI's transcription as a recognizer."""
