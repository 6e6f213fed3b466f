"""What the edge keeps and how long it waits; each limit says what happens when it is reached."""

from __future__ import annotations

import msgspec

SDP_BYTES_MAX = 65_536  # of a page's offer; a longer one is refused
PROMPTS_WANTED_MAX = (
    4_096  # texts being made or prepared; a further one is not asked for and counts as failed
)
KEYS = frozenset("0123456789*#ABCD")


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long the edge waits for others."""

    allocate_timeout_s: float = 1.5  # the engine gives no port: 503
    decision_core_down_s: float = 2.0  # the core is away and nobody decided what becomes of a call: 503
    decision_core_up_s: float = 8.0  # the core is there and silent: 503
    prompt_wait_s: float = 3.0  # for a text to be spoken; then it is skipped
    browser_answer_timeout_s: float = 10.0  # the browser-audio process has no answer: the page is told
    browser_connect_timeout_s: float = 30.0  # the browser never gets through: the leg is closed
    browser_heard_again_s: float = 3.0  # after the engine restarted; a page that is not heard by then is lost
    dead_call_rest_s: float = 34.0  # before the objects of an ended call are taken apart
    ring_max_s: float = 180.0  # a phone rings no longer than this, whatever happened to the core
    sibling_silence_s: float = 4.0  # without a word of the edge that has the operator's device
    trunk_silence_s: float = 4.0  # a trunk says nothing at all to a call: the next one is tried
    trunk_options_wait_s: float = 5.0  # for an answer to OPTIONS; the second in a row takes the trunk down
    trunk_options_again_s: float = 2.0  # after the first that was not answered
    trunk_register_again_s: float = 10.0  # after a registration that failed; doubled each time, to a limit
    transfer_wait_s: float = 30.0  # for the core's word on a transfer that a phone asked for; then it failed
    transfer_bye_s: float = 4.0  # for the BYE of a phone whose caller was handed on; then it is hung up
    name_answer_s: float = 5.0  # the DNS says nothing about a trunk's name: what is known of it stays
    name_again_s: float = 30.0  # then it is asked again; and no answer holds for less
    phone_group_s: float = 7.0  # the contacts of a phone that want calls most ring alone for so long
    phone_idle_s: float = 30.0  # a registered phone that was quiet for so long is asked whether it is there
    phone_options_wait_s: float = 5.0  # for its answer; the second in a row that does not come loses it
    phone_options_again_s: float = 2.0  # after the first that did not come
    caller_silence_s: float = 60.0  # no RTP for this long: is the caller's phone still there?
    remake_interval_s: float = 0.2  # between attempts to have a leg's ports again from a restarted engine
    remake_attempts_max: int = 25


class EdgeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much one source may ask for, and how many sources are remembered (the least recent is forgotten)."""

    invites_per_second: float = 1_000.0  # one trunk carries a whole city; more is a flood: 503
    invites_burst: float = 2_000.0
    sources_max: int = 10_000
    register_failures_max: int = (
        8  # wrong passwords for one name from one host before it is not heard for a while
    )
    register_host_failures_max: int = (
        40  # for all names together of which none is registered from there: five forgotten phones
    )
    register_failures_window_s: float = 60.0
    register_refusal_s: float = 60.0
    browser_legs_max: int = 64
    phones_a_call_max: int = 32  # that ring for one call at a time; a further one can't be rung (503)
    keys_per_second: float = 20.0  # of one call, twice what dialling machines do; what is faster is dropped
    keys_burst: float = 40.0
    retry_after_s: int = 10  # told in every 503
