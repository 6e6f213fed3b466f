"""The link between machines: its files, its port on the core's machine, and on the others the way to the core."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import time

from cryptography import x509

from acd_core.config import Config, ConfigError
from acd_core.link.aio import LinkClient
from acd_core.link.places import core_place
from acd_core.link.secure import SECRET_VARIABLE, client_side, read_secret
from acd_core.link.signals import FromCore, ToCore
from acd_core.machines import host_and_port
from santral.checks.finding import Finding, fail, ok, warn
from santral.checks.network import one_port

ANSWER_WITHIN_S = 8.0
_QUESTIONS = 8
_BEAT_S = 0.02
_CLOCK_OFF_MS = 1_000
_RENEW_BEFORE = dt.timedelta(days=30)


def link_files(config: Config) -> Finding:
    """Without them no other machine's process is heard. The core's machine makes them at its first start."""
    try:
        if config.link.core:
            client_side(config)
        elif config.link.certificate_file and (ends := _ends_soon(config)):
            return warn(
                f"{config.link.certificate_file} ends on {ends}",
                "renew it: the other machines look at its date",
            )
        elif config.link_secret_file.exists() or SECRET_VARIABLE in os.environ:
            read_secret(config)
        else:
            return ok(f"{config.link_secret_file} (will be made)")
    except ConfigError as error:
        return fail(str(error), "docs/operations.md, Several machines")
    return ok(str(config.link_trust_file.parent))


def _ends_soon(config: Config) -> str:
    """The day, when a given certificate ends within a month; the one that the core made has no end that counts."""
    try:
        certificate = x509.load_pem_x509_certificate(
            config.resolve(config.link.certificate_file).read_bytes()
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"link: {config.link.certificate_file} can't be read ({error})") from error
    ends = certificate.not_valid_after_utc
    return f"{ends:%Y-%m-%d}" if ends < dt.datetime.now(dt.UTC) + _RENEW_BEFORE else ""


def link(config: Config, running: int | None) -> Finding:
    """On the core's machine whether the port can be had; elsewhere whether the core answers, and how the clocks differ."""
    if not config.link.core:
        place = host_and_port(config.link.listen)
        assert place is not None
        return one_port("link", socket.SOCK_STREAM, *place, running, setting="listen")
    exchanges, problem = asyncio.run(_ask(config))
    if not exchanges:
        return fail(
            f"the core at {config.link.core} can't be spoken with: {problem}",
            "see that it runs with that [link] listen, that no firewall is between, and that both have the same link folder",
        )
    took_ms, ahead_ms = min(exchanges)
    text = (
        f"the core at {config.link.core} answers within {max(took_ms, 1)} ms; the clock here is "
        f"{abs(ahead_ms)} ms {'ahead of' if ahead_ms > 0 else 'behind'} the core's, give or take {took_ms // 2 + 1} ms"
    )
    if abs(ahead_ms) > _CLOCK_OFF_MS:
        return warn(text, "calls go by the core's clock all the same, logs don't: run chrony on both")
    return ok(text)


async def _ask(config: Config) -> tuple[list[tuple[int, int]], str]:
    """How long each answer took with how far our wall clock is ahead of the core's, or why there is none."""
    exchanges: list[tuple[int, int]] = []

    def told(asked_ms: int, answered_ms: int, theirs_ms: int) -> None:
        exchanges.append((answered_ms - asked_ms, (asked_ms + answered_ms) // 2 - theirs_ms))

    client = LinkClient(
        core_place(config),
        role="probe",
        name=f"probe-{os.getpid()}",
        send_type=ToCore,
        receive_type=FromCore,
        on_message=lambda message: None,
        on_up=lambda fresh: None,
        on_down=lambda: None,
        on_time=told,
        monotonic_ms=lambda: time.time_ns() // 1_000_000,
        beat_s=_BEAT_S,
    )
    trying = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while len(exchanges) < _QUESTIONS and not client.error:  # noqa: ASYNC110 - the link tells of answers alone
                await asyncio.sleep(_BEAT_S)
    except TimeoutError:
        pass  # what there is by then has to do
    finally:
        trying.cancel()
        await asyncio.gather(trying, return_exceptions=True)
    return exchanges, client.error or "no answer in time"
