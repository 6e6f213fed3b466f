"""dnsmasq (Debian: dnsmasq-base) as the DNS server that has a carrier's names."""

from __future__ import annotations

from pathlib import Path

from tests.peers.program import Program
from tests.support.ports import free_port


class Dnsmasq:
    """Answers for `test.` out of its options and asks nobody else."""

    def __init__(self, folder: Path, *records: str, port: int = 0) -> None:
        """`records` as options: `host-record=a.test,127.0.0.1,30`, `srv-host=…`, `naptr-record=…`."""
        self.port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "dnsmasq.conf"
        file.write_text(
            "no-resolv\nno-hosts\nno-poll\nbind-interfaces\nlisten-address=127.0.0.1\nlocal=/test/\nlog-queries\n"
            f"log-facility=-\npid-file=\nuser=root\nport={self.port}\n"
            + "".join(f"{one}\n" for one in records)
        )
        self._program = Program(["/usr/sbin/dnsmasq", "--keep-in-foreground", f"--conf-file={file}"], folder)
        try:
            self._program.wait_for("started, version")
        except AssertionError:
            self._program.close()
            raise

    @property
    def address(self) -> str:
        """For `[sip] resolver`."""
        return f"127.0.0.1:{self.port}"

    def asked(self) -> list[str]:
        """What it was asked, kind and name, in order."""
        words = (line.partition("query[")[2] for line in self._program.lines if "query[" in line)
        return [word.split(" from ")[0].replace("]", "") for word in words]

    def close(self) -> None:
        """Nobody answers any more."""
        self._program.close()
