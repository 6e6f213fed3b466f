"""What is said of each reason, in each language."""

from __future__ import annotations

import itertools
import string
import typing
from collections.abc import Iterator

import pytest

from acd_core.domain.commands import CallStep, Decided, DecisionKind, Reject, Rejected
from acd_core.domain.plan import Strategy
from acd_core.explain.clock import day, wall_clock
from acd_core.explain.sentences import tell, tell_waiting
from acd_core.explain.story import Names, Reason, Told, merged
from acd_core.explain.texts import FORMS, FORMS_NUMBER, LANGUAGES, TEXTS, Language
from acd_core.explain.words import Words
from acd_core.telephony import NumberKind
from tests.explain.stories import AT_MS, NAMES, REJECTED, decided, offered, step, told, waiting

CLOCK = wall_clock("Europe/Istanbul")


def texts(language: Language, *reasons: Reason, **more: object) -> list[str]:
    return [line.text for line in tell(told(*reasons, **more), language, CLOCK)]


def every_reason() -> Iterator[Reason]:
    for name in typing.get_args(CallStep):
        yield step(name, agent="op01", detail="caller_hung_up")
        yield step(name, agent="op09", detail="")
    for strategy in (*typing.get_args(Strategy), "", "of a later release"):
        for scores in ((), (1,), (252_000, 230_000)):
            yield offered(strategy, *scores, rejected=REJECTED, priority=52_500)
    yield offered("longest_idle", 1, until_ms=AT_MS + 20_000)
    for why, count in itertools.product(typing.get_args(Reject), (0, 1, 2, 5, 12, 22)):
        yield decided("waits", rejected=(Rejected(why=why, count=count, agents=("op01", "op02")[:count]),))
    for kind in typing.get_args(DecisionKind):
        for number in range(5):
            yield decided(kind, agent="op02", step=number, until_ms=AT_MS + 20_000, detail="queue_full")
        yield decided(kind, agent="op02", detail="bills", waiting=0)
        yield decided(kind, agent="op09")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_can_be_said(language: Language) -> None:
    for reason in every_reason():
        for names in (NAMES, Names()):
            whole = Told(call="c1", live=False, whole=True, reasons=(reason,), names=names, left_out=3)
            for line in tell(whole, language, CLOCK):
                assert line.text.strip() == line.text != ""
                assert not set("{}") & set(line.text), line.text
    for now in (
        waiting(),
        waiting(before=0, held=(1, 2, 3, 9), step=0, leaves_ms=0, asked=(), unstaffed_ms=AT_MS),
    ):
        for text in tell_waiting(now, NAMES, language, CLOCK):
            assert text
            assert not set("{}") & set(text), text


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_same_texts_with_the_same_places(language: Language) -> None:
    assert list(TEXTS[language]) == list(TEXTS["en"])
    for key, text in TEXTS[language].items():
        english = TEXTS["en"][key]
        assert isinstance(text, tuple) == isinstance(english, tuple), key
        forms = text if isinstance(text, tuple) else (text,)
        assert len(forms) == (FORMS_NUMBER[language] if isinstance(text, tuple) else 1), key
        wanted = fields(english[0] if isinstance(english, tuple) else english)
        assert [fields(form) for form in forms] == [wanted] * len(forms), key


def test_no_language_is_a_copy_of_another() -> None:
    sentences = [key for key, text in TEXTS["en"].items() if len(str(text)) > 20]
    for one, other in itertools.combinations(LANGUAGES, 2):
        assert [key for key in sentences if TEXTS[one][key] == TEXTS[other][key]] == []


@pytest.mark.parametrize(
    ("language", "counts"),
    [
        ("en", {0: 1, 1: 0, 2: 1, 21: 1}),
        ("pl", {0: 2, 1: 0, 2: 1, 4: 1, 5: 2, 12: 2, 14: 2, 22: 1, 112: 2, 122: 1}),
        ("tr", {0: 0, 1: 0, 2: 0}),
        ("zh", {0: 0, 1: 0, 2: 0}),
    ],
)
def test_counts_take_the_form_of_their_language(language: Language, counts: dict[int, int]) -> None:
    assert {count: FORMS[language](count) for count in counts} == counts


@pytest.mark.parametrize(
    ("language", "length_ms", "text"),
    [
        ("en", -5, "0 s"),
        ("en", 59_999, "59 s"),
        ("en", 60_000, "1 min"),
        ("en", 80_000, "1 min 20 s"),
        ("en", 3_780_000, "1 h 3 min"),
        ("tr", 80_000, "1 dk 20 sn"),
        ("pl", 3_780_000, "1 godz. 3 min"),
        ("zh", 80_000, "1分20秒"),
    ],
)
def test_durations(language: Language, length_ms: int, text: str) -> None:
    assert Words(language).duration(length_ms) == text


