"""What the supervisor says must not stop it when nobody takes it."""

from __future__ import annotations

import os
import pty
import termios
import time

from santral.up.terminal import Terminal


def read_all(descriptor: int) -> str:
    os.set_blocking(descriptor, False)
    found = b""
    try:
        while piece := os.read(descriptor, 65_536):
            found += piece
    except BlockingIOError:
        pass
    return found.decode()


def test_a_pipe_that_nobody_reads_stops_nothing_and_hears_later_what_it_missed() -> None:
    ours, theirs = os.pipe()
    with open(theirs, "w", encoding="utf-8") as stream:
        terminal = Terminal(stream)
        began = time.monotonic()
        for number in range(1_000):
            terminal.say(f"{number} {'x' * 1_000}")
        assert time.monotonic() - began < 20
        said = read_all(ours)
        assert said.startswith("santral: 0 x")
        terminal.say("there again")
    assert "messages were left out)\nsantral: there again\n" in read_all(ours)
    os.close(ours)


def test_a_held_terminal_stops_nothing() -> None:
    ours, theirs = pty.openpty()
    termios.tcflow(theirs, termios.TCOOFF)  # Ctrl-S
    with open(theirs, "w", encoding="utf-8") as stream:
        terminal = Terminal(stream)
        terminal.say("held")
        terminal.say("held too")
        termios.tcflow(theirs, termios.TCOON)
        terminal.say("there again")
        time.sleep(0.2)
        assert read_all(ours).replace("\r", "").split("\n") == [
            "santral: (the terminal was held: 2 messages were left out)",
            "santral: there again",
            "",
        ]
    os.close(ours)


def test_letters_that_the_terminal_lacks_are_written_in_another_way() -> None:
    ours, theirs = os.pipe()
    with open(theirs, "w", encoding="ascii") as stream:
        Terminal(stream).say("\u015fehir \u2192")
    assert read_all(ours) == "santral: \\u015fehir \\u2192\n"
    os.close(ours)
