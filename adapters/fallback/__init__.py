"""What adapters share that put a second provider behind a first one."""
