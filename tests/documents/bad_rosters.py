"""One bad roster for every rule; those that only the plan makes bad change the plan instead."""

from __future__ import annotations

from tests.documents.base import Bad


def _add(mark: str, lines: str, reason: str) -> Bad:
    return f"# {mark}\n", f"{lines}\n# {mark}\n", reason


BAD_ROSTERS: dict[str, Bad] = {
    "unknown key": _add("agent", "skill = 3", "roster, line 17: agents.ann.skill: unknown key (known here: "),
    "no queues as a text": ('queues = ["water"]', 'queues = "water"', "agents.ann.queues: expected `array`"),
    "level as a text": _add("agent", 'skills = { pipes = "5" }', "agents.ann.skills.pipes: expected `int`"),
    "bad id of a team": ("[teams.empty]", '[teams."e e"]', "teams.e e: 'e e' is no id"),
    "team without a name": ('name = "Nobody"', 'name = ""', "teams.empty.name: the name is empty"),
    "team for no queue": (
        'queues = ["late"]',
        'queues = ["lat"]',
        "teams.t.queues[1]: there is no queue lat",
    ),
    "team for a queue twice": (
        'queues = ["late"]',
        'queues = ["late", "late"]',
        "teams.t.queues: late is there twice",
    ),
    "bad id of a shift": ("[shifts.day]", '[shifts."d d"]', "shifts.d d: 'd d' is no id"),
    "no start": ('start = "08:00"', 'start = "8:00"', "shifts.day.start: '8:00' is no time of day (08:00)"),
    "starts at the day's end": (
        'start = "08:00"',
        'start = "24:00"',
        "shifts.day.start: '24:00' is no time of day",
    ),
    "no end": ('end = "16:00"', 'end = "16h"', "shifts.day.end: '16h' is no time of day"),
    "shift without days": (
        'end = "16:00"',
        'end = "16:00"\ndays = []',
        "shifts.day.days: a shift needs at least",
    ),
    "shift on no weekday": (
        'end = "16:00"',
        'end = "16:00"\ndays = ["pzt"]',
        "shifts.day.days[1]: there is no weekday pzt",
    ),
    "bad id of an agent": ("[agents.bob]", '[agents."b b"]', "agents.b b: 'b b' is no id"),
    "agent without a name": ('name = "Bob"', 'name = ""', "agents.bob.name: the name is empty"),
    "agent for no queue of the plan": (
        '["water"]',
        '["wtaer"]',
        "agents.ann.queues[1]: there is no queue wtaer",
    ),
    "agent for a queue twice": ('["water"]', '["water", "water"]', "agents.ann.queues: water is there twice"),
    "agent without a skill of the plan": _add(
        "agent", "skills = { p = 1 }", "agents.ann.skills.p: there is no skill"
    ),
    "level too high": _add(
        "agent", "skills = { pipes = 6 }", "agents.ann.skills.pipes: 6 is not within 1 to 5"
    ),
    "no such team": ('team = "t"\n#', 'team = "x"\n#', "agents.ann.team: there is no team x"),
    "no such shift": _add("agent", 'shifts = ["night"]', "agents.ann.shifts[1]: there is no shift night"),
    "order backwards": _add("agent", "order = -1", "agents.ann.order: -1 is not within 0 to 1000000"),
    "order without end": _add(
        "agent", "order = 1000001", "agents.ann.order: 1000001 is not within 0 to 1000000"
    ),
    "phone that can't register": ('"201"', '"2 01"', "agents.ann.phone: '2 01' is no id"),
    "phone twice": (
        'name = "Bob"',
        'name = "Bob"\nphone = "201"',
        "agents.bob.phone: 201 is the phone of ann already",
    ),
    "phone of a site": ('"201"', '"north"', "agents.ann.phone: north is the phone of the site north already"),
    "agent who serves nothing": (
        'name = "Bob"\nteam = "t"',
        'name = "Bob"\nteam = "empty"',
        "agents.bob.queues: an agent serves at least one queue, alone or with the team",
    ),
    "agent of no team who serves nothing": (
        'name = "Ann"\nqueues = ["water"]\nphone = "201"\nteam = "t"',
        'name = "Ann"',
        "agents.ann.queues: an agent serves at least one queue",
    ),
    "queue of a team that is not there": _add(
        "queue", 'teams = ["x"]', "roster, line 1: teams: the plan's queue water needs the team x"
    ),
    "step that adds a team that is not there": _add(
        "step", 'add_teams = ["y"]', "roster, line 1: teams: the plan's queue water needs the team y"
    ),
    "caller who prefers nobody": _add(
        "caller", 'agent = "zoe"', "roster, line 12: agents: the plan's caller hospital prefers the agent zoe"
    ),
}
