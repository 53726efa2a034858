"""The doors of an analysis: tables, pictures and a workbook for trainers and HR."""

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from core import clock
from core.exports import Column, Exporter, workbook
from people.models import ReadingOfOthers, Role
from people.services import readings
from quizzes import analysis, rules
from quizzes.models import Analysis, Attempt, Quiz, Sitting
from quizzes.permissions import counties_of, holds_over
from quizzes.services import analyses, keys

WAITING = timedelta(minutes=10)  # after that a computation that gave nothing may be asked for again
HINTS_SHOWN = 50  # on the page; the workbook has them all

ADVICE = {
    "key": lambda: _("Check the key: the better people are, the more often they have it wrong."),
    "easy": lambda: _("Nearly everybody has it right: it tells nobody apart."),
    "hard": lambda: _("Hardly anybody has it right: check the stem, and whether it was taught."),
    "flat": lambda: _("It tells good from weak only a little: look at the distractors."),
    "flat without distractors": lambda: _("It tells good from weak only a little: look at the stem, and at what earns marks."),
}


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def quiz_analysis(request: HttpRequest, key: str) -> HttpResponse:
    """The analysis of a quiz by everybody's first attempt; POST has it made anew."""
    quiz = get_object_or_404(Quiz.objects.select_related("county"), key=key)
    return _page(request, quiz, None)


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def sitting_analysis(request: HttpRequest, pk: int) -> HttpResponse:
    """The analysis of one sitting, with hints of similar wrong answers for HR."""
    sitting = get_object_or_404(Sitting.objects.select_related("quiz__county"), pk=pk)
    return _page(request, sitting.quiz, sitting)


def _page(request: HttpRequest, quiz: Quiz, sitting: Sitting | None) -> HttpResponse:
    _require(request, quiz)
    if request.method == "POST":
        analyses.ask(quiz=quiz, sitting=sitting, by=request.user, at=clock.now())
        return redirect(request.path)
    found = Analysis.objects.filter(quiz=quiz, sitting=sitting).first()
    newest = analysis.newest_marking_at(quiz, sitting)
    figures = found.figures if found else None
    sees_hints = _sees_hints(request, quiz, sitting)
    hints = _hints(figures["similar"][:HINTS_SHOWN]) if sees_hints and figures and figures["people"] else []
    if sitting is not None and hints:
        _log_hints(request, quiz, sitting, len(hints), kind=ReadingOfOthers.Kind.READ)
    return render(
        request,
        "quizzes/analysis.html",
        {
            "quiz": quiz,
            "sitting": sitting,
            "organises": holds_over(request.user, quiz.county, Role.HR),
            "writes": counties_of(request.user).filter(pk=quiz.county_id).exists(),
            "found": found,
            "figures": figures if figures and figures["people"] else None,
            "items": [_item(item) for item in figures["items"]] if figures and figures["people"] else [],
            "bars": _bars(figures["test"]["histogram"]) if figures and figures["people"] else [],
            "is_of_old": bool(figures and figures["people"] and figures.get("method") != analysis.METHOD),
            "is_stale": bool(found and found.made_at and newest and newest > found.made_at),
            "is_coming": bool(
                found and (found.made_at is None or found.made_at < found.asked_at) and clock.now() < found.asked_at + WAITING
            ),
            "nobody": newest is None,
            "sees_hints": sees_hints,
            "hints": hints,
            "more_hints": len(figures["similar"]) - len(hints) if hints else 0,
            "not_compared": _not_compared(figures) if sees_hints and figures else [],
            "formulas": _formulas(),
            "units": _in_words(figures.get("units", [])) if figures else [],
        },
    )


def _require(request: HttpRequest, quiz: Quiz) -> None:
    """Those who work on the county's bank, and HR and auditors of the whole county. Other counties' quizzes are not found.

    Raises Refused, which is a page of its own, for who sits an exam now.
    """
    user = request.user
    if counties_of(user).filter(pk=quiz.county_id).exists() or holds_over(user, quiz.county, Role.HR, Role.AUDITOR):
        keys.refuse_who_sits(user, at=clock.now())  # type: ignore[arg-type]
        return
    if Quiz.objects.visible_to(user).filter(pk=quiz.pk).exists():
        raise PermissionDenied
    raise Http404


