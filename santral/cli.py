"""The command line. Each sub-command imports what it needs and nothing else, so that a process holds no other
process's libraries.

Exit codes: 0 done; 1 it went wrong; 2 the command line or the configuration can't be used, with one line that
says why.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from acd_core.config import Config, ConfigError, load_config
from santral.simulate import add_parsers as add_simulations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_UNUSABLE = 2

# The processes by name, each with the module whose `main(config)` it runs.
PROCESSES = {
    "core": ("acd_core.process", "routing: decides where every call goes"),
    "store": ("persistence.process", "ships the journal to PostgreSQL, migrates it"),
    "media": ("gateways.media.process", "audio: mixes, plays, records"),
    "webrtc": ("gateways.webrtc.process", "audio of browsers"),
    "speech": ("gateways.speech.process", "speaks prompts"),
    "edge": ("gateways.edge.process", "SIP"),
    "web": ("agent_web.process", "pages"),
}
OF_THE_CORE = frozenset(PROCESSES[name][0] for name in ("core", "store"))


def main(arguments: Sequence[str] | None = None) -> int:
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal can't show must not end anything
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.command
    try:
        code = command(options)
        sys.stdout.flush()
        return code
    except ConfigError as error:
        print(f"santral: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        return EXIT_FAILED
    except BrokenPipeError:
        if not _nobody_reads():
            raise  # some other pipe or socket
        return EXIT_FAILED


def _nobody_reads() -> bool:
    """Whether what we print goes nowhere, as when `| head` has seen enough; the flush at the end is then spared the same."""
    output = sys.stdout.fileno()
    poll = select.poll()
    poll.register(output, 0)  # errors are always told
    if not poll.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), output)
    return True


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="santral", description="Contact centre for city services.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    with_config = argparse.ArgumentParser(add_help=False)
    with_config.add_argument(
        "--config", type=Path, metavar="FILE", help="instead of SANTRAL_CONFIG or ./santral.toml"
    )

    up = commands.add_parser("up", parents=[with_config], help="everything on this machine")
    up.add_argument("--demo", action="store_true", help="with the example city and its log-ins")
    up.set_defaults(command=_up)
    for name, (module, what) in PROCESSES.items():
        process = commands.add_parser(name, parents=[with_config], help=f"one process: {what}")
        process.set_defaults(command=_process, module=module)
        if name == "edge":
            process.add_argument(
                "--number", type=int, default=None, metavar="N", help="which of [edges], from `first` on"
            )
            process.set_defaults(command=_edge)
    _add_documents(commands)
    doctor = commands.add_parser("doctor", parents=[with_config], help="check this machine, say what to do")
    doctor.set_defaults(command=_doctor)
    phone = commands.add_parser("phone", help="the passwords of SIP phones")
    phone_verbs = phone.add_subparsers(required=True, metavar="VERB")
    for verb, what in (("add", "add a phone or change its password"), ("remove", "forget a phone")):
        one = phone_verbs.add_parser(verb, parents=[with_config], help=what)
        one.add_argument("user", metavar="USER", help="as in the roster's `phone`")
        if verb == "add":
            one.add_argument(
                "--digest",
                choices=("MD5", "SHA-256"),
                help="ask this phone for this algorithm alone (otherwise for those of [sip] digest)",
            )
        one.set_defaults(command=_phone, verb=verb)
    _add_trunk(commands, with_config)
    _add_loadtest(commands)
    trace = commands.add_parser("trace", parents=[with_config], help="the SIP ladder of one call")
    trace.add_argument("call", metavar="CALL", nargs="?", default="", help="a call's id, or a SIP Call-ID")
    trace.add_argument("--pcap", type=Path, metavar="FILE", help="write its messages as a packet capture")
    trace.add_argument(
        "--live", action="store_true", help="go on showing messages; without CALL those of all calls"
    )
    trace.set_defaults(command=_trace)
    _add_questions(commands, with_config)
    add_simulations(commands)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(command=_version)
    return parser


def _add_questions(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], with_config: argparse.ArgumentParser
) -> None:
    explain = commands.add_parser(
        "explain", parents=[with_config], help="why a call went where it went, in sentences"
    )
    explain.add_argument("call", metavar="CALL")
    explain.add_argument(
        "--language", choices=("tr", "en", "pl", "zh"), default="", help="instead of the terminal's"
    )
    explain.add_argument("--json", action="store_true", help="the reasons as data, with the sentences")
    explain.set_defaults(command=_explain)
    mode = commands.add_parser("mode", parents=[with_config], help="open or close the centre for its flows")
    mode.add_argument("mode", choices=("normal", "closed", "emergency"))
    mode.set_defaults(command=_mode)


def _add_documents(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    what = "say whether it is valid, and if not, where and why"
    plan = commands.add_parser("plan", help="work with a plan as TOML")
    plan_verbs = plan.add_subparsers(required=True, metavar="VERB")
    plan_check = plan_verbs.add_parser("check", help=what)
    plan_check.add_argument("file", type=Path, metavar="FILE")
    plan_check.set_defaults(command=_check_plan)
    roster = commands.add_parser("roster", help="work with a roster as TOML")
    roster_verbs = roster.add_subparsers(required=True, metavar="VERB")
    roster_check = roster_verbs.add_parser("check", help=what)
    roster_check.add_argument("file", type=Path, metavar="FILE")
    roster_check.add_argument("--plan", type=Path, metavar="FILE", help="also whether it fits this plan")
    roster_check.set_defaults(command=_check_roster)


def _add_trunk(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], with_config: argparse.ArgumentParser
) -> None:
    trunk = commands.add_parser("trunk", help="routes to carriers and other exchanges")
    verbs = trunk.add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser("add", parents=[with_config], help="add a trunk, or change its password")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--host", default="", help="address or name; needed for a new one")
    add.add_argument("--port", type=int, default=0)
    add.add_argument("--transport", choices=("UDP", "TCP", "TLS"), default="UDP")
    add.add_argument("--user", default="", help="as whom we are known there; without one, by our address")
    add.add_argument("--realm", default="", help="of that user, as the carrier's challenge names it")
    add.add_argument("--register", action="store_true", help="register there")
    add.add_argument("--capacity", type=int, default=30, metavar="N", help="calls at a time")
    remove = verbs.add_parser("remove", parents=[with_config], help="forget a trunk and its password")
    remove.add_argument("name", metavar="NAME")
    listing = verbs.add_parser("list", parents=[with_config], help="the trunks, and who has a password")
    for verb, parser in (("add", add), ("remove", remove), ("list", listing)):
        parser.set_defaults(command=_trunk, verb=verb)


def _add_loadtest(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    loadtest = commands.add_parser("loadtest", help="drive a running system")
    kinds = loadtest.add_subparsers(required=True, metavar="KIND")
    callers = kinds.add_parser("callers", help="SIP callers; exit code 0 when every call was answered")
    callers.add_argument("--to", required=True, metavar="URI", help="such as sip:185@127.0.0.1:5060")
    callers.add_argument("--transport", choices=("udp", "tcp", "tls"), default="udp")
    callers.add_argument("--calls", type=int, default=1, metavar="N")
    callers.add_argument(
        "--rate", type=float, default=1.0, metavar="PER_SECOND", help="calls placed a second"
    )
    callers.add_argument("--hold-s", type=float, default=10.0, metavar="S", help="from the answer to our BYE")
    callers.add_argument("--keys", default="", metavar="1@3.0,2@5", help="keys, seconds after the answer")
    callers.add_argument("--out", type=Path, metavar="DIR", help="for summary.json and calls.csv")
    callers.add_argument(
        "--allow-remote", action="store_true", help="call another machine, whose owner agrees"
    )
    callers.set_defaults(command=_load_callers)


def _up(options: argparse.Namespace) -> int:
    from santral.up.command import run_up

    return run_up(options.config, is_demo=options.demo)


def _process(options: argparse.Namespace) -> int:
    config = load_config(options.config)
    if options.module in OF_THE_CORE and "core" not in config.parts:
        raise ConfigError(f"the core runs on another machine ({config.link.core}), and its store beside it")
    os.umask(0o077)  # who called, and what was said, is nobody else's business
    run: Callable[[Config], int] = importlib.import_module(options.module).main
    return run(config)


def _edge(options: argparse.Namespace) -> int:
    config = load_config(options.config)
    number: int = config.edges.first if options.number is None else options.number
    if number not in config.edges.numbers:
        raise ConfigError(
            f"there is no edge {number} here: [edges] first is {config.edges.first}, count {config.edges.count}"
        )
    os.umask(0o077)
    from gateways.edge.process import main as run

    return run(config, number)


def _check_plan(options: argparse.Namespace) -> int:
    from santral.documents import check_plan

    return _report_check(options.file, lambda: check_plan(options.file))


def _check_roster(options: argparse.Namespace) -> int:
    from santral.documents import check_roster

    return _report_check(options.file, lambda: check_roster(options.file, options.plan))


def _report_check(file: Path, check: Callable[[], tuple[str, ...]]) -> int:
    from acd_core.documents import DocumentError

    try:
        odd = check()
    except DocumentError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    for text in odd:
        print(f"{file}: note: {text}")
    print(f"{file}: valid")
    return EXIT_OK


def _doctor(options: argparse.Namespace) -> int:
    from santral.checks import run_doctor

    return run_doctor(load_config(options.config))


def _phone(options: argparse.Namespace) -> int:
    from gateways.edge.phones import PhonesError
    from santral import phones

    config = load_config(options.config)
    try:
        if options.verb == "add":
            phones.add(config, options.user, options.digest)
        elif not phones.remove(config, options.user):
            print(f"there is no phone {options.user}", file=sys.stderr)
            return EXIT_FAILED
    except (PhonesError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    return EXIT_OK


def _trunk(options: argparse.Namespace) -> int:
    from santral.trunks import run_trunk

    return run_trunk(options)


def _trace(options: argparse.Namespace) -> int:
    from santral.trace import run_trace

    return run_trace(load_config(options.config), options.call, options.pcap, live=options.live)


def _explain(options: argparse.Namespace) -> int:
    from santral.explain import run_explain

    return run_explain(load_config(options.config), options.call, options.language, as_json=options.json)


def _mode(options: argparse.Namespace) -> int:
    from santral.control import change_mode

    return change_mode(load_config(options.config), options.mode)


def _load_callers(options: argparse.Namespace) -> int:
    from loadtest.callers import run_callers
    from loadtest.options import LoadError, callers_options
    from santral.checks.machine import raise_open_files

    raise_open_files()
    try:
        asked = callers_options(
            to=options.to,
            calls=options.calls,
            rate=options.rate,
            hold_s=options.hold_s,
            keys=options.keys,
            out=options.out,
            allow_remote=options.allow_remote,
            transport=options.transport.upper(),
        )
        return EXIT_OK if run_callers(asked) else EXIT_FAILED
    except LoadError as error:
        print(f"santral loadtest: {error}", file=sys.stderr)
        return EXIT_UNUSABLE


def _version(options: argparse.Namespace) -> int:
    from importlib.metadata import version

    print(f"santral {version('santral')}")
    return EXIT_OK
