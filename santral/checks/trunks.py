"""Whether calls can go out at all, as far as this machine knows: trunks, their secrets, and rules that use them."""

from __future__ import annotations

import ipaddress

from acd_core.config import Config
from acd_core.telephony import Trunk
from gateways.edge.addresses import is_address
from santral.checks.finding import Finding, ok, warn


def trunks(config: Config) -> Finding:
    """What a carrier would say about a password is for the carrier to say."""
    if not config.trunks:
        return ok("none: nobody is called but the phones")
    for name, trunk in config.trunks.items():
        problem = _secret_problem(config, name, trunk)
        if problem:
            return warn(f"{name}: {problem}", f"run `santral trunk add {name}`")
    forgeable = [name for name, trunk in config.trunks.items() if _is_forgeable(trunk)]
    if forgeable:
        return warn(
            f"{', '.join(forgeable)}: trusted for nothing but a public address, which anybody can write into a datagram",
            'set incoming = "tls" or "digest", or keep others out (docs/operations.md, "Whom to believe")',
        )
    unused = sorted(set(config.trunks) - {name for rule in config.dial for name in rule.trunks})
    if unused:
        return warn(
            f"no dial rule uses {', '.join(unused)}: calls only come in there",
            "add a [[dial]] rule if operators shall call out over it",
        )
    return ok(f"{len(config.trunks)}, each used by a dial rule")


def _is_forgeable(trunk: Trunk) -> bool:
    """Whether a stranger on the Internet may pass for this trunk. A name is taken for one of the Internet."""
    if not trunk.trusted or trunk.incoming != "address":
        return False
    hosts = trunk.hosts or (trunk.host,)
    return any(not is_address(host) or ipaddress.ip_address(host).is_global for host in hosts)


def _secret_problem(config: Config, name: str, trunk: Trunk) -> str:
    if not trunk.user:
        return ""
    from gateways.edge.trunk_secrets import TrunkSecretError, read_trunk_secret

    path = config.trunk_secret_file(name)
    try:
        user, realm = read_trunk_secret(path)
    except TrunkSecretError as error:
        return str(error)
    if user != trunk.user or trunk.realm not in ("", realm):
        return f"its secret is for {user} in realm {realm}"
    return f"{path} can be read by others" if path.stat().st_mode & 0o077 else ""
