"""Words that nobody guesses."""

from __future__ import annotations

from gateways.edge import chance


def test_what_was_given_out_is_not_given_again() -> None:
    """Over several fetches, and for more than one fetch holds."""
    pieces = [chance.take(16) for _ in range(1_000)] + [chance.take(5_000), chance.take(16)]
    assert {len(piece) for piece in pieces} == {16, 5_000}
    assert len(set(pieces)) == len(pieces)
    whole = pieces[1_000]
    assert not any(piece in whole for piece in pieces if piece is not whole)


def test_a_token_has_as_many_letters_as_were_asked_for() -> None:
    words = {chance.token(12) for _ in range(500)}
    assert len(words) == 500
    assert all(len(word) == 12 and word.isalnum() and word.lower() == word for word in words)
