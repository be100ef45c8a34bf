"""Races: the pairs of triggers that can be due at one instant, and what each order leads to."""
