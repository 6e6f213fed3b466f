"""Checks of this machine and its configuration: `santral doctor`, and before `santral up` starts anything."""

from santral.checks.doctor import run_doctor
from santral.checks.finding import Check, Finding, Status
from santral.checks.listing import checks_for

__all__ = ["Check", "Finding", "Status", "checks_for", "run_doctor"]
