"""Browser legs through the browser-audio process: what one costs, and what it adds to the delay.

The process runs as it does in production, commanded over its link. This process plays all pages (ICE, DTLS and SRTP as a
browser does them, 50 packets a second) and an engine that sends every packet back where it came from, so that a page
measures the way there and back through the process.

    python benchmarks/browser_audio.py --legs 10 40 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import aioice.stun
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from gateways.media import rtp
from gateways.webrtc import messages as m
from gateways.webrtc.srtp import PROFILES

GUARD_S = 60.0
START = """
import sys
from pathlib import Path
from acd_core.config import load_config
from gateways.webrtc.process import main
sys.exit(main(load_config(Path(sys.argv[1]))))
"""
OFFER = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
t=0 0
m=audio 9 UDP/TLS/RTP/SAVPF 0
a=ice-ufrag:page
a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa
a=fingerprint:sha-256 {fingerprint}
a=setup:actpass
a=mid:0
a=sendrecv
a=rtcp-mux
"""


class Identity:
    """The pages' certificate: one for all, as it is not what is measured."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "page")])
        now = dt.datetime.now(dt.UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
        certificate = builder.sign(key, hashes.SHA256())
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.use_certificate(certificate)
        self.context.use_privatekey(key)
        self.context.set_tlsext_use_srtp(PROFILES[0].name)


class Echo(asyncio.DatagramProtocol):
    """The engine."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


class Page(asyncio.DatagramProtocol):
    """A browser."""

    def __init__(self, identity: Identity) -> None:
        self.delays_ms: list[float] = []
        self.up = asyncio.Event()
        self.sent = 0
        self._ssl = SSL.Connection(identity.context)
        self._ssl.set_connect_state()
        self._out: Session | None = None
        self._in: Session | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def begin(self, answer: str) -> None:
        """Check, nominate, and begin the handshake."""
        lines = dict(
            line[2:].split(":", 1)
            for line in answer.splitlines()
            if line.startswith("a=ice-") and ":" in line
        )
        check = aioice.stun.Message(
            message_method=aioice.stun.Method.BINDING, message_class=aioice.stun.Class.REQUEST
        )
        check.attributes["USERNAME"] = f"{lines['ice-ufrag']}:page"
        check.attributes["PRIORITY"] = 1
        check.attributes["ICE-CONTROLLING"] = 1
        check.attributes["USE-CANDIDATE"] = None
        check.add_message_integrity(lines["ice-pwd"].encode())
        self.transport.sendto(bytes(check))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if data[0] >= 128:
            if self._in is not None and not rtp.is_rtcp(data):
                packet = rtp.parse(self._in.unprotect(data))
                assert packet is not None
                self.delays_ms.append((time.monotonic_ns() - int.from_bytes(packet[5][:8], "big")) / 1e6)
            return
        if data[0] >= 20:
            self._ssl.bio_write(data)
        self._shake()

    def speak(self) -> None:
        """Send a packet that carries when it was sent."""
        assert self._out is not None
        payload = time.monotonic_ns().to_bytes(8, "big") + bytes(152)
        self.sent += 1
        self.transport.sendto(self._out.protect(rtp.build(0, False, self.sent, self.sent * 160, 1, payload)))

    def _shake(self) -> None:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            pass
        else:
            self._take_keys()
        try:
            self.transport.sendto(self._ssl.bio_read(4096))
        except SSL.Error:
            pass

    def _take_keys(self) -> None:
        profile = PROFILES[0]
        key, salts = profile.key_bytes, 2 * profile.key_bytes
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + profile.salt_bytes))
        ours = material[:key] + material[salts : salts + profile.salt_bytes]
        theirs = material[key:salts] + material[salts + profile.salt_bytes :]
        number = profile.number
        self._out = Session(Policy(key=ours, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=number))
        self._in = Session(Policy(key=theirs, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=number))
        self.up.set()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def open_legs(config: Config, count: int) -> tuple[list[Page], Any]:
    """All legs, up."""
    loop = asyncio.get_running_loop()
    identity, answers, up = Identity(), asyncio.Queue[Any](), asyncio.Event()
    link = LinkClient(
        config.socket("webrtc"),
        role="edge",
        name="edge1",
        send_type=m.ToBrowserAudio,
        receive_type=m.FromBrowserAudio,
        on_message=answers.put_nowait,
        on_up=lambda fresh: up.set(),
        on_down=lambda: None,
    )
    running = loop.create_task(link.run())
    await up.wait()
    echo, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    pages = []
    for number in range(count):
        port = echo.get_extra_info("sockname")[1]
        sdp = OFFER.format(fingerprint=identity.fingerprint)
        link.send(m.OfferLeg(leg=f"{number}", sdp=sdp, engine_host="127.0.0.1", engine_port=port))
        answered = await answers.get()
        assert isinstance(answered, m.LegAnswered), answered
        port = int(next(line for line in answered.sdp.splitlines() if line.startswith("m=")).split()[1])
        _, page = await loop.create_datagram_endpoint(lambda: Page(identity), remote_addr=("127.0.0.1", port))
        page.begin(answered.sdp)
        await page.up.wait()
        await answers.get()  # connected
        pages.append(page)
    return pages, (running, echo)


async def measure(config: Config, pid: int, count: int, seconds: float) -> str:
    """One row of the table."""
    loop = asyncio.get_running_loop()
    before = cpu_s(pid)
    async with asyncio.timeout(GUARD_S):
        pages, (running, echo) = await open_legs(config, count)
    set_up_ms = 1000 * (cpu_s(pid) - before) / count
    start, used = loop.time(), cpu_s(pid)
    for tick in range(int(seconds * 50)):
        # The pages speak one after the other within the 20 ms, as people's clocks do.
        for number, page in enumerate(pages):
            if number % 8 == 0:
                await asyncio.sleep(max(0.0, start + (tick + number / count) * 0.02 - loop.time()))
            page.speak()
    took, used = loop.time() - start, cpu_s(pid) - used
    await asyncio.sleep(0.5)
    delays = sorted(delay for page in pages for delay in page.delays_ms)
    sent = sum(page.sent for page in pages)
    running.cancel()
    echo.close()
    for page in pages:
        page.transport.close()
    return (
        f"| {count} | {100 * used / took:.1f} % | {100 * used / took / count:.2f} % | {set_up_ms:.0f} ms "
        f"| {resident_mb(pid):.0f} MB | {delays[len(delays) // 2]:.2f} ms | {delays[len(delays) * 99 // 100]:.2f} ms "
        f"| {100 * (1 - len(delays) / sent):.2f} % of {sent} |"
    )


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--legs", type=int, nargs="+", default=[10])
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    print(f"machine: {machine()}; load {os.getloadavg()[0]:.1f} before")
    print("| legs | CPU of a core | a leg | to set one up | memory | there and back p50 | p99 | lost |")
    print("|---|---|---|---|---|---|---|---|")
    for count in options.legs:
        with tempfile.TemporaryDirectory(prefix="audio-") as folder:
            file = Path(folder, "santral.toml")
            file.write_text(f'run_dir = "run"\nlog_level = "warning"\n[webrtc]\nlegs_max = {count}\n')
            config = Config(base_dir=folder, run_dir="run")
            root = Path(__file__).parents[1]
            with subprocess.Popen([sys.executable, "-c", START, str(file)], cwd=root) as process:
                try:
                    print(uvloop.run(measure(config, process.pid, count, options.seconds)), flush=True)
                finally:
                    process.terminate()


if __name__ == "__main__":
    main()