def test_numbers_are_written_as_the_language_does() -> None:
    values = (0, 49, 52_000, 52_500, 52_125, 52_960, -1_500, -20)
    assert [Words("en").tenths(value) for value in values] == [
        "0",
        "0",
        "52",
        "52.5",
        "52.1",
        "53",
        "-1.5",
        "0",
    ]
    assert Words("tr").tenths(52_500) == "52,5"
    assert [Words(language).percent(455) for language in LANGUAGES] == ["%45,5", "45.5 %", "45,5%", "45.5%"]


def test_an_offer_says_who_why_and_who_would_have_been_next() -> None:
    reason = offered("longest_idle", 252_000, 230_000, rejected=REJECTED[1:], priority=52_500)
    assert texts("en", reason) == [
        (
            "3 operators were free. Ayşe Yılmaz was chosen: idle longest (4 min 12 s); next would have been Mehmet Demir "
            "(3 min 50 s). The others: 1 not ready (Mehmet Demir); 5 talking; 2 in wrap-up. The call had waited 1 min 20 s; "
            "its priority is 52.5."
        )
    ]
    assert texts("tr", reason) == [
        (
            "3 operatör boştaydı. Seçilen Ayşe Yılmaz: en uzun süredir boşta (4 dk 12 sn); sıradaki Mehmet Demir olurdu "
            "(3 dk 50 sn). Diğerleri: 1 kişi hazır değil (Mehmet Demir); 5 kişi görüşmede; 2 kişi çağrı sonrası işlemde. "
            "Çağrı 1 dk 20 sn beklemişti; önceliği 52,5."
        )
    ]


@pytest.mark.parametrize(
    ("strategy", "scores", "why"),
    [
        ("longest_idle", (60_000,), "idle longest (1 min)"),
        ("fewest_calls", (1,), "fewest calls so far (1 call)"),
        ("least_occupied", (455,), "least busy (45.5 % of the time)"),
        ("top_down", (10,), "first in the fixed order (place 10)"),
        ("round_robin", (12,), "next in turn (12 offers since the last one)"),
        ("random", (0,), "by lot"),
        ("proficiency", (9,), "the most skilled (9 levels in all)"),
        ("ring_all", (60_000, 50_000), "the queue rings several at once, the longest idle first (1 min)"),
    ],
)
def test_each_strategy_says_what_it_goes_by(strategy: str, scores: tuple[int, ...], why: str) -> None:
    [text] = texts("en", offered(strategy, *scores))
    assert f"Ayşe Yılmaz was chosen: {why}." in text


def test_a_moment_is_no_wait() -> None:
    [text] = texts("en", offered("longest_idle", 60_000, waited_ms=999, priority=10_012))
    assert text.endswith("idle longest (1 min). Its priority is 10.")
    [text] = texts("tr", offered("longest_idle", 60_000, waited_ms=999))
    assert text == "3 operatör boştaydı. Seçilen Ayşe Yılmaz: en uzun süredir boşta (1 dk)."
    [text] = texts("en", offered("longest_idle", 60_000, waited_ms=1_000))
    assert text.endswith("The call had waited 1 s.")


def test_who_rings_already_may_ring_for_this_very_call() -> None:
    one, two = Rejected(why="ringing", count=1, agents=("op02",)), Rejected(why="ringing", count=2)
    assert (
        "The others: 1 ringing already (Mehmet Demir)."
        in texts("en", offered("ring_all", 1, rejected=(one,)))[0]
    )
    assert (
        "Diğerleri: 2 kişide zaten çağrı çalıyor." in texts("tr", offered("ring_all", 1, rejected=(two,)))[0]
    )


def test_who_is_free_but_may_not_is_not_said_to_be_busy() -> None:
    kept = Rejected(why="kept_for_another", count=1, agents=("op01",))
    waits = decided("waits", 30_000, agent="op02", until_ms=AT_MS + 40_000, rejected=(kept,), steps=(1, 2, 3))
    assert texts("en", waits) == [
        (
            "Nobody could take it: 1 may not, as the call is kept for another operator (Ayşe Yılmaz). "
            "4 calls wait in the queue."
        )
    ]


def test_who_was_kept_for_is_chosen_for_that() -> None:
    [text] = texts("en", offered("longest_idle", 60_000, until_ms=AT_MS + 20_000))
    assert "Ayşe Yılmaz was chosen: knows the caller." in text


