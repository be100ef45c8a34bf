"""Calls from an Asterisk: control over ARI, audio over a media socket or files."""
