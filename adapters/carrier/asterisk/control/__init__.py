"""Control of Asterisk over ARI: HTTP requests, and a socket for events."""
