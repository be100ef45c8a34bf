"""How soon a caller hears the real voices: OpenAI's API and SpeechKit's, each at a server of its
own that takes its time as a script says."""
