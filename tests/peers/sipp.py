"""SIPp (Debian: sip-tester) with a scenario of ours, beside a running test; its exit code says whether all went as written."""

from __future__ import annotations

from pathlib import Path

from gateways.sip.uri import bracket
from tests.peers.program import PATIENCE_S, Program
from tests.support.ports import free_ports

SCENARIOS = Path(__file__).parent / "scenarios"


def sipp_command(
    file: Path, log: Path, *, host: str, remote: int, port: int, calls: int, patience_s: float
) -> list[str]:
    """Runs this scenario until so many calls are over, from `port` of `host`; `remote` is who is called there, if anybody."""
    at = bracket(host)
    called = [f"{at}:{remote}"] if remote else []
    limits = ["-timeout", f"{patience_s:.0f}s", "-timeout_error", "-recv_timeout", "40000"]
    said = ["-nostdin", "-trace_err", "-error_file", str(log)]
    return ["sipp", *called, "-sf", str(file), "-i", at, "-p", str(port), "-m", str(calls), *limits, *said]


class Sipp:
    """One SIPp. `finish` waits until its calls are over and fails when any went differently than the scenario says."""

    def __init__(
        self,
        folder: Path,
        scenario: str | Path,
        remote_port: int,
        *options: str,
        calls: int = 1,
        rate: int = 10,
        port: int = 0,
        host: str = "127.0.0.1",
        patience_s: float = PATIENCE_S,
    ) -> None:
        """`scenario`: a name out of tests/peers/scenarios, or a file. `port`: its own; `host`: both sides'."""
        file = scenario if isinstance(scenario, Path) else SCENARIOS / f"{scenario}.xml"
        self.port = port or free_ports(2)
        self._patience_s = patience_s
        self._log = folder / f"{file.stem}-{self.port}.log"
        command = sipp_command(
            file,
            self._log,
            host=host,
            remote=remote_port,
            port=self.port,
            calls=calls,
            patience_s=patience_s,
        )
        # What is lost on the way comes late, and again: nothing that is not expected ends a call.
        command += ["-default_behaviors", "all,-abortunexp", "-mp", str(free_ports(4))]
        command += ["-r", str(rate), "-l", str(max(calls, 1))]
        self.program = Program([*command, *options], folder)

    def finish(self) -> None:
        """All its calls went as written."""
        code = self.program.wait(self._patience_s + PATIENCE_S)
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        assert code == 0, f"SIPp ended with {code}\n{said[-3000:]}\n{self.program.tail()}"

    def close(self) -> None:
        """End it."""
        self.program.close()
