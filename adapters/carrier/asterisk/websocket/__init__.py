"""The WebSocket server that Asterisk dials, and the client that dials Asterisk."""
