"""A finished or running call, shown to people: report, timeline and live view."""
