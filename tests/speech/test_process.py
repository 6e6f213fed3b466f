"""The process as the supervisor starts it and an edge meets it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from gateways.speech.messages import FromSpeech, Speak, SpeakFailed, Spoken, ToSpeech

START = """
import sys
from pathlib import Path
from acd_core.config import load_config
from gateways.speech.process import main
sys.exit(main(load_config(Path(sys.argv[1]))))
"""


def test_texts_become_files_over_the_link(tmp_path: Path) -> None:
    (tmp_path / "santral.toml").write_text('data_dir = "var"\nrun_dir = "run"\n')
    config = Config(base_dir=str(tmp_path), run_dir="run")
    heard: list[FromSpeech] = []

    async def ask() -> None:
        came, up = asyncio.Event(), asyncio.Event()

        def on_message(message: FromSpeech) -> None:
            heard.append(message)
            if len(heard) == 2:
                came.set()

        link = LinkClient(
            config.socket("speech"),
            role="edge",
            name="edge1",
            send_type=ToSpeech,
            receive_type=FromSpeech,
            on_message=on_message,
            on_up=lambda fresh: up.set(),
            on_down=lambda: None,
        )
        run = asyncio.get_running_loop().create_task(link.run())
        async with asyncio.timeout(60):
            await up.wait()
            link.send(Speak(text="", language="tr"))
            link.send(Speak(text="Merhaba", language="tr"))
            await came.wait()
        run.cancel()
        await asyncio.wait([run])

    with subprocess.Popen([sys.executable, "-c", START, str(tmp_path / "santral.toml")]) as process:
        try:
            asyncio.run(ask())
            assert config.ready_file("speech").read_text().strip() == str(process.pid)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert heard[0] == SpeakFailed(text="", language="tr", reason="empty")
    assert isinstance(heard[1], Spoken)
    assert Path(heard[1].path).parent == config.prompts_path
    assert not config.socket("speech").exists()
    assert not config.ready_file("speech").exists()
