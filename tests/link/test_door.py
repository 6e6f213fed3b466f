"""Strangers at the core's port for other machines are counted on a clock of the test's own."""

from __future__ import annotations

from acd_core.link.door import (
    HOSTS_MAX,
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


def test_a_host_that_comes_again_and_again_waits_and_another_does_not() -> None:
    time = Hands()
    door = Door(time)
    for _ in range(int(TRIES_BURST)):
        assert door.enter("a")
        door.leave("a")
    assert not door.enter("a")
    assert door.enter("b")
    time.now_s += 1 / TRIES_PER_S
    assert door.enter("a")
    assert not door.enter("a")
    time.now_s += 3_600
    door.leave("a")
    assert sum(door.enter("a") for _ in range(STRANGERS_OF_HOST_MAX + 5)) == STRANGERS_OF_HOST_MAX
    assert door.turned_away == 2 + 5


def test_all_hosts_together_have_a_limit_and_who_leaves_makes_room() -> None:
    door = Door(Hands())
    hosts = [f"host{number}" for number in range(STRANGERS_MAX)]
    assert all(door.enter(host) for host in hosts)
    assert not door.enter("late")
    door.leave(hosts[0])
    assert door.enter("late")


def test_a_failure_is_news_once_and_again_after_a_proof() -> None:
    door = Door(Hands())
    assert door.is_news("a", "no key")
    assert not door.is_news("a", "no key")
    assert door.is_news("a", "no TLS")
    door.proven("a")
    assert door.is_news("a", "no key")


def test_what_is_remembered_of_strangers_has_a_limit() -> None:
    door = Door(Hands())
    for number in range(HOSTS_MAX + 10):
        host = f"host{number}"
        door.enter(host)
        door.leave(host)
        door.is_news(host, "no key")
    assert len(door._tries) == HOSTS_MAX
    assert len(door._named) == HOSTS_MAX
