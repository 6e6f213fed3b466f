"""What the wallboard costs the core's loop at each look, three of which are taken a second: the pause and the processor time.

Between two looks 333 calls live their whole lives (1,000 a second) in a busy centre (city.py). "Made anew" is a picture from
nothing at each look, which is what the core did before it kept the rows: its pause is all of it. "Kept" makes the touched rows,
slice by slice, and serves others in between. Beside it, what a web process does: take the changes in, and put the message to the
pages together; its floor is to encode all rows again.

    python -m benchmarks.wallboard [--agents N ...]
"""

from __future__ import annotations

import argparse
from functools import partial

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.commands import AgentStory, AnyCommand, CallStory, DeskView
from acd_core.domain.router import Router
from acd_core.link.signals import Wallboard, WallboardDelta
from acd_core.views import Picture
from agent_web.wallboard.picture import LivePicture
from benchmarks.city import Day
from benchmarks.figures import percentile, processor_s, settled, table, write_results

CALLS_A_LOOK = 333


class WatchedDay(Day):
    """A day whose commands touch a picture, as the core's dispatcher has them do."""

    picture: Picture | None = None

    def _tell(self, event: ev.AnyEvent) -> tuple[AnyCommand, ...]:
        commands = super()._tell(event)
        self.history.clear()
        if self.picture is not None:
            for command in commands:
                if isinstance(command, CallStory):
                    self.picture.touch_call(command.call)
                elif isinstance(command, AgentStory | DeskView):
                    self.picture.touch_agent(command.agent)
        return commands


def whole(router: Router) -> list[Wallboard | WallboardDelta]:
    """A picture made from nothing."""
    picture = Picture(router)
    picture.changes(0, 0)
    while picture.pending:
        picture.changes(0, 0)
    return list(picture.whole(0, 0))


def learnt(messages: list[Wallboard | WallboardDelta]) -> LivePicture:
    """What a web process makes of the whole."""
    live: LivePicture | None = None
    for message in messages:
        if isinstance(message, Wallboard):
            live = LivePicture(message)
        elif live is not None:
            live.change(message)
    assert live is not None
    return live


def slice_of(picture: Picture) -> tuple[WallboardDelta | None, bytes]:
    """What the core's loop does without a pause."""
    change = picture.changes(0, 0)
    return change, msgspec.msgpack.encode(change)


def measure(agents: int, looks: int) -> list[list[str]]:
    """The rows of the table for a centre with so many agents."""
    day = WatchedDay()
    day.open(agents, ready=agents)
    day.calls(agents, in_flight=agents * 8 // 10)
    messages = whole(day.router)
    picture = day.picture = Picture(day.router)
    while picture.changes(0, 0) is not None or picture.pending:
        pass
    live = learnt(messages)
    spent: dict[str, list[float]] = {
        name: [] for name in ("anew", "slice", "look", "taking", "text", "encode")
    }
    sizes: list[float] = []
    with settled():
        for _ in range(looks):
            day.calls(CALLS_A_LOOK, in_flight=agents * 8 // 10)
            spent["anew"].append(processor_s(partial(_encoded, day.router))[0])
            look, size = 0.0, 0
            while picture.pending:
                seconds, (change, encoded) = processor_s(partial(slice_of, picture))
                spent["slice"].append(seconds)
                look += seconds
                if change is not None:
                    spent["taking"].append(processor_s(partial(live.change, change))[0])
                    size += len(encoded)
            spent["look"].append(look)
            sizes.append(size)
            spent["text"].append(processor_s(partial(live.text, 0))[0])
            spent["encode"].append(processor_s(partial(learnt, messages))[0])
    page = len(live.text(0).encode()) / 1_000
    return [
        _row(agents, "core, made anew: the pause", spent["anew"]),
        _row(agents, "core, kept: the pause (one slice)", spent["slice"]),
        _row(agents, "core, kept: all slices of a look", spent["look"]),
        _row(agents, "web: one change taken in", spent["taking"]),
        _row(agents, f"web: the message to the pages ({page:,.0f} kB) put together", spent["text"]),
        _row(agents, "web: all rows encoded again (floor)", spent["encode"]),
        [
            f"{agents:,}",
            "told to each web process at a look, kB",
            f"{sorted(sizes)[looks // 2] / 1_000:.1f}",
            "",
            "",
        ],
    ]


def _encoded(router: Router) -> bytes:
    return msgspec.msgpack.encode(whole(router))


def _row(agents: int, what: str, seconds: list[float]) -> list[str]:
    ordered = sorted(1_000 * value for value in seconds)
    return [f"{agents:,}", what, *(f"{percentile(ordered, share):.2f}" for share in (0.5, 0.99, 1.0))]


def main() -> None:
    """Measure the centres asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--looks", type=int, default=30)
    asked = parser.parse_args()
    rows = [row for agents in asked.agents for row in measure(agents, asked.looks)]
    told = (
        f"`python -m benchmarks.wallboard`: {CALLS_A_LOOK} whole calls between two looks, three looks a second; "
        f"{asked.looks} looks. Processor time in milliseconds.\n"
    )
    meaning = (
        "Before the rows were kept, the core's loop stood still for the first line at each look (45 ms with 10,000 agents, "
        "with rows that said less); now for the second.\n"
    )
    figures = table(["agents", "what", "median", "p99", "worst"], rows)
    write_results("wallboard", "What the wallboard costs", [told, figures, meaning])


if __name__ == "__main__":
    main()
