"""Finding work orders by words: case and accents are folded the same way in what is kept and in what is
asked.

PostgreSQL folds case by its locale, and an embedded cluster has the plain one, in which "Ş" is no letter. So
the words are folded here.
"""

from __future__ import annotations

import re
import unicodedata

from agent_web.limits import SEARCH_WORDS_MAX

_WORDS = re.compile(r"[^\W_]+")
_WORD_MAX_CHARS = 200  # of a search; one letter can fold to many, and PostgreSQL takes no word above 2 KB
_SINGLE = str.maketrans({"ı": "i", "ł": "l", "Ł": "l", "ø": "o", "ß": "ss"})


def fold(text: str) -> str:
    """Words in lower case without accents: "Şişli 2026-000123" is "sisli 2026 000123"."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_SINGLE))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return " ".join(_WORDS.findall(plain.translate(_SINGLE)))


def query(text: str) -> str:
    """A tsquery that wants every word of `text` as the beginning of a word; empty when there is none.

    Words hold letters and digits alone, so they need no quoting.
    """
    return " & ".join(f"{word[:_WORD_MAX_CHARS]}:*" for word in fold(text[:200]).split()[:SEARCH_WORDS_MAX])
