"""SpeechKit for tests: speech synthesis and recognition on the official stubs, and IAM."""
