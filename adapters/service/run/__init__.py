"""The running service: answers calls, places calls, logs them, and stops."""
