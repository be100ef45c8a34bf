"""What a call over a real Asterisk costs, and how soon the caller hears something, or nothing."""
