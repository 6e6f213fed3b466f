"""Strangers at the core's port for other machines are counted on a clock of the test's own."""

from __future__ import annotations

from acd_core.link.door import (
    HOSTS_MAX,
    NEWS_PER_MINUTE,
    PROVEN_MAX,
    STRANGE_TRIES_BURST,
    STRANGE_TRIES_PER_S,
    STRANGERS_MAX,
    STRANGERS_OF_HOST_MAX,
    TRIES_BURST,
    TRIES_PER_S,
    Door,
)


class Hands:
    """Time that the test moves."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def nobody() -> None:
    raise AssertionError("cut off")


def passes(door: Door, host: str) -> bool:
    """Whether it may come in; it goes at once."""
    number = door.enter(host, nobody)
    door.leave(number)
    return number > 0


def test_a_host_that_comes_again_and_again_waits_and_another_does_not() -> None:
    time = Hands()
    door = Door(time)
    assert all(passes(door, "a") for _ in range(int(TRIES_BURST)))
    assert not passes(door, "a")
    assert passes(door, "b")
    time.now_s += 1 / TRIES_PER_S
    assert passes(door, "a")
    assert not passes(door, "a")
    time.now_s += 3_600
    numbers = [door.enter("a", nobody) for _ in range(STRANGERS_OF_HOST_MAX + 5)]
    assert sum(number > 0 for number in numbers) == STRANGERS_OF_HOST_MAX
    assert door.turned_away == 2 + 5
    door.leave(numbers[0])
    assert passes(door, "a")


def test_many_hosts_at_once_wait_as_one_does_but_not_those_that_have_proven_themselves() -> None:
    time = Hands()
    door = Door(time)
    door.proven("edge")
    assert sum(passes(door, f"host{number}") for number in range(1_000)) == STRANGE_TRIES_BURST
    assert all(passes(door, "edge") for _ in range(int(TRIES_BURST)))
    assert not passes(door, "edge"), "its own tries are counted all the same"
    time.now_s += 1.0
    assert sum(passes(door, f"other{number}") for number in range(1_000)) == STRANGE_TRIES_PER_S
    for number in range(PROVEN_MAX):
        door.proven(f"edge{number}")
    time.now_s += 0.001
    assert not passes(door, "edge"), "it was here longest ago"


def test_the_oldest_stranger_goes_when_there_are_too_many_and_the_new_one_comes_in() -> None:
    door = Door(Hands())
    cut: list[int] = []
    for number in range(STRANGERS_MAX):
        assert door.enter(f"host{number}", lambda number=number: cut.append(number))  # type: ignore[misc]
    assert cut == []
    late = door.enter("late", nobody)
    assert cut == [0]
    door.leave(late)
    assert passes(door, "later")
    assert cut == [0]
    assert door.turned_away == 1


def test_the_neighbours_of_an_ipv6_address_count_as_one_host() -> None:
    door = Door(Hands())
    assert all(door.enter(f"2001:db8::{number:x}", nobody) for number in range(STRANGERS_OF_HOST_MAX))
    assert not door.enter("2001:db8::ffff", nobody)
    assert door.enter("2001:db8:0:1::1", nobody)
    assert door.enter("fe80::1%eth0", nobody)


def test_a_failure_is_news_once_and_again_after_a_proof() -> None:
    door = Door(Hands())
    assert door.is_news("a", "no key")
    assert not door.is_news("a", "no key")
    assert door.is_news("a", "no TLS")
    door.proven("a")
    assert door.is_news("a", "no key")


def test_many_hosts_do_not_fill_the_log() -> None:
    time = Hands()
    door = Door(time)
    assert sum(door.is_news(f"host{number}", "no key") for number in range(500)) == NEWS_PER_MINUTE
    time.now_s += 60
    assert door.is_news("another", "no key")


def test_what_is_remembered_of_strangers_has_a_limit() -> None:
    time = Hands()
    door = Door(time)
    for number in range(HOSTS_MAX + 10):
        time.now_s += 1 / STRANGE_TRIES_PER_S
        assert passes(door, f"host{number}")
        door.is_news(f"host{number}", "no key")
    assert len(door._tries) == HOSTS_MAX
    assert len(door._named) == HOSTS_MAX
