"""`santral explain CALL`: why this call went where it went, in sentences.

The core is asked first: it knows the calls of the moment, and what keeps a waiting one. What it does not know, or knows in part,
comes from the database; of a call that both know, the core's last words are put behind what is stored.
"""

from __future__ import annotations

import asyncio
import os
import sys

import asyncpg
import msgspec

from acd_core.config import Config, ConfigError
from acd_core.explain.clock import day, wall_clock
from acd_core.explain.sentences import Line, tell, tell_waiting
from acd_core.explain.story import Told, merged
from acd_core.explain.texts import LANGUAGES, Language
from acd_core.explain.words import Words
from acd_core.link.signals import ExplainAsked, Explained
from persistence.embedded import EmbeddedPostgresError, running_dsn
from persistence.pool import open_pool
from persistence.reasons import read_told
from santral.control import CoreAwayError, ask

DATABASE_WITHIN_S = 10.0


class _DatabaseAwayError(Exception):
    """The database can't be asked; the text says why."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints: the reasons as data, and the sentences made of them."""

    told: Told
    lines: tuple[Line, ...]
    now: tuple[str, ...]


def run_explain(config: Config, call: str, language: str, *, as_json: bool) -> int:
    """Print it; 1 when there is no such call, or nobody to ask."""
    problems: list[str] = []
    told = _find(config, call, problems)
    if told is None:
        print(_unknown(call, problems), file=sys.stderr)
        return 1
    spoken = _language(language)
    clock = wall_clock(told.names.timezone)
    explanation = Explanation(
        told=told,
        lines=tell(told, spoken, clock),
        now=() if told.waiting is None else tell_waiting(told.waiting, told.names, spoken, clock),
    )
    if as_json:
        print(msgspec.json.encode(explanation).decode())
    else:
        print(_text(explanation, spoken))
    return 0


def _unknown(call: str, problems: list[str]) -> str:
    if not problems:
        return f"santral: there is no call {call}; `santral trace {call}` lists the latest ones"
    return f"santral: nothing is known of call {call}: {'; '.join(problems)}"


def _find(config: Config, call: str, problems: list[str]) -> Told | None:
    live: Told | None = None
    try:
        live = ask(config, ExplainAsked(call=call), Explained).told
    except CoreAwayError as error:
        problems.append(str(error))
    if live is not None and live.whole and not live.left_out:
        return live
    stored: Told | None = None
    try:
        stored = asyncio.run(_stored(config, call))
        problems.clear()  # who is not in the database and not with a core that is away is not known at all
    except _DatabaseAwayError as error:
        problems.append(str(error))
    if live is None or stored is None:
        return live or stored
    return merged(stored, live)


async def _stored(config: Config, call: str) -> Told | None:
    try:
        if not config.database.dsn:
            folder = config.database.embedded_dir
            dsn = running_dsn(config.data_path, config.run_path, config.resolve(folder) if folder else None)
            config = msgspec.structs.replace(
                config, database=msgspec.structs.replace(config.database, dsn=dsn)
            )
        async with (
            asyncio.timeout(DATABASE_WITHIN_S),
            await open_pool(config, "explain") as pool,
            pool.acquire() as connection,
        ):
            return await read_told(connection, call)
    except EmbeddedPostgresError as error:
        raise _DatabaseAwayError(str(error)) from error
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        reason = str(error) or type(error).__name__
        raise _DatabaseAwayError(f"the database can't be read ({reason})") from error
    except ValueError as error:
        raise ConfigError(f"database.dsn: {error}") from error


def _language(asked: str) -> Language:
    """The one asked for, else that of the terminal (POSIX, section 8.2: the first of these that is set), else English."""
    names = (asked, *(os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")))
    name = next((name for name in names if name), "")[:2]
    return next((language for language in LANGUAGES if language == name), "en")


def _text(explanation: Explanation, language: Language) -> str:
    told, words = explanation.told, Words(language)
    head = [told.call]
    if told.reasons:
        head.append(day(told.reasons[0].at_ms, told.names.timezone))
    head.append(told.names.timezone or "UTC")
    text = ["  ".join(head), ""]
    text += [f"{line.clock:8}  {line.text}" for line in explanation.lines]
    if explanation.now:
        text += ["", words.say("now"), *(f"  {sentence}" for sentence in explanation.now)]
    return "\n".join(text)
