"""The delay until a caller hears the real voices: OpenAI's API and SpeechKit's, each at a scripted
server."""
