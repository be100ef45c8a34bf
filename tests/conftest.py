"""What all tests share: hypothesis's profiles."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a slow machine is no defect. The same examples every time: `make test` leaves nothing
# to luck, `make flakes` looks for it, with a seed that its failure names.
settings.register_profile("steady", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("flakes", deadline=None, database=None, max_examples=25)
settings.load_profile("steady")
