"""One bad plan for every rule."""

from __future__ import annotations

from acd_core.documents.ranges import RANGES
from acd_core.domain.plan import (
    Caller,
    Condition,
    Document,
    MenuStep,
    NotReadyReason,
    Number,
    OfferRule,
    Outbound,
    Plan,
    Queue,
    QueueStep,
    SearchStep,
    Site,
)
from tests.documents.base import PLAN, Bad, with_key


def _add(mark: str, lines: str, reason: str) -> Bad:
    return f"# {mark}\n", f"{lines}\n# {mark}\n", reason


WATER = "queues.water"
STEPS = "flows.main.steps"
HELLO_17 = str(["hello"] * 17)

SHAPE: dict[str, Bad] = {
    "no TOML": ('name = "P"', "name = ", "plan: not valid TOML: Invalid value"),
    "a date that is none": ('name = "P"', "name = 2026-02-30", "plan: not valid TOML: "),
    "nested for ever": ('name = "P"', f"name = {'[' * 9_000}", "plan: not valid TOML: "),
    "unknown key at the top": (
        'name = "P"',
        'name = "P"\nnmae = "Q"',
        "plan, line 2: nmae: unknown key (known",
    ),
    "unknown key in a queue": _add("queue", "wrapup = 1", f"{WATER}.wrapup: unknown key (known here: "),
    "unknown key in a step": _add("menu", "wait = 1", f"{STEPS}.menu.wait: unknown key"),
    "midnights are worked out": _add("plan", "midnights_ms = []", "line 3: midnights_ms: unknown key"),
    "the years are worked out": _add("plan", "compiled_ms = [0, 0]", "line 3: compiled_ms: unknown key"),
    "opening is worked out": _add("calendar", "open_ms = []", "calendars.office.open_ms: unknown key"),
    "holidays are worked out": _add(
        "calendar", "holiday_ms = []", "calendars.office.holiday_ms: unknown key"
    ),
    "missing key": (
        'service = "Water"\nflow = "main"\n#',
        'flow = "main"\n#',
        "numbers[1]: the key service is missing",
    ),
    "wrong type": ('name = "Su"', "name = 7", f"{WATER}.name: expected `str`, got `int`"),
    "a number that is no whole one": _add("queue", "priority = 1.5", f"{WATER}.priority: expected `int`"),
    "a table that is none": ('{ wav = "music.wav" }', '"music.wav"', "prompts.music: expected a table"),
    "no table of tables": ("[queues.late]", "[queues]\nb = 1\n[queues.late]", "queues.b: expected a table"),
    "unknown type of step": (
        'type = "hang_up"',
        'type = "hangup"',
        f"{STEPS}.bye: the type must be one of hang_up, hours, menu, play, queue, not 'hangup'",
    ),
    "step without a type": ('type = "hang_up"', "", f"{STEPS}.bye: the type must be one of"),
    "step whose type is a list": (
        'type = "hang_up"',
        "type = []",
        f"{STEPS}.bye: the type must be one of hang_up, ",
    ),
    "unknown strategy": _add(
        "queue",
        'strategy = "fastest"',
        f"{WATER}.strategy: 'fastest' is not one of longest_idle, fewest_calls, ",
    ),
    "unknown way to answer": _add(
        "number", 'answer = "never"', "numbers[1].answer: 'never' is not one of at_once, when_connected"
    ),
    "unknown channel": _add(
        "queue",
        "offer_timeout_by_channel_ms = { fax = 1 }",
        f"{WATER}.offer_timeout_by_channel_ms.fax: 'fax' is not one of browser, phone",
    ),
}