def test_waiting_says_who_could_not_what_is_asked_and_what_comes() -> None:
    assert texts("en", decided("waits", 5_000, rejected=REJECTED, asked=(("canal", 3),))) == [
        (
            "Nobody could take it: 3 lack the level asked for; 1 not ready (Mehmet Demir); 5 talking; 2 in wrap-up. "
            "Asked for: Kanal 3. Step 1 comes at 14:30:20: the levels asked for go down by 1. 4 calls wait in the queue."
        )
    ]
    assert texts("tr", decided("waits", 5_000, rejected=REJECTED, asked=(("canal", 3),))) == [
        (
            "Çağrıyı alabilecek kimse yoktu: 3 kişinin düzeyi yetmiyor; 1 kişi hazır değil (Mehmet Demir); 5 kişi görüşmede; "
            "2 kişi çağrı sonrası işlemde. İstenen: Kanal 3. Saat 14:30:20 olduğunda 1. adım: istenen düzeyler 1 azalır. "
            "Kuyrukta 4 çağrı bekliyor."
        )
    ]
    [nobody] = texts("en", decided("waits", 100_000, steps=(1, 2, 3)))
    assert nobody == "Nobody was there who serves the queue ‘Arıza’. 4 calls wait in the queue."


def test_what_is_special_about_a_call_is_said_when_it_is_queued() -> None:
    assert texts("en", step("queued", detail="hazard vip repeat of_a_later_release")) == [
        (
            "The call entered the queue ‘Arıza’. As a hazard it goes before all others. The caller is a VIP. "
            "The caller called before, lately."
        )
    ]
    assert texts("tr", step("queued", detail="vip")) == ["Çağrı “Arıza” kuyruğuna girdi. Arayan VIP."]


def test_a_queue_without_room_says_so() -> None:
    full = decided("no_room", waiting=1)
    assert texts("en", full) == [
        "The queue ‘Arıza’ was full; the call could not wait there. 1 call waits in the queue."
    ]


def test_many_names_are_cut_and_counted() -> None:
    agents = ("op01", "op02", "op03", "op04")
    [text] = texts("pl", decided("waits", rejected=(Rejected(why="talking", count=9, agents=agents),)))
    assert "9 osób rozmawia (Ayşe Yılmaz, Mehmet Demir, op03, jeszcze 6 osób)" in text


def test_what_a_decision_says_the_story_does_not_repeat() -> None:
    assert texts(
        "en",
        step("queued"),
        step("preferred", agent="op02"),
        decided("kept", agent="op02", until_ms=AT_MS + 20_000),
        step("released", 20_000, agent="op02"),
        decided("released", 20_000, agent="op02"),
        step("widened", 60_000, detail="2"),
        decided("widened", 60_000, step=2),
        decided("not_yet", 90_000, step=3),
        decided("left", 95_000, detail="bills"),
        step("moved", 95_000, detail="bills"),
        step("ended", 99_000, detail="caller_hung_up"),
    ) == [
        "The call entered the queue ‘Arıza’.",
        "The call is kept for Mehmet Demir, who knows the caller, until 14:30:20 at the latest.",
        "The call is no longer kept for Mehmet Demir; all who serve the queue may have it.",
        (
            "Step 2: the caller hears an announcement; these teams may take it too: Gece ekibi; it waits in these queues too: "
            "‘Fatura’."
        ),
        (
            "Step 3 is due, but what it depends on does not hold yet (the caller is offered a callback; it may go to a site; "
            "it moves to ‘Fatura’)."
        ),
        "The call left the queue ‘Arıza’ and moves to ‘Fatura’.",
        "The call ended: the caller hung up.",
    ]
    assert texts("en", step("offered", agent="op01"), step("moved", detail="bills")) == [
        "The call was offered to Ayşe Yılmaz.",
        "The call moved to the queue ‘Fatura’.",
    ], "where the decisions are missing the story stands for them"


def test_what_is_missing_is_counted_where_it_is_missing() -> None:
    reasons = (step("arrived", detail="185"), step("queued"), step("ended", detail="odd_thing"))
    assert texts("en", *reasons, left_out=12, gap_at=2) == [
        "The call arrived, dialling 185.",
        "The call entered the queue ‘Arıza’.",
        "12 more steps in between are not shown.",
        "The call ended: odd thing.",
    ]
    assert texts("pl", *reasons, left_out=1, gap_at=3)[-1] == "Nie pokazano 1 kroku pomiędzy."


