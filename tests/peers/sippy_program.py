"""A SIP user agent out of sippy, run by the Python of its own environment: commands come as JSON lines, events leave as such.

Commands: `call` (to, and optionally user, password, headers, late), `answer` (how the next calls are taken: "accept", "ring",
or a status; `answers` says that it is so from now on), `accept`, `update`, `bye`, `register` (user, password). Events: `up`,
then what happens to calls, each with its `status` where it has one, and `registered` or `register_failed`.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from sippy.CCEvents import (
    CCEventConnect,
    CCEventDisconnect,
    CCEventFail,
    CCEventPreConnect,
    CCEventRing,
    CCEventTry,
    CCEventUpdate,
)
from sippy.Core.EventDispatcher import ED2
from sippy.MsgBody import MsgBody
from sippy.SipConf import SipConf
from sippy.SipHeader import SipHeader
from sippy.SipLogger import SipLogger
from sippy.SipRegistrationAgent import SipRegistrationAgent
from sippy.SipTransactionManager import SipTransactionManager
from sippy.SipURL import SipURL
from sippy.UA import UA

SDP = (
    "v=0\r\no=sippy {version} {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na={direction}\r\n"
)


class Agent:
    """All calls of this user agent, numbered as they begin."""

    def __init__(self, port: int, peer: tuple[str, int], rtp_port: int, contact_port: int) -> None:
        self._peer, self._rtp_port = peer, rtp_port
        SipConf.my_address, SipConf.my_port = "127.0.0.1", contact_port
        self._config: dict[str, Any] = {
            "_sip_address": "127.0.0.1",
            "_sip_port": port,
            "_sip_logger": SipLogger("sippy"),
        }
        self._config["_sip_tm"] = SipTransactionManager(self._config, self._requested)
        self._calls: dict[int, Any] = {}
        self._how: str | int = "accept"
        self._versions = 0
        self._registrations: list[Any] = []

    def _body(self, direction: str = "sendrecv") -> Any:
        self._versions += 1
        return MsgBody(SDP.format(version=self._versions, port=self._rtp_port, direction=direction))

    def _requested(self, request: Any, transaction: Any) -> Any:
        if request.getHFBody("to").getTag() is not None:
            return request.genResponse(481, "Call Leg/Transaction Does Not Exist"), None, None
        if request.getMethod() == "INVITE":
            return self._agent().recvRequest(request, transaction)
        status = 200 if request.getMethod() == "OPTIONS" else 501
        return request.genResponse(status, "OK" if status == 200 else "Not Implemented"), None, None

    def _agent(self, **more: Any) -> Any:
        number = len(self._calls)
        self._calls[number] = agent = UA(self._config, event_cb=self._happened, **more)
        agent.number = number
        return agent

    def _happened(self, event: Any, agent: Any) -> None:
        data = event.getData()
        status = data[0] if isinstance(data, tuple) and data and isinstance(data[0], int) else 0
        say(event=type(event).__name__.removeprefix("CCEvent").lower(), call=agent.number, status=status)
        if isinstance(event, CCEventTry):
            if isinstance(self._how, int):
                agent.recvEvent(CCEventFail((self._how, "No")))
                return
            agent.recvEvent(CCEventRing((180, "Ringing", None)))
            if self._how == "accept":
                agent.recvEvent(CCEventConnect((200, "OK", self._body())))
        elif isinstance(event, CCEventConnect):
            agent.rAddr = (
                self._peer,
                "udp",
            )  # on through the peer that it was called by, whatever its Contact says
        elif isinstance(event, (CCEventPreConnect, CCEventUpdate)):  # theirs is the offer, here or in the 200
            agent.recvEvent(CCEventConnect((200, "OK", self._body())))

    def obey(self, command: dict[str, Any]) -> None:
        match command["do"]:
            case "call":
                agent = self._agent(
                    nh_address=self._peer, username=command.get("user"), password=command.get("password")
                )
                body = None if command.get("late") else self._body()
                attempt = CCEventTry((None, command["caller"], command["to"], body, None, command["caller"]))
                attempt.extra_headers = (
                    tuple(
                        SipHeader(name=name, body=body) for name, body in command.get("headers", {}).items()
                    )
                    or None
                )
                agent.recvEvent(attempt)
            case "answer":
                self._how = command["how"]
                say(event="answers")  # an INVITE sent after this meets it
            case "accept":
                self._calls[command["call"]].recvEvent(CCEventConnect((200, "OK", self._body())))
            case "update":
                self._calls[command["call"]].recvEvent(CCEventUpdate(self._body(command["direction"])))
            case "bye":
                self._calls[command["call"]].recvEvent(CCEventDisconnect())
            case "register":
                self._register(command["user"], command["password"])

    def _register(self, user: str, password: str) -> None:
        agent = SipRegistrationAgent(
            self._config,
            SipURL(username=user, host=self._peer[0], port=self._peer[1]),
            SipURL(username=user),
            user=user,
            passw=password,
            rok_cb=lambda *_: say(event="registered", user=user),
            rfail_cb=lambda line, *_: say(event="register_failed", user=user, reason=str(line)),
            target=(self._peer, "udp"),
        )
        self._registrations.append(agent)
        agent.doregister()


def say(**event: Any) -> None:
    print(json.dumps(event), flush=True)


def main() -> None:
    port, peer_port, rtp_port, contact_port = (int(text) for text in sys.argv[1:5])
    agent = Agent(port, ("127.0.0.1", peer_port), rtp_port, contact_port)

    def read() -> None:
        for line in sys.stdin:
            ED2.callFromThread(agent.obey, json.loads(line))
        ED2.callFromThread(ED2.breakLoop)

    threading.Thread(target=read, daemon=True).start()
    say(event="up")
    ED2.loop()


if __name__ == "__main__":
    main()
