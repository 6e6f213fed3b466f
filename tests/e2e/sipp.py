"""SIPp as many callers at once: each says a tone, waits to be served, and ends when the operator hangs up."""

from __future__ import annotations

import subprocess
from pathlib import Path

SCENARIO = """\
<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
INVITE sip:{number}@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:0555[call_number]@[local_ip]:[local_port]>;tag=[pid]S[call_number]
To: <sip:{number}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:0555[call_number]@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:0555[call_number]@[local_ip]:[local_port]>;tag=[pid]S[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <nop><action><exec rtp_stream="{tone},-1,0"/></action></nop>
  <recv request="BYE" timeout="{wait_ms}"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


def start_callers(
    folder: Path, *, tone: Path, number: str, count: int, rate: int, port: int, remote_port: int, wait_s: int
) -> subprocess.Popen[bytes]:
    """`count` callers, `rate` a second; SIPp exits 0 when every call went as written.

    `tone` is raw µ-law.
    """
    scenario = folder / "caller.xml"
    scenario.write_text(SCENARIO.format(number=number, tone=tone, wait_ms=wait_s * 1000))
    with (folder / "sipp.log").open("wb") as log:
        return subprocess.Popen(
            [
                *(
                    "sipp",
                    f"127.0.0.1:{remote_port}",
                    "-sf",
                    str(scenario),
                    "-i",
                    "127.0.0.1",
                    "-mi",
                    "127.0.0.1",
                ),
                *("-p", str(port), "-m", str(count), "-r", str(rate), "-l", str(count), "-nostdin"),
                *("-timeout", str(wait_s + 30), "-trace_err", "-error_file", str(folder / "errors.log")),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