def _item(item: dict) -> dict:
    sizes = item["group_sizes"]
    total = sum(sizes)
    answers = [
        {"code": code, "text": item["texts"].get(code, ""), "is_right": code in item["right"], **_percents(shares, sizes)}
        for code, shares in item["chosen"].items()
    ]
    answers.sort(key=lambda answer: -answer["all"])
    nothing = []  # of figures from before it was counted nobody knows it
    if "no_answer" in item:
        nothing = [{"code": "", "text": _("no answer"), "is_right": False, **_percents(item["no_answer"], sizes)}]
    has_table = total and (answers or item["texts"] or any(row["all"] for row in nothing))
    unused = [text for code, text in item["texts"].items() if code not in item["chosen"] and code not in item["right"]] if total else []
    advice = analysis.advice(item)
    if advice == "flat" and not item["texts"].keys() - set(item["right"]):
        advice = "flat without distractors"
    return {
        **item,
        "percent": item["facility"] * 100,
        "answers": [*answers, *nothing] if has_table else [],
        "shown": [*answers[:12], *nothing] if has_table else [],  # on the page; the workbook has them all
        "more": len(answers) - 12,
        "unused": unused,
        "on_screen": total,
        "advice": ADVICE[advice]() if advice else "",
    }


def _percents(shares: list[float], sizes: list[int]) -> dict:
    """Of each score group, and of all; None where there is nobody in it."""
    total = sum(sizes)
    return {
        "shares": [share * 100 if size else None for share, size in zip(shares, sizes, strict=True)],
        "all": sum(share * size for share, size in zip(shares, sizes, strict=True)) / total * 100 if total else 0,
    }


def _bars(histogram: list[int]) -> list[dict]:
    """The histogram as an SVG of 10 × 28 by 100 units."""
    top = max(histogram) or 1
    return [
        {
            "x": place * 28 + 2,
            "y": 100 - round(count / top * 84),  # above it stands the number
            "height": round(count / top * 84),
            "count": count,
            "from": place * 10,
        }
        for place, count in enumerate(histogram)
    ]


def _in_words(units: list[dict]) -> list[dict]:
    return [{**row, "unit": analysis.unit_in_words(row["unit"])} for row in units]


def _sees_hints(request: HttpRequest, quiz: Quiz, sitting: Sitting | None) -> bool:
    return sitting is not None and holds_over(request.user, quiz.county, Role.HR, Role.AUDITOR)


def _hints(similar: list[dict]) -> list[dict]:
    """The pairs with their attempts, and what is probable in words. One query."""
    people = Attempt.objects.in_bulk({pair[side] for pair in similar for side in ("first", "second")})
    return [
        {
            **pair,
            "first": people[pair["first"]],
            "second": people[pair["second"]],
            "chance": _in_digits(pair["probability"], 6),
            "by_chance": _in_digits(pair["expected"], 4),
        }
        for pair in similar
    ]


def _in_digits(value: float, places: int) -> str:
    """A small number with so many digits after the point, or that it is less than they can show: 0 would say that it cannot be."""
    if 0 < value < 10**-places:
        return _("less than %(number)s") % {"number": f"{10**-places:.{places}f}"}
    return f"{value:.{places}f}"


def _log_hints(request: HttpRequest, quiz: Quiz, sitting: Sitting, rows: int, *, kind: ReadingOfOthers.Kind) -> None:
    readings.record(
        reader=request.user,  # type: ignore[arg-type]
        kind=kind,
        what="similar answers",
        unit=quiz.county,
        filters={"sitting": sitting.title},
        rows=rows,
        request=request,
    )


@never_cache
@login_required
@require_GET
def quiz_analysis_file(request: HttpRequest, key: str) -> HttpResponseBase:
    quiz = get_object_or_404(Quiz.objects.select_related("county"), key=key)
    return _file(request, quiz, None)


@never_cache
@login_required
@require_GET
def sitting_analysis_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    sitting = get_object_or_404(Sitting.objects.select_related("quiz__county"), pk=pk)
    return _file(request, sitting.quiz, sitting)


