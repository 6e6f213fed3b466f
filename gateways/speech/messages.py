"""What the edge asks of the speech process, on its own link (`speech.sock`), and where a spoken text's file
lies.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeAlias

import msgspec

VOICE_VERSION = 1  # part of the file's name; grows when the same text would sound different


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, kw_only=True):
    """Base of all messages; the tag is the class name."""


class Speak(Message, frozen=True, kw_only=True):
    """Make the file of this text (8 kHz mono 16-bit WAV) unless it is there."""

    text: str
    language: str
    words_per_minute: int = 160


class Spoken(Message, frozen=True, kw_only=True):
    """The file is complete at `path`."""

    text: str
    language: str
    path: str
    duration_ms: int


class SpeakFailed(Message, frozen=True, kw_only=True):
    """No file: unknown language, empty or too long text, disk full …"""

    text: str
    language: str
    reason: str


def spoken_path(folder: Path, text: str, language: str, words_per_minute: int) -> Path:
    """The cached file of a text: the same everywhere, so that the edge looks before it asks."""
    name = f"{VOICE_VERSION}|{language}|{words_per_minute}|{text}"
    return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.wav"


ToSpeech: TypeAlias = Speak
FromSpeech: TypeAlias = Spoken | SpeakFailed
