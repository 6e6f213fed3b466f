"""eSpeak NG, as much of its C interface (speak_lib.h) as making a sound file needs.

The library keeps its voice and its parameters in globals and is not thread-safe: a `Voice` is made and used
in one thread, once a process. Audio comes through a callback in pieces while `espeak_Synth` runs (synchronous
mode), so a text that turns out endless is stopped from there.
"""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

import espeakng_loader
import numpy as np
import numpy.typing as npt

LANGUAGES = {"tr": b"tr", "pl": b"pl", "zh": b"cmn", "en": b"en-us"}  # ours → the library's voice
AUDIO_MAX_S = 600

# speak_lib.h
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_DATA_PATH_MAX_BYTES = 120  # N_PATH_HOME is 160, and names of files come behind it
_RATE = 1
_POS_CHARACTER = 1
_CHARS_UTF8 = 1
_OK = 0
_STOP, _GO_ON = 1, 0

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class VoiceError(Exception):
    """The library can't do it; the text says what."""


class Voice:
    """The synthesizer."""

    def __init__(self) -> None:
        """Load the library and its data out of their wheel."""
        self._library, self.rate_hz = _library()
        self._pieces: list[npt.NDArray[np.int16]] = []
        self._count = 0
        self._callback = _Callback(self._take)  # kept: the library holds no reference

    def speak(self, text: str, language: str, words_per_minute: int) -> npt.NDArray[np.int16]:
        """The text as samples at `rate_hz`; none when nothing in it can be spoken."""
        voice = LANGUAGES.get(language)
        if voice is None or self._library.espeak_SetVoiceByName(voice) != _OK:
            raise VoiceError(f"no voice for {language!r}")
        if self._library.espeak_SetParameter(_RATE, words_per_minute, 0) != _OK:
            raise VoiceError(f"{words_per_minute} words a minute are refused")
        encoded = text.encode()
        self._pieces, self._count = [], 0
        self._library.espeak_SetSynthCallback(self._callback)
        result = self._library.espeak_Synth(
            encoded, len(encoded) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        pieces, self._pieces = self._pieces, []
        if result != _OK:
            raise VoiceError(f"eSpeak NG failed with {result}")
        if self._count > AUDIO_MAX_S * self.rate_hz:
            raise VoiceError(f"more than {AUDIO_MAX_S} s of audio")
        return np.concatenate(pieces) if pieces else np.zeros(0, np.int16)

    def _take(self, samples: Any, count: int, events: Any) -> int:
        """A piece of audio; no samples means the end."""
        if not samples or count <= 0:
            return _GO_ON
        self._count += count
        if self._count > AUDIO_MAX_S * self.rate_hz:
            return _STOP
        self._pieces.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return _GO_ON


@functools.cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library, initialized, and its sampling rate.

    Once a process: initialized again and again, it was seen to crash some texts later.
    """
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        _declare(library)
        data = _short_path(espeakng_loader.get_data_path())
    except (OSError, RuntimeError, AttributeError) as error:
        raise VoiceError(f"eSpeak NG can't be loaded: {error}") from error
    rate = library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _INITIALIZE_DONT_EXIT)
    if rate <= 0:
        raise VoiceError("eSpeak NG finds no voices")
    return library, rate


def _short_path(folder: str) -> bytes:
    """The folder by a path that fits: the library cuts a longer one and then finds no voices there.

    The open folder is a path too, as long as it stays open, which is as long as the process needs voices.
    """
    path = os.fsencode(folder)
    if len(path) <= _DATA_PATH_MAX_BYTES:
        return path
    return b"/proc/self/fd/%d" % os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _declare(library: ctypes.CDLL) -> None:
    """The signatures, so that a wrong call is an error of Python's and not of the memory's."""
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_SetSynthCallback.argtypes = [_Callback]
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
    library.espeak_SetParameter.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int]
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
        *(ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p),
    ]
