"""The doctor's findings about missing secrets.

The configuration names an environment variable or a file for a secret. The secret is missing if
that place has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from callchart.adapters.service.doctor.finding import Finding, failed, unknown

#: The keys of missing secrets, each with the text that continues it in a message.
MissingSecrets = Mapping[str, str]


def secret_findings(missing: MissingSecrets) -> Iterator[Finding]:
    """Yield a failed check for each missing secret."""
    for key, text in missing.items():
        cause, _, cure = f"{key}{text}".partition("; ")
        yield failed("secret", f"secret missing: {cause}", cure)


def lacks_secret(part: str, section: str, missing: MissingSecrets) -> Finding | None:
    """Return the finding of a check that needs a missing secret of this section, or else None."""
    for key in missing:
        if key.rpartition(".")[0] == section:
            what = f"check skipped: the secret {key} is missing"
            return unknown(part, what, "run the doctor again with the secret")
    return None