WHOLE: dict[str, Bad] = {
    "plan without a name": ('name = "P"', 'name = " "', "line 1: name: the name is empty"),
    "numbers of no country": (
        'country = "GB"',
        'country = "gb"',
        "line 2: country: 'gb' is no country (two letters of ISO 3166: TR, PL)",
    ),
    "unknown time zone": _add("plan", 'timezone = "Mars/Base"', "timezone: there is no time zone Mars/Base"),
    "skill with a space": ('pipes = "Pipes"', '"p s" = "Pipes"', "skills.p s: 'p s' is no id"),
    "skill without a name": ('pipes = "Pipes"', 'pipes = ""', "skills.pipes: the name is empty"),
    "bad id of a prompt": ("music = { wav", '"mu sic" = { wav', "prompts.mu sic: 'mu sic' is no id"),
    "prompt without anything": (
        '{ wav = "music.wav" }',
        "{}",
        "prompts.music: a prompt needs a text or a wav",
    ),
    "prompt in no language": (
        'en = "Hello"',
        'english = "Hello"',
        "prompts.hello.text.english: 'english' is no language",
    ),
    "prompt with an empty text": ('en = "Hello"', 'en = " "', "prompts.hello.text.en: the text is empty"),
    "number that is none": ('"185"', '"1 85"', "numbers[1].dialled: '1 85' is nothing that can be dialled"),
    "number twice": ('"186"', '"185"', "numbers[2].dialled: 185 is there twice"),
    "number without a service": (
        'service = "Water"',
        'service = ""',
        "numbers[1].service: the pop-up needs a",
    ),
    "number to no flow": ('flow = "main"\n#', 'flow = "mian"\n#', "numbers[1].flow: there is no flow mian"),
    "number in no language": _add(
        "number", 'language = "turkish"', "numbers[1].language: 'turkish' is no lang"
    ),
    "number for no skill": _add("number", "skills = { p = 1 }", "numbers[1].skills.p: there is no skill p"),
    "caller with a bad id": ("[callers.school]", '[callers."s s"]', "callers.s s: 's s' is no id"),
    "caller without a name": ('name = "School"', 'name = ""', "callers.school.name: the name is empty"),
    "caller without a number": (
        'numbers = ["+442079460020"]',
        "numbers = []",
        "callers.school.numbers: a caller is known by at least one number",
    ),
    "caller with an extension": (
        '"+442079460020"',
        '"+442079460020", "201"',
        "callers.school.numbers[2]: '201' is no number in GB",
    ),
    "two callers of one number": (
        '"+442079460020"',
        '"(020) 7946-0019"',
        "callers.school.numbers[1]: (020) 7946-0019 (+442079460019) is a number of hospital already",
    ),
    "caller with no such skill": _add(
        "caller", "skills = { p = 1 }", "callers.hospital.skills.p: there is no"
    ),
    "site with a bad id": ("[sites.south]", '[sites."s s"]', "sites.s s: 's s' is no id"),
    "site without a name": ('name = "South"', 'name = ""', "sites.south.name: the name is empty"),
    "site that can't register": ('user = "south"', 'user = "a@b"', "sites.south.user: 'a@b' is no id"),
    "two sites of one user": (
        'user = "south"',
        'user = "north"',
        "sites.south.user: north is the user of north already",
    ),
    "shown number that is none": (
        'number = "02121850000"',
        'number = "call us"',
        "outbound.number: 'call us' is no number to be shown",
    ),
    "dialled calls with unknown music": _add(
        "outbound", 'music = "jazz"', "outbound.music: there is no prompt jazz"
    ),
    "dialled calls with an unknown prompt": _add(
        "outbound", 'operator_lost = ["jazz"]', "outbound.operator_lost[1]: there is no prompt jazz"
    ),
    "dialled calls with a longer wrap-up than the longest": _add(
        "outbound", "wrap_up_ms = 700_000", "outbound.wrap_up_ms: 700000 is more than wrap_up_max_ms = 600000"
    ),
    "reason with a space": ("lunch]", '"l l"]', "not_ready_reasons.l l: 'l l' is no id"),
    "reason of the core's own": (
        "lunch]",
        "no_audio]",
        "not_ready_reasons.no_audio: no_audio is a reason that the system gives itself",
    ),
}

CALENDARS: dict[str, Bad] = {
    "bad id of a calendar": ("[calendars.office]", '[calendars."o o"]', "calendars.o o: 'o o' is no id"),
    "no weekday": ("mon =", "monday =", "calendars.office.open.monday: 'monday' is no weekday (mon, tue, "),
    "no span": ("08:00-12:00", "08:00", "calendars.office.open.mon[1]: '08:00' is no span of a day"),
    "no time": ("08:00-12:00", "08:00-12:60", "open.mon[1]: '08:00-12:60' is no span"),
    "after midnight": ("13:00-17:00", "22:00-06:00", "open.mon[2]: '22:00-06:00' is no span"),
    "begins at the day's end": ("13:00-17:00", "24:00-24:00", "open.mon[2]: '24:00-24:00' is no span"),
    "spans that overlap": ("13:00-17:00", "11:00-17:00", "open.mon: 08:00-12:00 and 11:00-17:00 overlap"),
    "no country": _add(
        "calendar", 'country = "ZZ"', "office.country: there is no list of public holidays of ZZ"
    ),
    "no part of the country": _add(
        "calendar",
        'country = "DE"\nsubdivision = "XX"',
        "calendars.office.subdivision: there is no part of DE called XX",
    ),
    "a part of no country": _add(
        "calendar", 'subdivision = "BY"', "office.subdivision: a part of no country"
    ),
    "no date": _add(
        "calendar", 'holidays = [{ date = "20261029" }]', "holidays[1].date: '20261029' is no date"
    ),
    "no day": _add(
        "calendar", 'holidays = [{ date = "2026-02-30" }]', "holidays[1].date: '2026-02-30' is no date"
    ),
    "holiday twice": _add(
        "calendar",
        'holidays = [{ date = "2026-10-29" }, { date = "2026-10-29" }]',
        "calendars.office.holidays[2].date: 2026-10-29 is there twice",
    ),
    "holiday with bad hours": _add(
        "calendar",
        'holidays = [{ date = "2026-10-29", open = ["12-13"] }]',
        "calendars.office.holidays[1].open[1]: '12-13' is no span of a day",
    ),
}

