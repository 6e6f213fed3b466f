"""`santral doctor`: all checks as a table."""

from __future__ import annotations

from acd_core.config import Config
from santral.checks.finding import Status
from santral.checks.listing import checks_for
from santral.up.lock import running_pid


def run_doctor(config: Config) -> int:
    """Prints a line a check; 1 when one fails."""
    checks = list(checks_for(config, running_pid(config.data_path)))
    width = max(len(check.name) for check in checks)
    failed = warned = 0
    for check in checks:
        finding = check.run()
        failed += finding.status is Status.FAIL
        warned += finding.status is Status.WARN
        print(f"{finding.status.value:<4}  {check.name:<{width}}  {finding.text}", flush=True)
        if finding.remedy:
            print(f"{'':<4}  {'':<{width}}  → {finding.remedy}")
    print(f"{len(checks)} checks, {warned} to look at, {failed} failed")
    return 1 if failed else 0
