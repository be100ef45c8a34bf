"""All of the doctor's checks, and the output of their findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import trio
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callchart.adapters.service.config import Config
from callchart.adapters.service.doctor.asterisk import asterisk_findings
from callchart.adapters.service.doctor.finding import Finding, Verdict
from callchart.adapters.service.doctor.machine import machine_findings
from callchart.adapters.service.doctor.providers import model_findings, speech_findings
from callchart.adapters.service.doctor.secrets import MissingSecrets, secret_findings

_STYLES = {Verdict.OK: "green", Verdict.FAILED: "bold red", Verdict.UNKNOWN: "yellow"}


def run_doctor(config: Config, missing: MissingSecrets, *, as_json: bool) -> int:
    """Run and print all checks. Return 1 if one failed, else 0."""
    findings = trio.run(examine, config, missing)
    if as_json:
        print(in_json(findings))
    else:
        show(findings, Console())
    return 0 if is_fit(findings) else 1


async def examine(config: Config, missing: MissingSecrets) -> list[Finding]:
    """Return the findings in the order in which to mend them. Checks run concurrently."""
    of_asterisk: list[Finding] = []
    of_providers: list[Finding] = []

    async def asterisk() -> None:
        of_asterisk.extend(await asterisk_findings(config.asterisk, missing))

    async def providers() -> None:
        of_providers.extend(
            await speech_findings(
                config.speech, config.asterisk.rate_hz, config.model.language, missing
            )
        )
        of_providers.extend(await model_findings(config.model, missing))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(asterisk)
        nursery.start_soon(providers)
    return [
        *secret_findings(missing),
        *machine_findings(config),
        *of_asterisk,
        *of_providers,
    ]


def is_fit(findings: Iterable[Finding]) -> bool:
    """Return whether no check failed."""
    return all(finding.verdict is not Verdict.FAILED for finding in findings)


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print a line for each part, with the cure below it."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("part", "", "finding and cure"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        text = Text(finding.what)
        if finding.cure:
            text.append(f"\n-> {finding.cure}", "bold")
        table.add_row(finding.part, Text(finding.verdict, _STYLES[finding.verdict]), text)
    console.print(table)
    broken = sum(finding.verdict is Verdict.FAILED for finding in findings)
    console.print(f"{broken} of {len(findings)} checks failed" if broken else "ready to take calls")


def in_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON."""
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=2)