FLOWS: dict[str, Bad] = {
    "bad id of a flow": (
        '[flows.late]\nstart = "wait"\n\n[flows.late.',
        '[flows."f f"]\nstart = "wait"\n\n[flows."f f".',
        "flows.f f: 'f f' is no id",
    ),
    "bad id of a step": (
        '[flows.main.steps.water]\ntype = "queue"',
        '[flows.main.steps."w w"]\ntype = "hang_up"\n[flows.main.steps.water]\ntype = "queue"',
        f"{STEPS}.w w: 'w w' is no id",
    ),
    "no such start": ('start = "hello"', 'start = "hallo"', "flows.main.start: there is no step hallo"),
    "no such next": (
        'next = "menu"',
        'next = "mneu"',
        f"{STEPS}.hello.next: there is no step mneu in this flow",
    ),
    "typing ahead of no menu": (
        'next = "menu"',
        'next = "hours"\ntype_ahead = true',
        f"{STEPS}.hello.type_ahead: hours is no menu",
    ),
    "no such key target": (
        '"2" = "bye"',
        '"2" = "by"',
        f"{STEPS}.menu.keys.2: there is no step by in this flow",
    ),
    "no such otherwise": (
        'otherwise = "hours"',
        'otherwise = "x"',
        f"{STEPS}.menu.otherwise: there is no step x",
    ),
    "no key of a phone": (
        '"2" = "bye"',
        '"12" = "bye"',
        "menu.keys.12: '12' is no key of a telephone (0-9, *, #",
    ),
    "menu without keys": (
        'keys = { "1" = "water", "2" = "bye" }',
        "keys = {}",
        f"{STEPS}.menu.keys: a menu needs at least one key",
    ),
    "no such prompt": (
        'prompts = ["hello"]\nnext',
        'prompts = ["hallo"]\nnext',
        f"{STEPS}.hello.prompts[1]: there is no prompt hallo",
    ),
    "nothing to say": (
        'prompts = ["hello"]\nnext',
        "prompts = []\nnext",
        "hello.prompts: there is nothing to say",
    ),
    "too much to say": (
        'prompts = ["hello"]\nnext',
        f"prompts = {HELLO_17}\nnext",
        f"{STEPS}.hello.prompts: more than 16 prompts",
    ),
    "no such prompt after a wrong key": _add(
        "menu", 'invalid_prompts = ["x"]', f"{STEPS}.menu.invalid_prompts[1]: there is no prompt x"
    ),
    "too much to say after a wrong key": _add(
        "menu",
        f"invalid_prompts = {['hello'] * 16}",
        f"{STEPS}.menu.invalid_prompts: more than 16 prompts with the menu's own",
    ),
    "no such calendar": (
        'calendar = "office"',
        'calendar = "o"',
        f"{STEPS}.hours.calendar: there is no calendar o",
    ),
    "no such branch": _add(
        "hours", 'holiday = "x"', f"{STEPS}.hours.holiday: there is no step x in this flow"
    ),
    "hours that lead nowhere": (
        'closed = "bye"',
        'closed = ""',
        "hours.closed: the name of a step is missing",
    ),
    "no such queue": ('queue = "water"', 'queue = "wtaer"', f"{STEPS}.water.queue: there is no queue wtaer"),
    "queue step for no skill": _add(
        "queue step", "skills = { p = 1 }", f"{STEPS}.water.skills.p: there is no"
    ),
    "step nobody reaches": (
        "# hang up\n",
        '[flows.main.steps.lonely]\ntype = "hang_up"\n',
        f"{STEPS}.lonely: no other step leads here",
    ),
}

