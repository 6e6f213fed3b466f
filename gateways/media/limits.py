"""Every limit of the audio engine, and what happens when it is reached."""

from __future__ import annotations

LEGS_MAX = 4_096  # a further AllocateLeg is answered by LegRefused; fewer when the system gives fewer file descriptors
RESERVED_MAX = 256  # port pairs in reserve of all edges; never more than a quarter of the range, nor what would cost a leg
COMMANDS_WAITING_MAX = (
    50_000  # from all edges together; full: the command is dropped, counted, and refused by name
)
COMMANDS_A_TICK_MS = 4  # commands beyond this share of a tick are carried out in the next one, in order
EVENTS_WAITING_MAX = (
    200_000  # towards the edges; full means that nobody can be told anything: the process ends
)

DATAGRAM_MAX_BYTES = 2_048  # what is longer is cut by the kernel and then counted as malformed
READS_A_SLICE_MAX = 8  # packets read from one socket in one slice of a tick; the rest waits in the kernel

JITTER_DEPTH_MIN = 2  # frames of 20 ms
JITTER_DEPTH_MAX = 4
JITTER_PACKETS_MAX = 64  # held for one leg; full: the buffer starts again from the newest
TICKS_LATE_MAX = 5  # later than this, ticks are skipped and counted instead of caught up

TONE_MAX_MS = 20_000  # one turn of a tone
KEYS_WAITING_MAX = 64  # that a leg is still to press

LEG_SILENT_MS = 1_500  # without a packet: LegSilent, and another source may take the leg over
# Before a host that signalling does not know is sent to: so many packets, in no less time, with no longer pause.
LATCH_UNKNOWN_PACKETS, LATCH_UNKNOWN_MS, LATCH_UNKNOWN_PAUSE_MS = 25, 400, 300
UNPROVED_MS = 2_000  # a stranger who may not have asked at all is sent to for so long, until a packet comes
UNHEARD_MS = (
    5_000  # the same to an address elsewhere that a stranger named; then nothing is sent until one comes
)
RTCP_INTERVAL_S = 5.0
OWNER_ABSENT_MAX_S = 600  # an edge that stays away longer loses its legs

PLAY_FILES_MAX = 16  # a longer list is refused
LOADS_WAITING_MAX = 1_024  # full: the playback ends at once as failed
CLIP_FILE_MAX_BYTES = 64 * 1024 * 1024  # a larger file is not played
CLIP_MAX_S = 1_800  # nor a longer one
CLIP_CACHE_MAX_BYTES = 64 * 1024 * 1024  # least recently used clips are dropped first

RECORDINGS_MAX = 2_048  # a further StartRecording is answered by LegRefused
RECORDING_MAX_S = 12 * 3_600  # then the recording ends by itself and says so
RECORDING_CHUNK_TICKS = 10  # 200 ms are collected before they go to the writer: what kill -9 may cost
RECORDING_BLOCKS_WAITING_MAX = (
    8_192  # 52 MB; full: the block is lost, silence stands in its place and the file says so
)

assert JITTER_PACKETS_MAX > JITTER_DEPTH_MAX * 2, "packets of 10 ms need twice as many places"
