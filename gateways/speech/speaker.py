"""Carries out requests: looks, speaks, writes, answers; one request at a time, in a thread of its own.

The library is not thread-safe and takes milliseconds a sentence, so one thread does all of it, including the
file work, and the loop stays free. Who asks for a text that is being made waits for the same file. The newest
request goes first: while the texts of a whole plan are being prepared, what is asked for is what a caller waits
for. At most `QUEUE_MAX` different texts wait; beyond that a request fails at once with `busy` and may be repeated.
"""

from __future__ import annotations

import asyncio
import logging
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateways.speech.cache import Cache
from gateways.speech.espeak import LANGUAGES, Voice, VoiceError
from gateways.speech.messages import FromSpeech, Speak, SpeakFailed, Spoken, spoken_path
from gateways.speech.sound import TELEPHONE_HZ, telephone, to_wav

log = logging.getLogger(__name__)

TEXT_MAX_CHARACTERS = 2_000
WORDS_PER_MINUTE_MIN, WORDS_PER_MINUTE_MAX = 80, 450  # what the library can do
QUEUE_MAX = 4_096

# Why there is no file.
EMPTY = "empty"  # nothing in the text can be spoken
TOO_LONG = "too_long"
LANGUAGE = "unknown_language"
RATE = "bad_rate"
BUSY = "busy"
DISK = "disk"
VOICE = "voice"  # the library failed


class Speaker:
    """The service, without its link."""

    def __init__(self, folder: Path, tell: Callable[[str, FromSpeech], None]) -> None:
        """`tell(edge, message)` sends an answer; called in the loop's thread."""
        self._cache = Cache(folder)
        self._tell = tell
        self._voice: Voice | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="speech")
        self._asked: dict[Speak, list[str]] = {}  # who waits for each text, in the order they were asked for
        self._worker: asyncio.Task[None] | None = None

    def take(self, edge: str, request: Speak) -> None:
        """Answer a request, now or when its file is made."""
        reason = _refusal(request)
        if reason is None and request not in self._asked and len(self._asked) >= QUEUE_MAX:
            reason = BUSY
        if reason is not None:
            log.warning("%d characters in %r are not spoken: %s", len(request.text), request.language, reason)
            self._tell(edge, SpeakFailed(text=request.text, language=request.language, reason=reason))
            return
        self._asked[request] = [*self._asked.pop(request, []), edge]
        if self._worker is None or self._worker.done():
            self._start()

    async def stop(self) -> None:
        """Finish what is being made and drop what waits."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        self._worker = asyncio.get_running_loop().create_task(self._work())
        self._worker.add_done_callback(self._stopped)

    def _stopped(self, worker: asyncio.Task[None]) -> None:
        if worker.cancelled() or (error := worker.exception()) is None:
            return
        log.error("a text failed in a way that nobody foresaw", exc_info=error)
        if self._asked:
            self._start()

    async def _work(self) -> None:
        """Make what is asked for until nothing is."""
        loop = asyncio.get_running_loop()
        while self._asked:
            request = next(reversed(self._asked))
            answer: FromSpeech = SpeakFailed(text=request.text, language=request.language, reason=VOICE)
            try:
                answer = await loop.run_in_executor(self._thread, self._make, request)
            finally:
                for edge in self._asked.pop(request):
                    self._tell(edge, answer)

    def _make(self, request: Speak) -> FromSpeech:
        """In the speech thread."""
        path = spoken_path(self._cache.folder, request.text, request.language, request.words_per_minute)
        try:
            duration_ms = self._cache.duration_ms(path)
            if duration_ms is None:
                duration_ms = self._speak(request, path)
        except OSError as error:
            log.error("a spoken text can't be kept in %s: %s", self._cache.folder, error.strerror)
            return SpeakFailed(text=request.text, language=request.language, reason=DISK)
        except VoiceError as error:
            log.error("speech: %s", error)
            return SpeakFailed(text=request.text, language=request.language, reason=VOICE)
        if not duration_ms:
            return SpeakFailed(text=request.text, language=request.language, reason=EMPTY)
        return Spoken(text=request.text, language=request.language, path=str(path), duration_ms=duration_ms)

    def _speak(self, request: Speak, path: Path) -> int:
        """Make the file; 0 when the text holds nothing that can be spoken."""
        if self._voice is None:
            self._voice = Voice()
        language = _primary(request.language)
        samples = self._voice.speak(_speakable(request.text), language, request.words_per_minute)
        sound = telephone(samples, self._voice.rate_hz)
        if len(sound) == 0:
            return 0
        self._cache.write(path, to_wav(sound))
        return len(sound) * 1000 // TELEPHONE_HZ


def _refusal(request: Speak) -> str | None:
    """Why a request is not even tried."""
    if len(request.text) > TEXT_MAX_CHARACTERS:
        return TOO_LONG
    if not _speakable(request.text).strip():
        return EMPTY
    if _primary(request.language) not in LANGUAGES:
        return LANGUAGE
    if not WORDS_PER_MINUTE_MIN <= request.words_per_minute <= WORDS_PER_MINUTE_MAX:
        return RATE
    return None


def _primary(language: str) -> str:
    """`tr-TR` speaks as `tr` (RFC 5646 section 2.2.1)."""
    return language.replace("_", "-").partition("-")[0].lower()


def _speakable(text: str) -> str:
    """The text without what no voice speaks and C takes for an end: control characters and lone surrogates."""
    return "".join(" " if unicodedata.category(one) in ("Cc", "Cs") else one for one in text)
