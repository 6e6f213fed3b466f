"""From prompts to files: the recorded WAV, else the spoken text's file, else one is asked for.

Texts are spoken by a process of their own. Whoever needs one that is not there yet waits a moment; a text
that takes longer, or cannot be spoken, is skipped and reported, because a caller must not stand in silence.
Texts that were announced beforehand (`prepare`) are asked for again when the speech process was restarted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from acd_core.domain.commands import Prompt
from gateways.edge.limits import PROMPTS_WANTED_MAX, Timing
from gateways.edge.links import link_to
from gateways.speech import messages as speech

_log = logging.getLogger(__name__)

_Text = tuple[str, str]  # text, language


class Resolution:
    """Prompts on their way to files; `cancel` when nobody wants them any more."""

    def __init__(self, prompts: tuple[Prompt, ...], done: Callable[[list[Path | None]], None]) -> None:
        """Made by `Prompts.resolve`."""
        self.prompts = prompts
        self.paths: list[Path | None] = [None] * len(prompts)
        self.missing: dict[_Text, list[int]] = {}
        self.timer: asyncio.TimerHandle | None = None
        self._done: Callable[[list[Path | None]], None] | None = done

    def finish(self) -> None:
        """Say what there is, once."""
        done, self._done = self._done, None
        self.cancel()
        if done is not None:
            done(self.paths)

    def cancel(self) -> None:
        """Nobody is told any more."""
        self._done = None
        self.missing.clear()
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Prompts:
    """Client of the speech process and reader of the prompts folder."""

    def __init__(self, path: Path, name: str, folder: Path, words_per_minute: int, timing: Timing) -> None:
        """`path` is the socket of the speech process, `folder` where spoken texts lie."""
        self._folder, self._words_per_minute, self._timing = folder, words_per_minute, timing
        self._wanted: dict[_Text, list[Resolution]] = {}  # asked for, with those who wait
        self.link = link_to(
            path,
            name,
            send_type=speech.ToSpeech,
            receive_type=speech.FromSpeech,
            on_message=self._message,
            on_up=self._up,
        )

    def resolve(self, prompts: tuple[Prompt, ...], done: Callable[[list[Path | None]], None]) -> Resolution:
        """Find the files; `done` is called at once when all are there, with None for each that can't be had."""
        resolution = Resolution(prompts, done)
        for index, prompt in enumerate(prompts):
            path = self._file(prompt)
            if path is not None:
                resolution.paths[index] = path
            elif prompt.text and self._ask(prompt.text, prompt.language):
                resolution.missing.setdefault((prompt.text, prompt.language), []).append(index)
            else:
                _log.error("prompt %s: neither a recording nor a text that can be spoken", prompt.id)
        if resolution.missing:
            for text in resolution.missing:
                self._wanted[text].append(resolution)
            loop = asyncio.get_running_loop()
            resolution.timer = loop.call_later(self._timing.prompt_wait_s, self._too_late, resolution)
        else:
            resolution.finish()
        return resolution

    def prepare(self, prompts: tuple[Prompt, ...]) -> None:
        """Have these ready before they are needed."""
        for prompt in prompts:
            if prompt.text and self._file(prompt) is None:
                self._ask(prompt.text, prompt.language)

    def _file(self, prompt: Prompt) -> Path | None:
        if prompt.wav:
            recorded = Path(prompt.wav)
            if recorded.is_file():
                return recorded
        if prompt.text:
            spoken = speech.spoken_path(self._folder, prompt.text, prompt.language, self._words_per_minute)
            if spoken.is_file():
                return spoken
        return None

    def _ask(self, text: str, language: str) -> bool:
        """Have the text spoken, once however many want it; False when too many are wanted."""
        if (text, language) not in self._wanted:
            if len(self._wanted) >= PROMPTS_WANTED_MAX:
                _log.error("more than %d texts wait to be spoken; one is skipped", PROMPTS_WANTED_MAX)
                return False
            self._wanted[text, language] = []
            self._say(text, language)
        return True

    def _say(self, text: str, language: str) -> None:
        self.link.send(speech.Speak(text=text, language=language, words_per_minute=self._words_per_minute))

    def _up(self, fresh: bool) -> None:
        if fresh:
            for text, language in self._wanted:
                self._say(text, language)

    def _message(self, message: speech.FromSpeech) -> None:
        path: Path | None = None
        if isinstance(message, speech.Spoken):
            path = Path(message.path)
        else:
            _log.error("a text in %s could not be spoken: %s", message.language, message.reason)
        text = (message.text, message.language)
        for resolution in self._wanted.pop(text, []):
            for index in resolution.missing.pop(text, []):
                resolution.paths[index] = path
            if not resolution.missing:
                resolution.finish()

    def _too_late(self, resolution: Resolution) -> None:
        for text, indexes in resolution.missing.items():
            waiting = self._wanted.get(text, [])
            if resolution in waiting:
                waiting.remove(resolution)
            for index in indexes:
                _log.error("prompt %s was not spoken in time", resolution.prompts[index].id)
        resolution.finish()
