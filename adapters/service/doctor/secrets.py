"""The doctor's findings about missing secrets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callchart.adapters.service.config import MissingSecret
from callchart.adapters.service.doctor.finding import Finding, failed, unknown

MissingSecrets = Sequence[MissingSecret]


def secret_findings(missing: MissingSecrets) -> Iterator[Finding]:
    """Yield a failed check for each missing secret."""
    for secret in missing:
        yield failed("secret", f"secret missing: {secret.key}{secret.text}", secret.cure)


def lacks_secret(part: str, section: str, missing: MissingSecrets) -> Finding | None:
    """Return the finding of a check that needs a missing secret of this section, or else None."""
    for secret in missing:
        if secret.key.rpartition(".")[0] == section:
            what = f"check skipped: the secret {secret.key} is missing"
            return unknown(part, what, "run the doctor again with the secret")
    return None