def _file(request: HttpRequest, quiz: Quiz, sitting: Sitting | None) -> HttpResponseBase:
    """All tables of the page as a workbook: the test, its items, who chose what, the units, for HR the hints, and the formulas."""
    _require(request, quiz)
    found = get_object_or_404(Analysis, quiz=quiz, sitting=sitting, figures__isnull=False)
    if not found.figures["people"]:
        raise Http404
    columns = [
        Column(_("code"), lambda item: item["code"], 16),
        Column(_("version"), lambda item: item["version"], 8),
        Column(_("stem"), lambda item: item["stem"], 50),
        Column(_("people"), lambda item: item["people"], 10),
        Column(_("facility"), lambda item: _rounded(item["facility"]), 10),
        Column(_("standard deviation"), lambda item: _rounded(item["spread"]), 12),
        Column(_("point-biserial"), lambda item: _rounded(item["point_biserial"]), 12),
        Column(_("upper less lower 27 %"), lambda item: _rounded(item["upper_lower"]), 16),
        Column(_("seconds"), lambda item: _rounded(item["seconds"], 0), 10),
        Column(_("what to look at"), lambda item: _item(item)["advice"], 40),
    ]
    test = found.figures["test"]
    in_percent = test | {"pass_rate": test["pass_rate"] * 100, "reliability_kind": _reliability(test["reliability_kind"])}
    facts = [(label, in_percent.get(name)) for name, label in _figures_of_test().items()]
    facts += [(_("from %(from)d %%") % {"from": place * 10}, count) for place, count in enumerate(test["histogram"])]
    chosen = [(item, answer) for item in map(_item, found.figures["items"]) for answer in item["answers"]]
    shares = [
        Column(title, lambda row, group=group: _rounded(row[1]["shares"][group], 1), 12)
        for group, title in enumerate([_("lowest fifth %"), _("second %"), _("third %"), _("fourth %"), _("highest fifth %")])
    ]
    tables = [
        Exporter(_("test"), [Column(_("figure"), lambda row: row[0], 40), Column(_("value"), lambda row: _plain(row[1]), 20)], facts),
        Exporter(_("items"), columns, found.figures["items"]),
        Exporter(
            _("answers"),
            [
                Column(_("code"), lambda row: row[0]["code"], 16),
                Column(_("version"), lambda row: row[0]["version"], 8),
                Column(_("answer"), lambda row: row[1]["code"], 12),
                Column(_("text"), lambda row: row[1]["text"], 40),
                Column(_("right"), lambda row: _("yes") if row[1]["is_right"] else "", 8),
                Column(_("all %"), lambda row: _rounded(row[1]["all"], 1), 10),
                *shares,
            ],
            chosen,
        ),
        Exporter(
            _("units"),
            [
                Column(_("unit"), lambda row: row["unit"], 30),
                Column(_("people"), lambda row: row["people"], 10),
                Column(_("passed"), lambda row: row["passed"], 10),
                Column(_("mean %"), lambda row: _rounded(row["mean"], 2), 10),
            ],
            _in_words(found.figures["units"]),
        ),
    ]
    if forms := found.figures.get("forms"):
        of_forms = [
            Column(_("Paper"), lambda row: row["form"], 10),
            Column(_("people"), lambda row: row["people"], 10),
            Column(_("number of questions"), lambda row: row["items"], 10),
            Column(_("reliability"), lambda row: _rounded(row["reliability"]), 12),
            Column(_("kind of reliability"), lambda row: _reliability(row["reliability_kind"]), 16),
            Column(_("standard error of measurement"), lambda row: _rounded(row["standard_error"], 2), 14),
        ]
        tables.append(Exporter(_("papers"), of_forms, forms))
    if sitting is not None and _sees_hints(request, quiz, sitting):
        hints = _hints(found.figures["similar"])
        _log_hints(request, quiz, sitting, len(hints), kind=ReadingOfOthers.Kind.EXPORT)
        of_pairs = [
            Column(_("employee number"), lambda row: row["first"].employee_number, 14),
            Column(pgettext("of a person", "name"), lambda row: row["first"].person_name, 12),
            Column(_("employee number of the other"), lambda row: row["second"].employee_number, 14),
            Column(_("name of the other"), lambda row: row["second"].person_name, 12),
            Column(_("Both wrong"), lambda row: row["both_wrong"], 10),
            Column(_("With the same answer"), lambda row: row["same_wrong"], 12),
            Column(_("Probability"), lambda row: row["probability"], 16),
            Column(_("Such pairs by chance"), lambda row: row["expected"], 16),
        ]
        tables.append(Exporter(_("similar wrong answers"), of_pairs, hints))
        if not_compared := _not_compared(found.figures):
            tables.append(Exporter(_("not compared"), [Column(_("not compared"), str, 80)], not_compared))
    tables.append(Exporter(_("How it is computed"), [Column(_("How it is computed"), str, 120)], _formulas()))
    return workbook(f"{quiz.key}-analysis", tables)


