"""A real Asterisk and a real SIP phone for tests, on ports of 127.0.0.1."""
