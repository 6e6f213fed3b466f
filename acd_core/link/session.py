"""The link without I/O: frames, numbering, resumption. Bytes in, messages out; transports are thin.

A frame is a 4-byte big-endian length, one byte of kind, and a MessagePack body. Each side begins with a
`Hello`; then come batches of `(number, message)`. Numbered messages grow strictly (gaps are allowed: the
core's number is the command's id, journal sequence and index in one) and are kept in the sender's outbox
until the other side acknowledges them. After a reconnect each side says in its hello how far it received the
other's *stream*; a number seen before is dropped, so a message is done once. A stream is the identity of a
numbering: the process for most, the journal for the core, which therefore goes on where a killed core
stopped. A side whose stream the other does not know meets a *fresh* peer: what was still in the outbox
concerned the one before and is dropped, and the inventories that follow every hello bring both to the same
picture. Number 0 marks a signal, which is neither kept nor repeated.

A ping is answered by a pong, which gives back what the ping said and tells this side's time: whoever asked learns
that the other side lives, and how far the two clocks are apart. Of several that are due only the latest is sent.
"""

from __future__ import annotations

import logging
import struct
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from acd_core.domain.limits import LINK_FRAME_MAX_BYTES, LINK_OUTBOX_MAX

LINK_VERSION = 2
_log = logging.getLogger(__name__)

_HEADER = struct.Struct(">IB")
_KIND_HELLO, _KIND_BATCH, _KIND_ACK, _KIND_REFUSAL, _KIND_PING, _KIND_PONG = range(6)
_BATCH_MAX_BYTES = 256 * 1024
ITEM_MAX_BYTES = LINK_FRAME_MAX_BYTES - _BATCH_MAX_BYTES - 16  # whatever batch it ends, the frame is taken
_UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_encode = msgspec.msgpack.Encoder().encode


class LinkError(Exception):
    """The other side broke the protocol or was refused; the connection must be closed."""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """First frame of each side. `received` counts within `received_stream`, the last stream of the other side that was met."""

    version: int
    role: str
    name: str
    stream: str
    received_stream: str = ""
    received: int = 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why the connection is closed."""

    code: str
    text: str


class Pong(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a ping: its `at_ms`, and the time here; 0 where nobody goes by it."""

    at_ms: int
    now_ms: int


class Channel:
    """What survives connections between two named processes: the outbox one way, how far was received the other way."""

    def __init__(
        self, stream: str, *, peer_stream: str = "", received: int = 0, outbox_max: int = LINK_OUTBOX_MAX
    ) -> None:
        """`peer_stream` and `received`: where an earlier process of ours with the same memory stopped."""
        self.stream = stream
        self.peer_stream = peer_stream
        self.received = received
        self.dropped = 0  # of the outbox because it was full; inventories reconcile
        self.oversize = 0  # messages that no frame holds
        self._outbox: deque[tuple[int, bytes]] = deque()
        self.outbox_max = outbox_max
        self._number = 0
        self._session: LinkSession | None = None

    @property
    def unacknowledged(self) -> int:
        """How many numbered messages wait for the other side's word."""
        return len(self._outbox)

    @property
    def confirmed(self) -> int:
        """Every message up to this number was acknowledged, or is not kept any more."""
        return self._outbox[0][0] - 1 if self._outbox else self._number

    def send(self, message: Any) -> int:
        """Queue a message under the next number, which is returned."""
        self.send_numbered(self._number + 1, message)
        return self._number

    def send_numbered(self, number: int, message: Any) -> None:
        """Queue a message under a number of the caller's, greater than all before."""
        self.send_encoded(number, _encode((number, message)))

    def send_encoded(self, number: int, item: bytes) -> None:
        """Queue a numbered message as `outbox` of an earlier process gave it."""
        if number <= self._number:
            raise AssertionError(f"link number {number} after {self._number}")
        self._number = number
        if len(item) > ITEM_MAX_BYTES:
            self._leave_out(item)
            return
        outbox = self._outbox
        if len(outbox) >= self.outbox_max:
            outbox.popleft()
            self.dropped += 1
        outbox.append((number, item))
        if self._session is not None:
            self._session.queue_item(item)

    def outbox(self) -> tuple[tuple[int, bytes], ...]:
        """What waits for the other side's word: numbers and encoded messages."""
        return tuple(self._outbox)

    def signal(self, message: Any) -> bool:
        """Send without number; False (and forgotten) when nobody is connected or the connection is full."""
        if self._session is None:
            return False
        item = _encode((0, message))
        if len(item) > ITEM_MAX_BYTES:
            self._leave_out(item)
            return False
        return self._session.queue_signal(item)

    def _leave_out(self, item: bytes) -> None:
        """A message that the other side would cut the connection for is left out, named once."""
        self.oversize += 1
        if self.oversize == 1:
            _log.error("link: a message of %d bytes is more than a frame holds, left out", len(item))

    def acknowledge(self, number: int) -> None:
        """The other side has everything up to `number`."""
        while self._outbox and self._outbox[0][0] <= number:
            self._outbox.popleft()

    def meet(self, hello: Hello, received: int) -> bool:
        """Take the other side's hello; True when it is fresh (knows nothing of our stream).

        `received`: how far an earlier process of ours had that stream.
        """
        if hello.stream != self.peer_stream:
            self.peer_stream, self.received = hello.stream, received
        fresh = hello.received_stream != self.stream
        if fresh:
            self._outbox.clear()
        else:
            self.acknowledge(hello.received)
        return fresh

    def attach(self, session: LinkSession) -> None:
        """This connection carries the channel from now on; what is unacknowledged goes first."""
        self._session = session
        for _, item in self._outbox:
            session.queue_item(item)

    def carried_by(self, session: LinkSession) -> bool:
        """Whether no later connection has taken over from this one."""
        return self._session is session

    def detach(self, session: LinkSession) -> bool:
        """The connection ended; False when another one had taken over."""
        if self._session is not session:
            return False
        self._session = None
        return True


