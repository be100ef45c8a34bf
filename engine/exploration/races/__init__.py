"""Races: pairs of triggers that can fall at one instant, and the result of each order."""
