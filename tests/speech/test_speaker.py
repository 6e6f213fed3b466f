"""The speaker with the real library: four languages, the cache, and everything it refuses."""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from gateways.speech import speaker as speaker_module
from gateways.speech.messages import FromSpeech, Speak, SpeakFailed, Spoken, spoken_path
from gateways.speech.speaker import TEXT_MAX_CHARACTERS, Speaker

GREETINGS = {
    "tr": "Su idaresi çağrı merkezine hoş geldiniz. Arıza bildirmek için biri tuşlayın.",
    "pl": "Witamy w infolinii wodociągów. Aby zgłosić awarię, naciśnij jeden.",
    "zh": "欢迎致电供水热线。报修请按一。",
    "en": "Welcome to the water hotline. To report a fault, press one.",
}


class Asker:
    """An edge that asks and waits for its answers."""

    def __init__(self, folder: Path) -> None:
        self.heard: list[tuple[str, FromSpeech]] = []
        self._came = asyncio.Event()
        self.speaker = Speaker(folder, self._tell)

    def _tell(self, edge: str, answer: FromSpeech) -> None:
        self.heard.append((edge, answer))
        self._came.set()

    async def answers(self, count: int) -> list[FromSpeech]:
        async with asyncio.timeout(60):
            while len(self.heard) < count:
                self._came.clear()
                await self._came.wait()
        return [answer for _, answer in self.heard]

    async def ask(self, text: str, language: str = "tr", words_per_minute: int = 160) -> FromSpeech:
        count = len(self.heard)
        self.speaker.take("edge1", Speak(text=text, language=language, words_per_minute=words_per_minute))
        return (await self.answers(count + 1))[-1]


def with_asker(folder: Path, test: Callable[[Asker], Awaitable[None]]) -> None:
    async def run() -> None:
        asker = Asker(folder)
        try:
            await test(asker)
        finally:
            await asker.speaker.stop()

    asyncio.run(run())


