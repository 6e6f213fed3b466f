"""Prompts: recorded, spoken already, spoken now, spoken too late, not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from gateways.edge.limits import Timing
from gateways.media import messages as engine
from gateways.speech import messages as speech
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Scripted, World, world_in


def spoken(world: World, text: str) -> Path:
    return speech.spoken_path(world.config.prompts_path, text, "tr", world.config.speech.words_per_minute)


def write(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF")
    return str(path)


def play(call: str, number: int, *prompts: commands.Prompt) -> commands.Play:
    return commands.Play(edge=EDGE, call=call, play=number, prompts=prompts)


def test_a_recording_goes_first_then_the_spoken_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            call, _ = await answered(world, world.phone())
            wav = write(tmp_path / "a.wav")
            said = write(spoken(world, "iyi günler"))
            world.core.send(
                play(
                    call,
                    1,
                    commands.Prompt(id="a", wav=wav, text="not heard"),
                    commands.Prompt(id="b", wav=str(tmp_path / "missing.wav"), text="iyi günler"),
                )
            )
            assert (await world.engine.expect(engine.PlayFiles)).paths == (wav, said)
            assert world.speech.all(speech.Speak) == []

    asyncio.run(story())


def test_a_text_is_spoken_while_the_caller_waits(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            call, _ = await answered(world, world.phone())
            prompt = commands.Prompt(id="a", text="merhaba")
            world.core.send(play(call, 1, prompt, prompt))
            asked = await world.speech.expect(speech.Speak)
            assert (asked.text, asked.language) == ("merhaba", "tr")
            path = write(spoken(world, "merhaba"))
            world.speech.send(speech.Spoken(text="merhaba", language="tr", path=path, duration_ms=5))
            assert (await world.engine.expect(engine.PlayFiles)).paths == (path, path)
            assert len(world.speech.all(speech.Speak)) == 1

    asyncio.run(story())


def test_what_cannot_be_spoken_is_skipped_and_reported(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(prompt_wait_s=0.05)) as world:
            call, _ = await answered(world, world.phone())
            wav = write(tmp_path / "a.wav")
            known = commands.Prompt(id="a", wav=wav)
            world.core.send(play(call, 1, commands.Prompt(id="late", text="late"), known))
            playing = await world.engine.expect(engine.PlayFiles)
            assert playing.paths == (wav,)
            world.engine.send(engine.PlaybackDone(leg=playing.leg, play=1))
            done = await world.core.expect(events.PlaybackDone)
            assert (done.play, done.failed) == (1, True)
            world.core.send(play(call, 2, commands.Prompt(id="empty")))
            done = await world.core.expect(events.PlaybackDone)
            assert (done.play, done.failed) == (2, True)
            world.core.send(play(call, 3, commands.Prompt(id="x", text="x", language="xx")))
            await world.speech.expect(speech.Speak, lambda speak: speak.text == "x")
            world.speech.send(speech.SpeakFailed(text="x", language="xx", reason="unknown language"))
            assert (await world.core.expect(events.PlaybackDone)).play == 3

    asyncio.run(story())


def test_a_playback_that_was_replaced_while_it_was_spoken_is_never_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            call, _ = await answered(world, world.phone())
            wav = write(tmp_path / "a.wav")
            world.core.send(play(call, 1, commands.Prompt(id="slow", text="slow")))
            await world.speech.expect(speech.Speak)
            music = commands.Prompt(id="m", wav=wav)
            world.core.send(commands.PlayMusic(edge=EDGE, call=call, music=music, announce=(music,)))
            looping = await world.engine.expect(engine.PlayLoop)
            assert (looping.path, looping.first) == (wav, (wav,))
            path = write(spoken(world, "slow"))
            world.speech.send(speech.Spoken(text="slow", language="tr", path=path, duration_ms=5))
            world.core.send(play(call, 2, commands.Prompt(id="a", wav=wav)))
            assert (await world.engine.expect(engine.PlayFiles)).play == 2
            # The engine's word about a playback that was replaced changes nothing.
            world.engine.send(engine.PlaybackDone(leg=call, play=1))
            world.engine.send(engine.PlaybackDone(leg=call, play=2))
            assert (await world.core.expect(events.PlaybackDone)).play == 2
            assert len(world.core.all(events.PlaybackDone)) == 1

    asyncio.run(story())


def test_prepared_texts_are_asked_for_again_when_speech_begins_anew(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            prompts = tuple(commands.Prompt(id=text, text=text) for text in ("bir", "iki", "bir"))
            world.core.send(commands.PreparePrompts(edge=EDGE, prompts=prompts))
            await world.speech.expect(speech.Speak, lambda speak: speak.text == "iki")
            path = write(spoken(world, "bir"))
            world.speech.send(speech.Spoken(text="bir", language="tr", path=path, duration_ms=5))
            world.core.send(commands.PreparePrompts(edge=EDGE, prompts=prompts))
            await answered(world, world.phone())  # the edge has read all of it
            await world.speech.stop()
            world.speech = Scripted(world.config, "speech", speech.FromSpeech, speech.ToSpeech)
            await world.speech.start()
            assert (await world.speech.expect(speech.Speak)).text == "iki"
            await answered(world, world.phone())
            assert len(world.speech.all(speech.Speak)) == 1

    asyncio.run(story())


def test_music_that_cannot_be_had_leaves_the_announcement(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            call, _ = await answered(world, world.phone())
            announce = commands.Prompt(id="a", wav=write(tmp_path / "a.wav"))
            silent = commands.Prompt(id="m")
            world.core.send(commands.PlayMusic(edge=EDGE, call=call, music=silent, announce=(announce,)))
            playing = await world.engine.expect(engine.PlayFiles)
            world.engine.send(engine.PlaybackDone(leg=call, play=playing.play))
            world.engine.send(engine.Key(leg=call, key="1"))
            await world.core.expect(events.KeyPressed)
            assert world.core.all(events.PlaybackDone) == []

    asyncio.run(story())