class LinkSession:
    """One connection. The client speaks first; the server's `resolve` finds or refuses the channel of a hello.

    `resolve(hello)` returns the channel and how far `hello.stream` was received before (-1 when never met), or
    raises `LinkError`.
    """

    SIGNAL_BUFFER_MAX_BYTES = 4 * 1024 * 1024

    def __init__(
        self,
        *,
        role: str,
        name: str,
        receive_type: Any,
        resolve: Callable[[Hello], tuple[Channel, int]],
        wake: Callable[[], None],
        client_channel: Channel | None = None,
        now_ms: Callable[[], int] = lambda: 0,
        on_pong: Callable[[Pong], None] = lambda pong: None,
    ) -> None:
        """`wake` is called when there is something to send, and not again until `data_to_send` took it all, unless the
        session is overrun; a client gives its channel and says hello at once."""
        self._role, self._name = role, name
        self._item_decoder = msgspec.msgpack.Decoder(tuple[int, receive_type])
        self._batch_decoder = msgspec.msgpack.Decoder(list[tuple[int, receive_type]])
        self._resolve, self._wake = resolve, wake
        self._now_ms, self._on_pong = now_ms, on_pong
        self._input = bytearray()
        self._control: list[bytes] = []
        self._items: deque[bytes] = deque()
        self._items_bytes = 0
        self._ack_due = False
        self._ping_due: int | None = None
        self._pong_due: int | None = None
        self._heard = False
        self.channel: Channel | None = client_channel
        self.overrun = (
            False  # the peer does not read: the connection is to be cut, the outbox keeps what is new
        )
        self.peer: Hello | None = None
        self.fresh = False
        self.failure: LinkError | None = None
        self.refused = 0
        if client_channel is not None:
            self._say_hello(client_channel, met=True)

    def queue_item(self, item: bytes) -> None:
        """An encoded numbered item; twice as many as the outbox holds are the most that wait to be written."""
        waiting = len(self._items)
        if waiting >= 2 * self._attached().outbox_max:
            self.overrun = True
            self._wake()
            return
        self._items.append(item)
        self._items_bytes += len(item)
        if not waiting:
            self._wake()

    def queue_signal(self, item: bytes) -> bool:
        """An encoded signal; False when the peer reads too slowly."""
        if self._items_bytes > self.SIGNAL_BUFFER_MAX_BYTES:
            return False
        self.queue_item(item)
        return True

    def refuse(self, code: str, text: str) -> None:
        """Tell the other side why it is cut off."""
        self._control.append(_frame(_KIND_REFUSAL, _encode(Refusal(code=code, text=text))))

    def ping(self, at_ms: int) -> None:
        """Ask for a sign of life; `at_ms` comes back with it."""
        self._ping_due = at_ms
        self._wake()

    def take_heard(self) -> bool:
        """Whether anything at all came since this was asked last."""
        heard, self._heard = self._heard, False
        return heard

    def data_to_send(self) -> bytes:
        """All frames that are due, coalesced; call after `wake` and after `feed`."""
        parts = self._control
        self._control = []
        if self._ack_due and self.channel is not None:
            self._ack_due = False
            parts.append(_frame(_KIND_ACK, _encode(self.channel.received)))
        if self.channel is not None:  # not before the hello
            self._say_signs_of_life(parts)
        while self._items:
            batch: list[bytes] = []
            size = 0
            while self._items and size < _BATCH_MAX_BYTES and len(batch) < 0xFFFF:
                batch.append(self._items.popleft())
                size += len(batch[-1])
            self._items_bytes -= size
            # MessagePack array16 of items that are encoded already.
            parts.append(_frame(_KIND_BATCH, b"\xdc" + len(batch).to_bytes(2, "big") + b"".join(batch)))
        return b"".join(parts)

    def _say_signs_of_life(self, parts: list[bytes]) -> None:
        if self._ping_due is not None:
            parts.append(_frame(_KIND_PING, msgspec.msgpack.encode(self._ping_due)))
        if self._pong_due is not None:
            pong = Pong(at_ms=self._pong_due, now_ms=self._now_ms())
            parts.append(_frame(_KIND_PONG, msgspec.msgpack.encode(pong)))
        self._ping_due = self._pong_due = None

    def feed(self, data: bytes) -> list[tuple[int, Any]]:
        """Take bytes from the wire, return the (number, message) that are new, in order; number 0 is a signal.

        Raises `LinkError` when the connection must be closed. What came whole before the fault is returned first, since it
        counts as received; `failure` is set then, and the caller closes once it has taken the messages. The first messages
        may come with the hello; `peer` is set then.
        """
        messages: list[tuple[int, Any]] = []
        self._heard = True
        try:
            self._feed(data, messages)
        except LinkError as error:
            if not messages:
                raise
            self.failure = error
        return messages

    def _feed(self, data: bytes, messages: list[tuple[int, Any]]) -> None:
        self._input += data
        while len(self._input) >= _HEADER.size:
            length, kind = _HEADER.unpack_from(self._input)
            if not 1 <= length <= LINK_FRAME_MAX_BYTES:
                raise self._broken("frame_size", f"a frame of {length} bytes")
            end = 4 + length
            if len(self._input) < end:
                break
            body = bytes(self._input[_HEADER.size : end])
            del self._input[:end]
            self._take(kind, body, messages)

    def _take(self, kind: int, body: bytes, messages: list[tuple[int, Any]]) -> None:
        if self.peer is None:
            if kind == _KIND_HELLO:
                self._greet(body)
                return
            if kind != _KIND_REFUSAL:
                raise self._broken("no_hello", f"frame kind {kind} before the hello")
        if kind in (_KIND_BATCH, _KIND_ACK) and not self._attached().carried_by(self):
            return  # the peer has come again: it says this there, or was another process
        if kind == _KIND_BATCH:
            self._take_batch(body, messages)
        elif kind == _KIND_ACK:
            self._attached().acknowledge(self._decode(body, int))
        elif kind == _KIND_PING:
            self._pong_due = self._decode(body, int)
            self._wake()
        elif kind == _KIND_PONG:
            self._on_pong(self._decode(body, Pong))
        elif kind == _KIND_REFUSAL:
            refusal = self._decode(body, Refusal)
            raise LinkError(f"refused by the other side: {refusal.code}: {refusal.text}")
        else:
            raise self._broken("frame_kind", f"frame kind {kind}")

    def _greet(self, body: bytes) -> None:
        hello = self._decode(body, Hello)
        if hello.version != LINK_VERSION:
            raise self._broken(
                "version",
                f"{hello.role} {hello.name} speaks link version {hello.version}, here is {LINK_VERSION}",
            )
        known = self.channel
        try:
            channel, received = (known, -1) if known is not None else self._resolve(hello)
        except LinkError as error:
            raise self._broken("refused", str(error)) from error
        met = hello.stream == channel.peer_stream or received >= 0
        self.fresh = channel.meet(hello, max(received, 0))
        self.peer = hello
        if known is None:
            self.channel = channel
            self._say_hello(channel, met=met)
        channel.attach(self)

    def _say_hello(self, channel: Channel, *, met: bool) -> None:
        hello = Hello(
            version=LINK_VERSION,
            role=self._role,
            name=self._name,
            stream=channel.stream,
            received_stream=channel.peer_stream if met else "",
            received=channel.received if met else 0,
        )
        self._control.append(_frame(_KIND_HELLO, _encode(hello)))
        self._wake()

    def _take_batch(self, body: bytes, messages: list[tuple[int, Any]]) -> None:
        channel = self._attached()
        try:
            items = self._batch_decoder.decode(body)
        except _UNDECODABLE:
            items = self._salvage(body)
        for number, message in items:
            if number == 0:
                messages.append((0, message))
            elif number > channel.received:
                channel.received = number
                self._ack_due = True
                messages.append((number, message))
            else:
                self._ack_due = True  # seen before: say again how far we are
        if self._ack_due:
            self._wake()

    def _salvage(self, body: bytes) -> list[tuple[int, Any]]:
        """One message of a batch is bad: take the others, refuse that one, named, so that it can't block the stream."""
        items: list[tuple[int, Any]] = []
        for raw in self._decode(body, list[msgspec.Raw]):
            try:
                items.append(self._item_decoder.decode(raw))
            except _UNDECODABLE as error:
                self.refused += 1
                if self.refused == 1:
                    who = f"{self.peer.role} {self.peer.name}" if self.peer else "peer"
                    _log.error("link: a message from %s was refused: %s", who, error)
        return items

    def _attached(self) -> Channel:
        assert self.channel is not None, "a session past its hello has a channel"
        return self.channel

    def _decode(self, body: bytes, kind: Any) -> Any:
        try:
            return msgspec.msgpack.decode(body, type=kind)
        except _UNDECODABLE as error:
            raise self._broken("undecodable", str(error)) from error

    def _broken(self, code: str, text: str) -> LinkError:
        self.refuse(code, text)
        return LinkError(f"{code}: {text}")


def _frame(kind: int, body: bytes) -> bytes:
    return _HEADER.pack(len(body) + 1, kind) + body
