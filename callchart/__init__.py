"""A phone call you can draw, replay and prove."""
