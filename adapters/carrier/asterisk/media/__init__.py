"""Audio to and from Asterisk: its media WebSocket, AudioSocket, or files."""
