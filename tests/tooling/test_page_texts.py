"""What the processes say by a key has a text on the pages: nobody reads `refused_at_door` there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import get_args

from acd_core.config import Config
from acd_core.domain import agent, outbound, requests
from acd_core.domain.call import CallState
from acd_core.domain.commands import AgentState, AudioKind, Dialling
from acd_core.domain.events import CentreMode
from agent_web.wire.orders import OrderStatus, Priority
from gateways.edge.admission import STEP_MAX, Work
from gateways.edge.edge import Edge
from gateways.edge.guard.limits import Kind

ROOT = Path(__file__).resolve().parents[2]
TEXTS = set(
    re.findall(
        r"(?:^|[ ,{])(\w+): ['\"]", (ROOT / "agent_web/ui/src/i18n/en.ts").read_text(encoding="utf-8"), re.M
    )
)

OVERLOADS = {
    f"overload_{work}" for work in get_args(Work) if work != "hang_up"
}  # which is refused at no step


def constants(module: ModuleType) -> Iterator[str]:
    """The keys that a module gives names to."""
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and re.fullmatch("[a-z_]+", value):
            yield value


def web_refusals() -> Iterator[str]:
    for file in sorted((ROOT / "agent_web").rglob("*.py")):
        yield from re.findall(r'RefusalError\(\s*\d+,\s*"(\w+)"', file.read_text(encoding="utf-8"))


def edge_counters(folder: Path) -> dict[str, int]:
    return Edge(Config(data_dir=str(folder)), "edge1").picture().counters


def said(folder: Path) -> dict[str, set[str]]:
    """Whatever may come, by what the page puts before it to find the text."""
    return {
        "reason_": set(constants(agent)),
        "": {*constants(requests), *constants(outbound), *web_refusals()},
        "counter_": {
            *get_args(Kind),
            *edge_counters(folder),
            *OVERLOADS,
        },
        "load_step_": {str(step) for step in range(1, STEP_MAX + 1)},
        "state_": set(get_args(AgentState)),
        "call_": set(get_args(CallState)),
        "dialling_": set(get_args(Dialling)) - {""},
        "audio_kind_": set(get_args(AudioKind)),
        "mode_": set(get_args(CentreMode)),
        "status_": set(get_args(OrderStatus)),
        "priority_": set(get_args(Priority)),
    }


def test_every_key_has_a_text(tmp_path: Path) -> None:
    for prefix, keys in said(tmp_path).items():
        assert keys, prefix
        assert {prefix + key for key in keys} <= TEXTS