_NEVER = "and never gets out"
CIRCLES: dict[str, Bad] = {
    "announcements in a circle": (
        '"2" = "bye" }\notherwise = "hours"',
        '"2" = "bye", "3" = "hours" }\notherwise = "hello"',
        f"{STEPS}.hello.next: whoever presses nothing goes round in {STEPS}.hello, {STEPS}.menu {_NEVER}",
    ),
    "a menu that leads to itself": (
        '"2" = "bye" }\notherwise = "hours"',
        '"2" = "bye", "3" = "hours" }\notherwise = "menu"',
        f"{STEPS}.menu.otherwise: whoever presses nothing goes round in {STEPS}.menu {_NEVER}",
    ),
    "hours that lead back": (
        'closed = "bye"',
        'closed = "hello"\nholiday = "bye"',
        f"goes round in {STEPS}.hello, {STEPS}.menu, {STEPS}.hours {_NEVER}",
    ),
    "out of a queue and back into it": _add(
        "way out",
        'queue = "water"',
        f"{WATER}.when_waited.queue: whoever presses nothing goes round in {WATER} ",
    ),
    "out of a queue into a flow that leads there": _add(
        "way out",
        'flow = "main"',
        f"goes round in {STEPS}.hello, {STEPS}.menu, {STEPS}.hours, {STEPS}.water, {WATER} {_NEVER}",
    ),
    "to and fro between two queues": (
        '# way out\n\n[queues.late]\nname = "Late"\n',
        'queue = "late"\n\n[queues.late]\nname = "Late"\nwhen_full = { queue = "water" }\n',
        f"{WATER}.when_waited.queue: whoever presses nothing goes round in {WATER}, queues.late {_NEVER}",
    ),
    "a step that moves, a way out that leads back": (
        "# late\n",
        'unstaffed_max_ms = 1\nwhen_unstaffed = { flow = "late" }\n',
        f"flows.late.steps.wait.queue: whoever presses nothing goes round in flows.late.steps.wait, queues.late {_NEVER}",
    ),
    "moved by steps in a circle": (
        "# second step\n\n[queues.water.on_no_answer]",
        'move_to = "late"\n[[queues.late.steps]]\nafter_ms = 1\nmove_to = "water"\n\n[queues.water.on_no_answer]',
        f"{WATER}.steps[2].move_to: whoever presses nothing goes round in {WATER}, queues.late {_NEVER}",
    ),
}

