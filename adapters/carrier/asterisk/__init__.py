"""Calls from an Asterisk: control over ARI, sound over a media socket or files."""
