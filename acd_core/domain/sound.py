"""What the caller hears: numbered playbacks, and the queue's music."""

from __future__ import annotations

from acd_core.domain.call import Call
from acd_core.domain.commands import Play, PlayMusic
from acd_core.domain.limits import PLAYBACK_MAX_MS
from acd_core.domain.manner import manner
from acd_core.domain.turn import Turn


def play(turn: Turn, call: Call, prompts: tuple[str, ...]) -> None:
    """Say this instead of whatever is being said."""
    call.play += 1
    call.saying = prompts
    call.speaking = True
    turn.emit(
        Play(edge=call.edge, call=call.id, play=call.play, prompts=turn.prompts(prompts, call.language))
    )
    turn.set_deadline("call", call, "flow", turn.now_ms + PLAYBACK_MAX_MS)


def play_music(turn: Turn, call: Call, announce: tuple[str, ...] = ()) -> None:
    """Loop the queue's music to the caller, after these prompts. Calls that were dialled may have none."""
    music = turn.prompts((manner(turn.state, call.queue).music,), call.language)
    if music:
        said = turn.prompts(announce, call.language) if announce else ()
        turn.emit(PlayMusic(edge=call.edge, call=call.id, music=music[0], announce=said))


def sound_again(turn: Turn, call: Call) -> None:
    """The edge may not be playing what it should: have it do so, a playback under a new number."""
    if call.state in ("waiting", "ringing", "held", "away"):
        play_music(turn, call)
    elif call.speaking:
        play(turn, call, call.saying)
