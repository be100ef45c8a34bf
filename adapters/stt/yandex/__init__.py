"""SpeechKit's recognizer, over gRPC."""
