"""A word with the running core: one message over its socket, one answer, and gone.

Whoever may open the socket may ask; its file's rights are the authorisation. The core takes two things on such a connection: the
question why a call went where it went, and a change of the centre's mode.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from typing import TypeVar

from acd_core.config import Config
from acd_core.domain.events import CentreMode, ModeChanged
from acd_core.link.aio import LinkClient
from acd_core.link.signals import ExplainAsked, Explained, ModeTold

CONNECT_WITHIN_S = 3.0
ANSWER_WITHIN_S = 15.0

_Answer = TypeVar("_Answer", Explained, ModeTold)


class CoreAwayError(Exception):
    """The core can't be asked now."""


def ask(config: Config, asked: ExplainAsked | ModeChanged, answer: type[_Answer]) -> _Answer:
    """Tell the core one thing and wait for its answer; raises `CoreAwayError`."""
    path = config.socket("core")
    if config.link.core:
        raise CoreAwayError(f"the core runs on another machine ({config.link.core}); run this there")
    if not path.is_socket():
        raise CoreAwayError("the core does not run here; start it with `santral up`")
    if not os.access(path, os.W_OK):
        raise CoreAwayError(f"{path} belongs to somebody else; run this as the user who runs santral")
    return asyncio.run(_ask(config, asked, answer))


async def _ask(config: Config, asked: ExplainAsked | ModeChanged, answer: type[_Answer]) -> _Answer:
    is_up, heard = asyncio.Event(), asyncio.get_running_loop().create_future()

    def receive(message: Explained | ModeTold) -> None:
        if isinstance(message, answer) and not heard.done():
            heard.set_result(message)

    link = LinkClient(
        config.socket("core"),
        role="control",
        name=f"control-{os.getpid()}",
        send_type=ExplainAsked | ModeChanged,
        receive_type=Explained | ModeTold,
        on_message=receive,
        on_up=lambda fresh: is_up.set(),
        on_down=lambda: None,
    )
    connection = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            await is_up.wait()
        if isinstance(asked, ModeChanged):
            link.send(asked)
        else:
            link.signal(asked)
        async with asyncio.timeout(ANSWER_WITHIN_S):
            told: _Answer = await heard
            return told
    except TimeoutError as error:
        raise CoreAwayError("the core does not answer; see `logs/core.log`") from error
    finally:
        connection.cancel()
        await asyncio.gather(connection, return_exceptions=True)


def change_mode(config: Config, mode: CentreMode) -> int:
    """Put the centre into this mode and print what it was before; 1 when the core can't be told."""
    try:
        told = ask(config, ModeChanged(mode=mode, by=_user()), ModeTold)
    except CoreAwayError as error:
        print(f"santral: {error}", file=sys.stderr)
        return 1
    print(f"mode: {told.before} -> {told.after}")
    return 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name
        return f"uid {os.getuid()}"
