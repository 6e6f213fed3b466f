"""`santral sim`, `santral arrivals` and `santral replay`; what they do is loaded when one of them is asked for."""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import sys
from collections.abc import Callable
from pathlib import Path

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_UNUSABLE = 2
TRAFFIC = "traffic.toml"


def add_parsers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """A parser for each."""
    _add_sim(commands)
    _add_arrivals(commands)
    _add_replay(commands)


def _add_sim(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sim = commands.add_parser(
        "sim", help="the routing alone, in simulated time: what would come of these calls"
    )
    sim.add_argument("--plan", type=Path, required=True, metavar="FILE")
    sim.add_argument("--roster", type=Path, required=True, metavar="FILE")
    sim.add_argument("--arrivals", type=Path, required=True, metavar="FILE.csv")
    sim.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="calls, intervals, summary, plots"
    )
    sim.add_argument("--seed", type=int, metavar="N", help="of chance; by default the plan's")
    _add_behaviour(sim)
    sim.add_argument("--no-plots", action="store_true", help="only tables")
    _add_progress(sim)
    sim.set_defaults(command=_sim)


def _add_arrivals(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    arrivals = commands.add_parser("arrivals", help="make calls for `santral sim` by a traffic profile")
    arrivals.add_argument("--plan", type=Path, required=True, metavar="FILE")
    arrivals.add_argument(
        "--traffic", type=Path, metavar="FILE", help=f"the profile; by default {TRAFFIC} beside the plan"
    )
    arrivals.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    arrivals.add_argument("--from", dest="first_day", type=_day, required=True, metavar="2025-01-01")
    arrivals.add_argument("--days", type=int, required=True, metavar="N")
    arrivals.add_argument("--contacts", type=int, metavar="N", help="expected in all, without storms")
    arrivals.add_argument(
        "--storm", action="append", default=[], metavar="2025-10-03T14:00+6h:x20", help="may be repeated"
    )
    arrivals.add_argument("--seed", type=int, default=0, metavar="N")
    _add_progress(arrivals)
    arrivals.set_defaults(command=_arrivals)


def _add_replay(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    replay = commands.add_parser(
        "replay", help="decide a journal again and compare; with --plan or --roster: what would have been"
    )
    replay.add_argument("journal", type=Path, metavar="JOURNAL", help="a journal's folder")
    replay.add_argument("--plan", type=Path, metavar="OTHER", help="instead of the journal's")
    replay.add_argument("--roster", type=Path, metavar="OTHER", help="instead of the journal's")
    replay.add_argument("--out", type=Path, metavar="DIR", help="for the two runs and their comparison")
    replay.add_argument("--seed", type=int, default=0, metavar="N")
    _add_progress(replay)
    replay.set_defaults(command=_replay)


def _add_behaviour(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--answer-delay-ms",
        type=int,
        default=0,
        metavar="N",
        help="operators take so long to answer, on average",
    )
    parser.add_argument(
        "--break-every-min",
        type=float,
        default=0.0,
        metavar="N",
        help="operators work so long between breaks",
    )
    parser.add_argument("--break-min", type=float, default=15.0, metavar="N", help="the length of a break")
    parser.add_argument(
        "--callback-share", type=float, default=0.0, metavar="S", help="of those offered a callback, 0 to 1"
    )


def _add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress", action="store_true", default=None, help="show progress also when this is no terminal"
    )


def _sim(options: argparse.Namespace) -> int:
    def work() -> int:
        from loadtest.sim.behaviour import behaviour_of
        from loadtest.sim.report import text_of
        from loadtest.sim.run import SimOptions, run_sim

        behaviour = behaviour_of(
            answer_delay_ms=options.answer_delay_ms,
            break_every_min=options.break_every_min,
            break_min=options.break_min,
            callback_share=options.callback_share,
        )
        asked = SimOptions(
            plan=options.plan,
            roster=options.roster,
            arrivals=options.arrivals,
            out=options.out,
            seed=options.seed,
            behaviour=behaviour,
            plots=not options.no_plots,
            progress=options.progress,
        )
        _spare_the_collector()
        print(text_of(run_sim(asked)))
        return EXIT_OK

    return _guarded(work)


def _spare_the_collector() -> None:
    """A simulated world makes millions of short-lived records and no cycles: looking for those took a fifteenth of the time."""
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)


def _arrivals(options: argparse.Namespace) -> int:
    def work() -> int:
        from loadtest.sim.generate import GenerateOptions, generate

        made = generate(
            GenerateOptions(
                plan=options.plan,
                traffic=options.traffic or options.plan.parent / TRAFFIC,
                out=options.out,
                first_day=options.first_day,
                days=options.days,
                contacts=options.contacts,
                storms=tuple(options.storm),
                seed=options.seed,
                progress=options.progress,
            )
        )
        print(f"{options.out}: {made.count:,} arrivals, {made.expected:,.0f} expected without storms")
        return EXIT_OK

    return _guarded(work)


def _replay(options: argparse.Namespace) -> int:
    def work() -> int:
        from loadtest.sim.errors import SimError
        from loadtest.sim.what_if import WhatIfOptions, what_if

        if options.plan is None and options.roster is None:
            if options.out is not None:
                raise SimError("--out is for --plan or --roster: a plain replay writes nothing")
            from loadtest.sim.again import decide_again

            same, text = decide_again(options.journal, progress=options.progress)
            print(text)
            return EXIT_OK if same else EXIT_FAILED
        print(
            what_if(
                WhatIfOptions(
                    journal=options.journal,
                    plan=options.plan,
                    roster=options.roster,
                    out=options.out,
                    seed=options.seed,
                    progress=options.progress,
                )
            )
        )
        return EXIT_OK

    return _guarded(work)


def _guarded(work: Callable[[], int]) -> int:
    """What is wrong with the inputs is said in lines, not in a traceback."""
    from acd_core.documents import DocumentError
    from acd_core.journal.segments import JournalError
    from loadtest.sim.errors import SimError

    try:
        return work()
    except (DocumentError, JournalError, SimError) as error:
        print(error, file=sys.stderr)
        return EXIT_UNUSABLE
    except OSError as error:
        if error.filename is None:
            raise
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        print("stopped; nothing of this run is kept", file=sys.stderr)
        return EXIT_FAILED


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2025-01-01") from error