def test_why_it_waits_now_and_what_comes_next() -> None:
    assert tell_waiting(waiting(), NAMES, "en", CLOCK) == (
        "It has waited in ‘Arıza’ for 45 s. 2 calls go first.",
        "Nobody can take it: 3 lack the level asked for; 1 not ready (Mehmet Demir); 5 talking; 2 in wrap-up.",
        "Asked for: Kanal 2.",
        (
            "Step 2 comes at 14:31:00: the caller hears an announcement; these teams may take it too: Gece ekibi; it waits in "
            "these queues too: ‘Fatura’."
        ),
        "At 14:40:00 at the latest it leaves the queue.",
    )
    overdue = waiting(
        held=(2,),
        step=0,
        before=0,
        asked=(),
        leaves_ms=0,
        unstaffed_ms=AT_MS,
        decision=decided("waits", 1_000),
    )
    assert tell_waiting(overdue, NAMES, "tr", CLOCK) == (
        "“Arıza” kuyruğundaki bekleme süresi: 1 sn. Kuyrukta önünde başka çağrı yok.",
        "“Arıza” kuyruğuna bakan kimse yok.",
        (
            "2. adımın zamanı geldi, ama koşulu henüz sağlanmıyor (arayan bir duyuru dinler; şu ekipler de alabilir: "
            "Gece ekibi; şu kuyruklarda da bekler: “Fatura”)."
        ),
        "Kimse oturum açmazsa saat 14:30:00 olduğunda kuyruktan çıkar.",
    )


def test_clocks_are_those_of_the_city() -> None:
    assert wall_clock("Europe/Istanbul")(AT_MS) == "14:30:00"
    assert wall_clock("Asia/Shanghai")(AT_MS) == "19:30:00"
    assert [wall_clock(zone)(AT_MS) for zone in ("", "Nowhere/Never", "../etc", "Europe")] == ["11:30:00"] * 4
    assert day(AT_MS + 10 * 3_600_000, "Europe/Istanbul") == "2026-10-22"


def test_what_the_core_remembers_is_put_behind_what_the_database_has() -> None:
    first, second, third = step("arrived"), decided("waits", 5), step("ended", 9)
    stored = Told(call="c1", live=True, whole=True, reasons=(first, second), names=Names(agents={"x": "X"}))
    live = Told(
        call="c1", live=False, whole=False, reasons=(second, third), names=NAMES, left_out=3, gap_at=1
    )
    whole = merged(stored, live)
    assert (whole.reasons, whole.whole, whole.live, whole.left_out) == (
        (first, second, third),
        True,
        False,
        0,
    )
    assert whole.names.agents == {"x": "X", **NAMES.agents}
    assert isinstance(whole.reasons[1], Decided)


def test_a_call_that_an_operator_dialled_is_told_from_their_side() -> None:
    story = (
        step("dialled", agent="op01", detail="+903121234567"),
        step("rings", agent="op01"),
        step("connected", agent="op01", detail="carrier"),
        step("held", agent="op01"),
        step("ended", agent="op01", detail="caller_hung_up"),
    )
    assert texts("en", *story) == [
        f"{NAMES.agents['op01']} dialled +903121234567.",
        "It rings at the other side.",
        f"The other side answered; the conversation with {NAMES.agents['op01']} began.",
        f"The audio of {NAMES.agents['op01']} went away; the other side waits for it.",
        "The call ended: the other side hung up.",
    ]
    refused = (step("dialled", detail="09009009090"), step("refused", detail="barred_premium"))
    assert texts("tr", *refused) == [
        "Bir telefondan 09009009090 arandı.",
        "Çağrı kabul edilmedi: ücretli numaralar yasak.",
    ]
    assert texts("en", *story[2:3]) == [f"{NAMES.agents['op01']} took the call; the conversation began."]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_of_a_dialled_call_has_words(language: Language) -> None:
    for cause in ("number_busy", "no_reply", "no_such_number", "call_rejected", "no_trunk", "dial_cancelled"):
        assert TEXTS[language][f"cause_{cause}"]
    for kind in typing.get_args(NumberKind):
        assert TEXTS[language][f"cause_barred_{kind}"]


# As edges say it of a caller's leg (`CallerHungUp.cause`), or of whom a caller was handed on to.
EDGE_CAUSES = (
    *("audio_lost", "bad_answer", "caller_cancelled", "caller_hung_up", "core_unreachable", "edge_stopped"),
    *("invite_expired", "lost_at_edge", "media_timeout", "never_answered", "no_ack", "no_prack"),
    *("outside_hung_up", "session_expired"),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_cause_that_an_edge_gives_has_words(language: Language) -> None:
    for cause in EDGE_CAUSES:
        assert TEXTS[language][f"cause_{cause}"]
