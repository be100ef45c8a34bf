"""The tests' own Asterisk and their own SIP phone: real ones, on ports of this machine alone."""
