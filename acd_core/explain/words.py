"""How a language writes counts, durations, shares and lists. Pure functions of a table of texts."""

from __future__ import annotations

from collections.abc import Iterable

from acd_core.explain.texts import FORMS, TEXTS, Language, Text


class Words:
    """One language's texts with values put in."""

    def __init__(self, language: Language) -> None:
        """The tables are shared; this holds nothing else."""
        self._texts, self._form = TEXTS[language], FORMS[language]

    def say(self, key: str, **values: str) -> str:
        """A text that goes by no count."""
        text = self._texts[key]
        assert isinstance(text, str), f"{key} goes by a count"
        return text.format(**values)

    def count(self, key: str, count: int, **values: str) -> str:
        """A text in the form that this count takes."""
        forms = self._texts[key]
        assert isinstance(forms, tuple), f"{key} goes by no count"
        return forms[self._form(count)].format(n=str(count), **values)

    def find(self, key: str) -> Text | None:
        """A text that may not be there."""
        return self._texts.get(key)

    def duration(self, length_ms: int) -> str:
        """`4 min 12 s`, and `1 h 3 min` from an hour on."""
        total_s = max(0, length_ms) // 1000
        hours, minutes, seconds = total_s // 3600, total_s % 3600 // 60, total_s % 60
        if hours:
            return self.say("hours_minutes", h=str(hours), m=str(minutes))
        if not minutes:
            return self.say("seconds", s=str(seconds))
        if not seconds:
            return self.say("minutes", m=str(minutes))
        return self.say("minutes_seconds", m=str(minutes), s=str(seconds))

    def tenths(self, thousandths: int) -> str:
        """`52.5` of 52512, as short as it goes: nobody reads more of a number that grows with the wait."""
        whole, tenth = divmod((abs(thousandths) + 50) // 100, 10)
        text = str(whole) if not tenth else f"{whole}{self.say('decimal')}{tenth}"
        return f"-{text}" if thousandths < 0 and text != "0" else text

    def percent(self, thousandths: int) -> str:
        """`45 %` of 450, to a tenth."""
        return self.say("percent", n=self.tenths(thousandths * 100))

    def quoted(self, name: str) -> str:
        """A name between marks."""
        return self.say("quoted", name=name)

    def listed(self, parts: Iterable[str]) -> str:
        """Names, one after the other."""
        return self.say("comma").join(parts)

    def clauses(self, parts: Iterable[str]) -> str:
        """Parts of a sentence that may have commas of their own."""
        return self.say("semicolon").join(parts)

    def together(self, parts: Iterable[str]) -> str:
        """Sentences, one after the other."""
        return self.say("space").join(part for part in parts if part)
