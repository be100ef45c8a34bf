"""What adapters with a process of their own share. Empty: a worker must not load Trio."""
