"""A call's messages as a capture, read back by tcpdump, which knows nothing of us."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from acd_core.link.trace_lines import TraceMessage
from gateways.edge.pcap import write_pcap

pytestmark = pytest.mark.peers

TEXT = "OPTIONS sip:185@192.0.2.1 SIP/2.0\r\nCall-ID: ölçü\r\n\r\n"


def message(
    *, sent: bool, host: str = "192.0.2.7", transport: str = "UDP", text: str = TEXT, at_ms: int = 0
) -> TraceMessage:
    return TraceMessage(1_700_000_000_123 + at_ms, sent, host, 40_000, text, 0, transport)


def tcpdump(path: Path, *options: str) -> str:
    command = ["tcpdump", "-nn", "-tttt", "-S", *options, "-r", str(path)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        errors="replace",
        env={"TZ": "UTC", "PATH": "/usr/bin:/usr/sbin"},
    ).stdout


def test_datagrams_of_both_families_have_right_headers_and_times(tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    count = write_pcap(
        file,
        [
            (message(sent=False), ("192.0.2.1", 5060)),
            (message(sent=True, at_ms=5), ("192.0.2.1", 5060)),
            (message(sent=False, host="2001:db8::7", at_ms=1_000, text=TEXT + "x"), ("2001:db8::1", 5060)),
        ],
    )
    assert count == 3
    assert file.stat().st_mode & 0o077 == 0
    said = tcpdump(file, "-vvv")
    assert "bad" not in said
    assert said.count("[udp sum ok]") == 3
    ends = re.findall(r"(\S+\.\d+) > (\S+\.\d+):", said)
    assert ends == [
        ("192.0.2.7.40000", "192.0.2.1.5060"),
        ("192.0.2.1.5060", "192.0.2.7.40000"),
        ("2001:db8::7.40000", "2001:db8::1.5060"),
    ]
    assert re.findall(r"2023-11-14 (\S+) IP", said) == [
        "22:13:20.123000",
        "22:13:20.128000",
        "22:13:21.123000",
    ]
    assert said.count("OPTIONS sip:185@192.0.2.1 SIP/2.0") >= 3


def test_a_stream_is_one_connection_whose_bytes_follow_each_other(tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    size = len(TEXT.encode())
    turns = [
        message(sent=sent, transport="TLS", at_ms=number)
        for number, sent in enumerate((False, False, True, False))
    ]
    write_pcap(file, [(turn, ("192.0.2.1", 5061)) for turn in turns])
    said = tcpdump(file, "-vvv")
    assert said.count("(correct)") == 4
    assert "192.0.2.7.40000 > 192.0.2.1.5060: Flags [P.]" in said
    assert re.findall(r"seq (\d+):(\d+), ack (\d+)", said) == [
        (str(1), str(1 + size), "1"),
        (str(1 + size), str(1 + 2 * size), "1"),
        ("1", str(1 + size), str(1 + 2 * size)),
        (str(1 + 2 * size), str(1 + 3 * size), str(1 + size)),
    ]


def test_two_ends_of_different_families_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not of one family"):
        write_pcap(tmp_path / "x", [(message(sent=True), ("2001:db8::1", 5060))])
