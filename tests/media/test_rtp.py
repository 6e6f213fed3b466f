from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateways.media import rtp

HEADERS = st.tuples(
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
)


@given(HEADERS, st.binary(max_size=400))
def test_what_is_built_is_parsed(header: tuple[int, bool, int, int, int], payload: bytes) -> None:
    assert rtp.parse(rtp.build(*header, payload)) == (*header, payload)


@given(HEADERS, st.binary(max_size=200), st.integers(0, 15), st.binary(max_size=40), st.integers(0, 255))
def test_contributors_extension_and_padding_are_left_out(
    header: tuple[int, bool, int, int, int], payload: bytes, contributors: int, extension: bytes, padding: int
) -> None:
    data = bytearray(rtp.build(*header, b""))
    data[0] |= contributors
    data += bytes(4 * contributors)
    if extension:
        extension += bytes(-len(extension) % 4)
        data[0] |= 0x10
        data += b"\xbe\xde" + (len(extension) // 4).to_bytes(2, "big") + extension
    data += payload
    if padding:
        data[0] |= 0x20
        data += bytes(padding - 1) + bytes((padding,))
    assert rtp.parse(bytes(data)) == (*header, payload)


@given(st.binary(max_size=300))
def test_garbage_never_raises_and_never_grows(data: bytes) -> None:
    packet = rtp.parse(data)
    if packet is not None:
        assert data[0] >> 6 == 2
        assert len(packet[5]) <= len(data) - rtp.HEADER_BYTES
    rtp.is_rtcp(data)


@given(st.binary(min_size=1, max_size=60), st.integers(0, 255))
def test_a_cut_packet_is_none_or_shorter(rest: bytes, first: int) -> None:
    data = bytes((first,)) + rest
    for length in range(len(data)):
        rtp.parse(data[:length])


def test_other_versions_are_no_rtp() -> None:
    packet = rtp.build(0, False, 1, 2, 3, bytes(160))
    for version in (0, 1, 3):
        assert rtp.parse(bytes((version << 6,)) + packet[1:]) is None


def test_padding_of_zero_or_beyond_the_packet_is_refused() -> None:
    packet = bytearray(rtp.build(0, False, 1, 2, 3, bytes(10)))
    packet[0] |= 0x20
    assert rtp.parse(bytes(packet)) is None
    packet[-1] = 11
    assert rtp.parse(bytes(packet)) is None
    packet[-1] = 10
    assert rtp.parse(bytes(packet)) == (0, False, 1, 2, 3, b"")


def test_an_array_row_is_a_packet() -> None:
    import numpy as np

    row = np.zeros(1, rtp.PACKET)
    row["version"], row["payload_type"], row["sequence"] = rtp.VERSION_2, 8 | rtp.MARKER, 0x1234
    row["timestamp"], row["ssrc"], row["payload"] = 0xDEADBEEF, 7, 0xD5
    assert rtp.parse(row.tobytes()) == (8, True, 0x1234, 0xDEADBEEF, 7, b"\xd5" * 160)
