"""Voices of an installation whose path is longer than the library can hold."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import espeakng_loader

PROGRAM = """
import sys
import espeakng_loader
espeakng_loader.get_data_path = lambda: sys.argv[1]
from gateways.speech.espeak import Voice
print(len(Voice().speak("merhaba", "tr", 160)) > 0)
"""


def test_a_long_path_to_the_voices(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40) / ("path" * 20) / "espeak-ng-data"
    shutil.copytree(espeakng_loader.get_data_path(), folder)
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    assert answer.stdout == "True\n"