def _not_compared(figures: dict) -> list[str]:
    """Which rooms are too large to look for similar answers in, in words."""
    return [
        _("%(room)s has %(people)d people: similar answers are compared within a room of at most %(limit)d.")
        % {"room": room, "people": people, "limit": rules.LARGEST_ROOM}
        for room, people in figures.get("too_large", {}).items()
    ]


def _formulas() -> list[str]:
    """How the figures come about, with who is cited for it (`quizzes.statistics`)."""
    return [
        _("Facility: the mean share of the points earned."),
        _("Discrimination: the point-biserial correlation with the rest of the test, the item itself left out (Lord & Novick 1968)."),
        _("A key is called suspect where its discrimination is below −2/√(n−1), n the people: further than chance goes (Pitman 1937)."),
        _("Upper less lower 27 %: the facility of the best less that of the weakest (Kelley 1939, Ebel 1972)."),
        _(
            "Reliability: Cronbach's α (1951), which is KR-20 (1937) where answers are right or wrong; standard error: standard deviation "
            "· √(1 − reliability)."
        ),
        _(
            "Of parallel papers each has its own α = k/(k − 1) · (1 − Σ item variances / variance of totals), over those who wrote it "
            "(Cronbach 1951)."
        ),
        _("Time: from the act before to the answer, as the server saw it; pauses of over half an hour are left out."),
        _(
            "Answers by score group, and minutes: of those who answered on the screen. Of what was written on paper the marks alone are "
            "known: they count in everything else."
        ),
        _(
            "Similar wrong answers: of the questions that two people of one room both have wrong, on how many the second gave the very "
            "answer of the first; of a case each part is a question, right parts do not count. Given the first, the chance of each "
            "agreement is the share of that answer among all wrong answers to the question in this sitting, the two included; the "
            "probability is that of so many agreements or more, summed exactly over unlike trials. It is taken with either of the two as the "
            "first, and the larger one is shown. Questions that fewer than ten people have wrong are left out."
        ),
        _(
            "Such pairs by chance: the probability times the number of pairs that were compared; shown are pairs up to 0.05. Near to it "
            "are the K index (Holland 1996, Sotaridona & Meijer 2002) and ω (Wollack 1997), which are given the source's answers too; it is "
            "neither: it fits no model of how able somebody is, and their known rates of error are not claimed for it."
        ),
    ]


def _figures_of_test() -> dict[str, str]:
    return {
        "people": _("people"),
        "mean": _("mean %"),
        "median": _("median %"),
        "spread": _("standard deviation"),
        "lowest": _("lowest %"),
        "highest": _("highest %"),
        "pass_rate": _("pass rate %"),
        "reliability": _("reliability"),
        "reliability_kind": _("kind of reliability"),
        "standard_error": _("standard error of measurement"),
        "minutes": _("median minutes"),
    }


def _reliability(kind: str) -> str:
    """Which reliability a figure is, in words; nothing where there is none."""
    return {"kr20": "KR-20", "alpha": _("Cronbach's α"), "nested": _("items nested in persons")}.get(kind, kind)


def _plain(value: object) -> object:
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float | None, places: int = 3) -> float | None:
    return None if value is None else round(value, places)
