"""SpeechKit's synthesizer, over gRPC and over HTTP."""
