"""The cost of a call over a real Asterisk, and the delay until the caller hears the bot."""