QUEUES: dict[str, Bad] = {
    "bad id of a queue": ("[queues.late]", '[queues."l l"]', "queues.l l: 'l l' is no id"),
    "queue without a name": ('name = "Su"', 'name = ""', f"{WATER}.name: the name is empty"),
    "no such music": _add("queue", 'music = "jazz"', f"{WATER}.music: there is no prompt jazz"),
    "no such announcement": _add("queue", 'announce = ["x"]', f"{WATER}.announce[1]: there is no prompt x"),
    "no such apology": _add(
        "queue", 'operator_lost = ["x"]', f"{WATER}.operator_lost[1]: there is no prompt x"
    ),
    "no such skill": _add("queue", "skills = { p = 1 }", f"{WATER}.skills.p: there is no skill p"),
    "level 0": _add("queue", "skills = { pipes = 0 }", f"{WATER}.skills.pipes: 0 is not within 1 to 5"),
    "level 6": _add("queue", "skills = { pipes = 6 }", f"{WATER}.skills.pipes: 6 is not within 1 to 5"),
    "team twice": _add("queue", 'teams = ["t", "t"]', f"{WATER}.teams: t is there twice"),
    "aging without end": _add(
        "queue", "aging_per_min = 1", "aging_per_min: without aging_max it does nothing"
    ),
    "an end of no aging": _add("queue", "aging_max = 1", "aging_max: without aging_per_min it does nothing"),
    "too many steps": _add(
        "late",
        "steps = [" + ", ".join(f'{{ after_ms = {n}, announce = ["hello"] }}' for n in range(17)) + "]",
        "queues.late.steps: 17 steps are more than 16",
    ),
    "steps out of order": (
        "after_ms = 20_000",
        "after_ms = 10_000",
        f"{WATER}.steps[2].after_ms: 10000 is not after the step before (10000)",
    ),
    "a step that does nothing": ("lower_levels = 1", "", f"{WATER}.steps[1]: a step that does nothing"),
    "waiting is over before the last step": _add(
        "queue",
        "wait_max_ms = 20_000",
        f"{WATER}.wait_max_ms: 20000 is over before the last step (20000) begins",
    ),
    "during no calendar": _add(
        "condition", 'during = "o"', f"{WATER}.steps[1].when.during: there is no calendar o"
    ),
    "step that says nothing known": _add(
        "step", 'announce = ["x"]', f"{WATER}.steps[1].announce[1]: there is no"
    ),
    "callback offered in no words": _add(
        "step", 'offer_callback = ["x"]', f"{WATER}.steps[1].offer_callback[1]: there is no prompt x"
    ),
    "team added twice": _add(
        "step", 'add_teams = ["t", "t"]', f"{WATER}.steps[1].add_teams: t is there twice"
    ),
    "no such queue added": _add(
        "step", 'add_queues = ["x"]', f"{WATER}.steps[1].add_queues[1]: there is no queue"
    ),
    "queue added twice": _add(
        "step", 'add_queues = ["late", "late"]', "steps[1].add_queues: late is there twice"
    ),
    "queue added to itself": _add(
        "step",
        'add_queues = ["water"]',
        f"{WATER}.steps[1].add_queues: the calls of a queue wait in it already",
    ),
    "moved to no queue": _add("step", 'move_to = "x"', f"{WATER}.steps[1].move_to: there is no queue x"),
    "moved to itself": _add(
        "step", 'move_to = "water"', f"{WATER}.steps[1].move_to: a queue can't move its calls to itself"
    ),
    "way out in no words": (
        'prompts = ["hello"]\n# way out',
        'prompts = ["x"]\n# way out',
        f"{WATER}.when_waited.prompts[1]: there is no prompt x",
    ),
    "two ways out at once": _add(
        "way out",
        'queue = "late"\nflow = "late"',
        f"{WATER}.when_waited: either to a queue or to a flow, not both",
    ),
    "way out to no queue": _add("way out", 'queue = "x"', f"{WATER}.when_waited.queue: there is no queue x"),
    "way out to no flow": _add("way out", 'flow = "x"', f"{WATER}.when_waited.flow: there is no flow x"),
    "no pause before the same again": (
        "pause_ms = 5_000",
        "pause_ms = 999",
        f"{WATER}.on_no_answer.pause_ms: 999 is too short: who is ready again needs a pause of at least 1000",
    ),
    "no time for an offer at a phone": _add(
        "queue",
        "offer_timeout_by_channel_ms = { phone = 0 }",
        f"{WATER}.offer_timeout_by_channel_ms.phone: 0 is not within 1 to 86400000",
    ),
    "wrap-up over its own end": _add(
        "queue", "wrap_up_ms = 600_001", f"{WATER}.wrap_up_ms: 600001 is more than wrap_up_max_ms = 600000"
    ),
}

NO_NUMBERS: Bad = (
    PLAN[PLAN.index("# plan") : PLAN.index("[prompts]")],
    "numbers = []\n",
    "line 3: numbers: a plan needs at least one number",
)
NO_QUEUES: Bad = (PLAN[PLAN.index("[queues.water]") :], "", "plan: the key queues is missing")

# --- ranges: the mark in the plan where each kind stands -----------------------------------------------------------------

MARKS: dict[type[Document], str] = {
    Number: "number",
    Caller: "caller",
    MenuStep: "menu",
    QueueStep: "queue step",
    Condition: "condition",
    SearchStep: "step",
    OfferRule: "offer",
    Queue: "queue",
    Site: "site",
    Outbound: "outbound",
    NotReadyReason: "reason",
    Plan: "plan",
}


def _out_of_range() -> dict[str, Bad]:
    bad: dict[str, Bad] = {}
    for kind, mark in MARKS.items():
        for key, (least, most) in RANGES[kind].items():
            for value in (least - 1, most + 1):
                text = with_key(PLAN, mark, key, value)
                if key == "ring_max":
                    text = with_key(text, mark, "strategy", '"ring_all"')
                bad[f"{kind.__name__}.{key} = {value}"] = (
                    PLAN,
                    text,
                    f"{key}: {value} is not within {least} to {most}",
                )
    return bad


OTHER: dict[str, Bad] = {"no numbers": NO_NUMBERS, "no queues": NO_QUEUES}
_PARTS = (SHAPE, WHOLE, CALENDARS, FLOWS, CIRCLES, QUEUES, OTHER, _out_of_range())
BAD_PLANS: dict[str, Bad] = {name: bad for part in _PARTS for name, bad in part.items()}
assert len(BAD_PLANS) == sum(len(part) for part in _PARTS), "two of one name"
