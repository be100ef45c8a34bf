"""`python -m tests.prose [PATH ...]`: hold comments, docstrings and pages to plain English.

The limits are those of well-kept projects: trio, h11 and sismic have 0.3 indirect idioms per 1,000
words, and no docstring that begins with a relative clause. The exit code is 1 if a limit is
exceeded.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs")
PLACES = (*PAGES, "callchart", "engine", "states", "adapters", "tests")
#: Files that `callchart draw` writes from docstrings and labels of the chart, or a compiler writes.
GENERATED = ("docs/statecharts/races.md", "docs/statecharts/table.md", "proto/messages")

MOST_IDIOMS = 1.0  # per 1,000 words
MOST_PRONOUNS = 0.05  # of the docstrings

RELATIVE = re.compile(r"(What|Who|Whoever|Whom|Whose|Where|Which|Whether|How|Nobody|Of)\b")
PRONOUN = re.compile(r"(It|Its|They|Those|That)\b")
IDIOM = re.compile(
    r"\b(whoever|nobody|whom|of whose|is none of|is no \w+|is told|are told|comes of|come of|"
    r"what is left|for ever|anew|by itself|beside|to whom|stands? (?:with|for|in|behind)|at once|"
    r"owed|there is none|that there (?:is|are)|what (?:it|they|is|was|there)|is over)\b",
    re.IGNORECASE,
)
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Passage:
    """A docstring, a comment or a line of a page, with its place."""

    path: Path
    line: int
    text: str
    is_docstring: bool = False


def passages(path: Path) -> Iterator[Passage]:
    """Yield the prose of a Python file or of a Markdown page."""
    if path.suffix == ".md":
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            yield Passage(path, number, line)
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, DEFINITIONS) and (text := ast.get_docstring(node)):
            yield Passage(path, node.body[0].lineno, text, is_docstring=True)
    with tokenize.open(path) as source:
        for token in tokenize.generate_tokens(source.readline):
            if token.type == tokenize.COMMENT:
                yield Passage(path, token.start[0], token.string.lstrip("#: "))


def files(places: list[str]) -> Iterator[Path]:
    """Yield the files in these places, without generated ones."""
    for place in map(Path, places):
        found = [place] if place.is_file() else sorted(place.rglob("*"))
        for path in found:
            if path.suffix in (".py", ".md") and not path.as_posix().startswith(GENERATED):
                yield path


def main(places: list[str]) -> int:
    read = [passage for path in files(places) for passage in passages(path)]
    docstrings = [passage for passage in read if passage.is_docstring]
    relative = [p for p in docstrings if RELATIVE.match(p.text)]
    pronouns = [p for p in docstrings if PRONOUN.match(p.text)]
    idioms = [(p, found) for p in read for found in IDIOM.findall(p.text)]
    words = sum(len(passage.text.split()) for passage in read)
    rate = 1000 * len(idioms) / max(words, 1)
    share = len(pronouns) / max(len(docstrings), 1)
    for passage in relative:
        print(f"{passage.path}:{passage.line}: begins with {passage.text.split()[0]!r}")
    if rate >= MOST_IDIOMS:
        for passage, found in idioms:
            print(f"{passage.path}:{passage.line}: indirect: {found!r}")
    if share >= MOST_PRONOUNS:
        for passage in pronouns:
            print(f"{passage.path}:{passage.line}: begins with {passage.text.split()[0]!r}")
    print(
        f"{len(docstrings)} docstrings: {len(relative)} begin with a relative clause (must be 0), "
        f"{share:.1%} with a pronoun (must be below {MOST_PRONOUNS:.0%}); "
        f"{rate:.2f} idioms per 1,000 of {words} words (must be below {MOST_IDIOMS:g})"
    )
    return 1 if relative or rate >= MOST_IDIOMS or share >= MOST_PRONOUNS else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(PLACES)))