def read(path: str) -> np.ndarray:
    with wave.open(path, "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@pytest.mark.parametrize("language", GREETINGS)
def test_each_language_is_spoken(tmp_path: Path, language: str) -> None:
    async def test(asker: Asker) -> None:
        answer = await asker.ask(GREETINGS[language], language)
        assert isinstance(answer, Spoken)
        assert (answer.text, answer.language) == (GREETINGS[language], language)
        assert answer.path == str(spoken_path(tmp_path, GREETINGS[language], language, 160))
        sound = read(answer.path)
        assert answer.duration_ms == len(sound) // 8
        assert 2_500 < answer.duration_ms < 9_000
        assert not sound[-1000:].any(), "a moment of silence at the end"
        levels = np.sqrt(
            np.mean(sound[: len(sound) // 160 * 160].astype(float).reshape(-1, 160) ** 2, axis=1)
        )
        spoken = levels > levels.max() / 30
        assert spoken.mean() > 0.5
        loudness = 20 * np.log10(np.sqrt(np.mean(levels[spoken] ** 2)) / 32768)
        assert -23 < loudness < -19
        assert np.abs(sound.astype(int)).max() < 32760
        spectrum = np.abs(np.fft.rfft(sound.astype(float))) ** 2
        frequencies = np.fft.rfftfreq(len(sound), 1 / 8000)
        telephone_band = (frequencies > 100) & (frequencies < 3600)
        assert spectrum[telephone_band].sum() / spectrum.sum() > 0.9

    with_asker(tmp_path, test)


def test_languages_do_not_sound_alike(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        sounds = set()
        for language in GREETINGS:
            answer = await asker.ask("185", language)
            assert isinstance(answer, Spoken)
            sounds.add(read(answer.path).tobytes())
        assert len(sounds) == len(GREETINGS)

    with_asker(tmp_path, test)


def test_a_region_speaks_as_its_language(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        plain = await asker.ask("merhaba", "tr")
        for tag in ("tr-TR", "tr_TR", "TR"):
            answer = await asker.ask("merhaba", tag)
            assert isinstance(plain, Spoken)
            assert isinstance(answer, Spoken)
            assert answer.path == str(spoken_path(tmp_path, "merhaba", tag, 160))
            assert abs(answer.duration_ms - plain.duration_ms) < 20, "but for chance in the library"

    with_asker(tmp_path, test)


def test_slower_is_longer_and_another_file(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        slow = await asker.ask(GREETINGS["en"], "en", 100)
        fast = await asker.ask(GREETINGS["en"], "en", 250)
        assert isinstance(slow, Spoken)
        assert isinstance(fast, Spoken)
        assert slow.duration_ms > 1.5 * fast.duration_ms
        assert slow.path != fast.path

    with_asker(tmp_path, test)


def test_the_second_time_the_file_is_there_and_stays(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        first = await asker.ask("merhaba")
        assert isinstance(first, Spoken)
        before = os.stat(first.path)
        second = await asker.ask("merhaba")
        assert second == first
        after = os.stat(first.path)
        assert after.st_ino == before.st_ino, "not written again"
        assert read(first.path).any()
        assert os.listdir(tmp_path) == [Path(first.path).name]

    with_asker(tmp_path, test)


def test_another_process_finds_the_file_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def make(asker: Asker) -> None:
        assert isinstance(await asker.ask("merhaba"), Spoken)

    async def find(asker: Asker) -> None:
        monkeypatch.delattr(speaker_module, "Voice")
        assert isinstance(await asker.ask("merhaba"), Spoken)

    with_asker(tmp_path, make)
    with_asker(tmp_path, find)


def test_a_file_that_is_no_sound_is_made_again(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        path = spoken_path(tmp_path, "merhaba", "tr", 160)
        path.write_bytes(b"half a fi")
        answer = await asker.ask("merhaba")
        assert isinstance(answer, Spoken)
        assert len(read(answer.path)) > 2000

    with_asker(tmp_path, test)


@pytest.mark.parametrize(
    ("text", "language", "words_per_minute", "reason"),
    [
        ("", "tr", 160, "empty"),
        (" \t\n\0\x1b", "tr", 160, "empty"),
        ("\ud800", "tr", 160, "empty"),
        ("...", "tr", 160, "empty"),
        ("a" * (TEXT_MAX_CHARACTERS + 1), "tr", 160, "too_long"),
        ("merhaba", "xx", 160, "unknown_language"),
        ("merhaba", "", 160, "unknown_language"),
        ("merhaba", "../tr", 160, "unknown_language"),
        ("merhaba", "tr", 0, "bad_rate"),
        ("merhaba", "tr", 10_000, "bad_rate"),
    ],
)
def test_what_can_not_be_spoken_is_refused_with_its_reason(
    tmp_path: Path, text: str, language: str, words_per_minute: int, reason: str
) -> None:
    async def test(asker: Asker) -> None:
        answer = await asker.ask(text, language, words_per_minute)
        assert answer == SpeakFailed(text=text, language=language, reason=reason)
        assert os.listdir(tmp_path) == []
        assert isinstance(await asker.ask("merhaba"), Spoken)

    with_asker(tmp_path, test)


def test_the_longest_text_is_spoken(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        text = ("Arıza bildirimi alındı. " * 100)[:TEXT_MAX_CHARACTERS]
        answer = await asker.ask(text)
        assert isinstance(answer, Spoken)
        assert answer.duration_ms > 60_000

    with_asker(tmp_path, test)


def test_control_characters_cut_nothing_off(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        whole = await asker.ask("bir iki üç dört")
        broken = await asker.ask("bir\0iki\x07üç\r\ndört")
        assert isinstance(whole, Spoken)
        assert isinstance(broken, Spoken)
        assert abs(broken.duration_ms - whole.duration_ms) < 0.3 * whole.duration_ms

    with_asker(tmp_path, test)


def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        answer = await asker.ask("merhaba")
        assert answer == SpeakFailed(text="merhaba", language="tr", reason="disk")

    (tmp_path / "file").write_text("in the way")
    with_asker(tmp_path / "file" / "prompts", test)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        path = spoken_path(tmp_path, "merhaba", "tr", 160)
        draft = path.with_suffix(".wav-draft")
        draft.symlink_to("/dev/full")
        asker.speaker._cache._files = 0  # counted already: the draft is not swept as a killed process's
        answer = await asker.ask("merhaba")
        assert answer == SpeakFailed(text="merhaba", language="tr", reason="disk")
        assert os.listdir(tmp_path) == []

    with_asker(tmp_path, test)


def test_many_at_once_are_answered_each_and_made_once(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        texts = [f"Sıradaki yeriniz {number}." for number in range(20)]
        for edge in ("edge1", "edge2"):
            for text in texts:
                asker.speaker.take(edge, Speak(text=text, language="tr"))
        await asker.answers(2 * len(texts))
        for edge in ("edge1", "edge2"):
            mine = [answer for name, answer in asker.heard if name == edge]
            assert sorted(answer.text for answer in mine) == sorted(texts)
            assert all(isinstance(answer, Spoken) for answer in mine)
        assert len(os.listdir(tmp_path)) == len(texts)

    with_asker(tmp_path, test)


def test_the_newest_goes_first(tmp_path: Path) -> None:
    """A caller waits for it; what was asked for before is a plan being prepared."""

    async def test(asker: Asker) -> None:
        texts = [f"Sıradaki yeriniz {number}." for number in range(10)]
        for text in texts:
            asker.speaker.take("edge1", Speak(text=text, language="tr"))
        answers = await asker.answers(len(texts))
        assert [answer.text for answer in answers] == texts[::-1]

    with_asker(tmp_path, test)


def test_too_many_at_once_are_refused_and_the_others_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speaker_module, "QUEUE_MAX", 20)

    async def test(asker: Asker) -> None:
        for number in range(23):
            asker.speaker.take("edge1", Speak(text=f"{number}", language="en"))
        refused = [answer for _, answer in asker.heard]
        assert [type(answer) for answer in refused] == [SpeakFailed] * 3
        assert {answer.reason for answer in refused if isinstance(answer, SpeakFailed)} == {"busy"}
        asker.speaker.take("edge2", Speak(text="7", language="en"))
        answers = await asker.answers(24)
        assert sum(isinstance(answer, Spoken) for answer in answers) == 21, (
            "who asks for one that waits is no more"
        )
        assert isinstance(await asker.ask("merhaba"), Spoken)

    with_asker(tmp_path, test)


def test_use_is_noted_so_that_it_stays(tmp_path: Path) -> None:
    async def test(asker: Asker) -> None:
        answer = await asker.ask("merhaba")
        assert isinstance(answer, Spoken)
        os.utime(answer.path, (1_000_000, 1_000_000))
        await asker.ask("merhaba")
        assert os.stat(answer.path).st_mtime > 1_000_000

    with_asker(tmp_path, test)
