"""SIP messages through the parser, and whole calls through the sans-IO stack, on one core.

Time is processor time of this process, so that others on the machine disturb little; and since a second of
work depends on the machine, each figure stands beside a floor measured in the same minute: the same
messages cut into lines with a bare `bytes.split`. What counts is the ratio.

    python benchmarks/sip_parse.py --seconds 2
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gateways.sip.build import make_request, respond
from gateways.sip.dialog import Dialog
from gateways.sip.events import (
    AckReceived,
    Address,
    InviteEnded,
    Output,
    RequestReceived,
    ResponseReceived,
    Send,
)
from gateways.sip.headers import NameAddr, Via
from gateways.sip.layer import TransactionLayer
from gateways.sip.parser import parse_message
from gateways.sip.sdp import LocalMedia, answer_offer, make_offer, parse_sdp

CALLER: Address = ("192.0.2.1", 5060)
CALLEE: Address = ("192.0.2.2", 5060)
SDP = make_offer(LocalMedia("192.0.2.1", 4000, 1)).to_bytes()
ROUNDS = 5


def messages() -> list[bytes]:
    """What one call brings to one of its sides: INVITE, 180, 200, ACK, BYE, 200."""
    invite = make_request(
        "INVITE",
        "sip:185@192.0.2.2:5060;transport=udp",
        from_=NameAddr.parse('"Ayse Yilmaz" <sip:+902125551212@192.0.2.1>;tag=as58f4201b'),
        to=NameAddr.parse("<sip:185@192.0.2.2>"),
        call_id="3c26700d7a6e-kg5h2mwt9z1x@192.0.2.1",
        cseq=102,
        contact="<sip:+902125551212@192.0.2.1:5060>",
        headers=[("Date", "Sat, 13 Nov 2010 23:29:00 GMT"), ("P-Asserted-Identity", "<sip:ayse@192.0.2.1>")],
        body=SDP,
        content_type="application/sdp",
    )
    invite.push_via(Via("UDP", "192.0.2.1", 5060, {"branch": "z9hG4bK776asdhds9f2k", "rport": None}))
    ringing = respond(invite, 180, to_tag="314159", contact="<sip:185@192.0.2.2>")
    ok = respond(
        invite, 200, to_tag="314159", contact="<sip:185@192.0.2.2>", body=SDP, content_type="application/sdp"
    )
    dialog = Dialog.as_caller(invite, ok)
    ack, bye = dialog.ack(), dialog.request("BYE")
    for message in (ack, bye):
        message.push_via(Via("UDP", "192.0.2.1", 5060, {"branch": "z9hG4bK87asdks7f8g2j", "rport": None}))
    return [message.to_bytes() for message in (invite, ringing, ok, ack, bye, respond(bye, 200))]


def per_second(work: Callable[[], int], seconds: float) -> float:
    """The best of several rounds: other programs only ever slow it down."""
    best = 0.0
    for _ in range(ROUNDS):
        done = 0
        begun = time.process_time()
        while (spent := time.process_time() - begun) < seconds / ROUNDS:
            done += work()
        best = max(best, done / spent)
    return best


class Calls:
    """Two transaction layers that call each other, with users that do what a back-to-back agent must."""

    def __init__(self) -> None:
        self.tokens = 0
        self.now_ms = 0
        self.layers = {address: TransactionLayer(self.token, address) for address in (CALLER, CALLEE)}
        self.local = LocalMedia("192.0.2.2", 5000, 1)

    def token(self, n: int) -> str:
        """Unique is enough here."""
        self.tokens += 1
        return f"{self.tokens:0{n}x}"

    def one(self) -> int:
        """INVITE, 100, 180, 200, ACK, BYE, 200; a hundred milliseconds pass."""
        self.now_ms += 100
        caller = self.layers[CALLER]
        call = self.token(8)
        invite = make_request(
            "INVITE",
            "sip:185@192.0.2.2",
            from_=NameAddr.parse(f"<sip:ayse@192.0.2.1>;tag={call}"),
            to=NameAddr.parse("<sip:185@192.0.2.2>"),
            call_id=call,
            cseq=1,
            contact="<sip:ayse@192.0.2.1:5060>",
            body=SDP,
            content_type="application/sdp",
        )
        key = caller.send_request(invite, CALLEE, self.now_ms)
        while True:
            outputs = [(at, output) for at, layer in self.layers.items() for output in layer.take_output()]
            if not outputs:
                break
            for at, output in outputs:
                if isinstance(output, Send):
                    self.layers[output.destination].receive(output.data, at, self.now_ms)
                elif (
                    isinstance(output, ResponseReceived)
                    and output.key == key
                    and output.response.status == 200
                ):
                    dialog = Dialog.as_caller(invite, output.response)
                    caller.send_ack(key, dialog.ack(), CALLEE, self.now_ms)
                    caller.send_request(dialog.request("BYE"), CALLEE, self.now_ms)
                else:
                    self.answer(output)
        for layer in self.layers.values():
            layer.poll_timers(self.now_ms)
        return 1

    def answer(self, output: Output) -> None:
        """The side that is called."""
        layer = self.layers[CALLEE]
        if isinstance(output, RequestReceived) and output.request.method == "INVITE":
            ringing = respond(output.request, 180, to_tag="callee", contact="<sip:185@192.0.2.2>")
            layer.send_response(output.key, ringing, self.now_ms)
            answer, _ = answer_offer(parse_sdp(output.request.body), self.local)
            ok = respond(
                output.request,
                200,
                to_tag="callee",
                contact="<sip:185@192.0.2.2>",
                body=answer.to_bytes(),
                content_type="application/sdp",
            )
            layer.send_response(output.key, ok, self.now_ms)
        elif isinstance(output, RequestReceived):
            layer.send_response(output.key, respond(output.request, 200), self.now_ms)
        else:
            assert isinstance(output, ResponseReceived | AckReceived | InviteEnded), output


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    seconds = parser.parse_args().seconds
    wire = messages()

    def floor() -> int:
        for data in wire:
            data.split(b"\r\n")
        return len(wire)

    def parse() -> int:
        for data in wire:
            parse_message(data)
        return len(wire)

    def check() -> int:
        for data in wire:
            parse_message(data).check()
        return len(wire)

    def write() -> int:
        for message in parsed:
            message.to_bytes()
        return len(wire)

    parsed = [parse_message(data) for data in wire]
    calls = Calls()
    rates = {
        "split": per_second(floor, seconds),
        "parse": per_second(parse, seconds),
        "parse_and_check": per_second(check, seconds),
        "write": per_second(write, seconds),
        "calls": per_second(calls.one, seconds),
    }
    statistics = {address[0]: layer.statistics() for address, layer in calls.layers.items()}
    result = {
        "machine": f"{platform.machine()} {platform.processor()} Python {platform.python_version()}",
        "message_bytes": sum(map(len, wire)) // len(wire),
        "messages_per_second": {name: round(rate) for name, rate in rates.items() if name != "calls"},
        "times_the_floor": {
            name: round(rates["split"] / rate, 1) for name, rate in rates.items() if name != "split"
        },
        "calls_per_second_both_sides": round(rates["calls"]),
        "transactions_live": {
            host: counters.clients_live + counters.servers_live for host, counters in statistics.items()
        },
        "retransmissions": sum(counters.retransmissions_sent for counters in statistics.values()),
    }
    json.dump(result, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
