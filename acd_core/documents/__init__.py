"""Plan and roster as people write them: TOML, checked whole before it may take effect.

Three steps, each in files of its own: the shape (`source`: every key known, every value of its type), the sense (`plan_sense`,
`queue_sense`, `flow_sense`, `ways`, `calendar_sense`, `roster_sense`: what is referred to exists, every step can be reached,
every caller comes to an end, numbers are in range), and what is worked out beforehand (`calendars`: hours and holidays as spans
of time; callers' numbers in international form). The first fault is a `DocumentError` that says where and why. What is only odd
is a warning (`oddities`).
"""

from acd_core.documents.files import read_document
from acd_core.documents.load import load_plan, load_roster
from acd_core.documents.oddities import warnings
from acd_core.documents.source import DocumentError

__all__ = ["DocumentError", "load_plan", "load_roster", "read_document", "warnings"]
