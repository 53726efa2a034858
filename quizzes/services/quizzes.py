"""Writing the rules of a quiz."""

import itertools
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from wagtail.models import ModelLogEntry

from core import audit, clock
from core.errors import Refused
from core.figures import figure
from courses.models import Course, EditionRequirement
from courses.services import reviews
from people.models import Person, Unit
from quizzes import kinds
from quizzes.models import DrawRule, Quiz, Sitting
from quizzes.models.quiz import check_policies
from quizzes.services import opened
from quizzes.services.points import Tree

POINTS = Decimal("5")
SAVED = ("wagtail.create", "wagtail.edit")  # the traces of who wrote a quiz's rules
OF_A_DRAW = ("kind", "difficulty", "point_id", "count", "points")


# What the papers and marks of a sitting hang on: the same for the first who enters and the last.
FIXED_FOR_SITTINGS = {"course_code", "further_banks", "minutes", "pass_percent", "policies", "draws"}


def refuse_other_terms(*, quiz: Quiz, changed: Collection[str], at: datetime) -> None:
    """No new time limit, pass mark, way of marking or draws while a published sitting of the quiz is open or to come.

    `changed` names fields of Quiz, and "draws". Two queries at most; locks nothing.

    Raises:
        Refused: has_sittings.
    """
    if not FIXED_FOR_SITTINGS & set(changed):
        return
    standing = [sitting for sitting in Sitting.objects.published().filter(quiz=quiz).timed().order_by("opens_at") if at < sitting.over_at]
    if standing:
        raise Refused(
            _(
                "“%(sitting)s” is published and not over (until %(until)s): course, time limit, pass mark, ways of marking and draws stay "
                "as they are, so that all who sit it have the same terms. Change them when it is over; if nobody has begun, the county's HR "
                "can withdraw the sitting first."
            )
            % {"sitting": standing[0].title, "until": clock.local(standing[0].over_at).strftime("%Y-%m-%d %H:%M")},
            code="has_sittings",
        )


# What decides whether somebody passes a course: as it was reviewed with the edition that asks for the quiz.
FIXED_FOR_COURSES = FIXED_FOR_SITTINGS | {"attempts_allowed", "is_exam"}


def refuse_unreviewed_terms(*, quiz: Quiz, changed: Collection[str]) -> None:
    """What decides a pass changes with a new edition of the course, which two persons stand behind, not by one hand under those who take it.

    `changed` names fields of Quiz, and "draws". Where the bank cannot serve the draws any more, it is filled again, or a copy takes
    the quiz's place: who could cut the draws then could empty the bank before. Exams are left to `refuse_other_terms`: HR
    publishes their sittings. Two queries.

    So they do from when the course is submitted: what the reviewer reads is what is published.

    Raises:
        Refused: in_use, in_review.
    """
    touched = FIXED_FOR_COURSES & set(changed)
    if not touched or (quiz.is_exam and "is_exam" not in touched):
        return
    reviewed = reviews.under_review_with(quiz.key)
    if reviewed is not None:
        raise Refused(
            _(
                "“%(course)s” is under review with this quiz: what decides a pass stays as the reviewer reads it. Withdraw the submission, "
                "change the quiz, and submit the course again."
            )
            % {"course": reviewed},
            code="in_review",
        )
    asked = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, key=quiz.key).select_related("edition")
    newest = asked.order_by("-edition").first()
    if newest is None:
        return
    raise Refused(
        _(
            "“%(course)s” is published with this quiz: course, time limit, attempts, pass mark, ways of marking and draws stay as they were "
            "reviewed with it. Make a copy, change that, put it into the lesson, and submit the course: whoever begins then gets the new one."
        )
        % {"course": newest.edition.title},
        code="in_use",
    )


def kept_terms(*, quiz: Quiz, at: datetime) -> dict[str, Refused]:
    """What of a quiz nobody changes now, each with how a change would be refused: fields of Quiz, and "draws". Five queries at most."""
    kept: dict[str, Refused] = {}
    of_course = {"is_exam"} if quiz.is_exam else FIXED_FOR_COURSES
    try:
        refuse_unreviewed_terms(quiz=quiz, changed=of_course)
    except Refused as refusal:
        kept |= dict.fromkeys(of_course, refusal)
    try:
        refuse_other_terms(quiz=quiz, changed=FIXED_FOR_SITTINGS, at=at)
    except Refused as refusal:
        kept |= dict.fromkeys(FIXED_FOR_SITTINGS, refusal)
    return kept


@transaction.atomic
def copy(*, quiz: Quiz, by: Person, at: datetime, form_key: str = "") -> Quiz:
    """Another quiz of the same rules and draws under a key of its own, which no course asks for yet. Locks the quiz.

    `form_key` is made by the form: sent twice it makes one copy.
    """
    standing = Quiz.objects.select_for_update(of=("self",), no_key=True).get(pk=quiz.pk)
    if form_key and (made := _copied_by(form_key)):
        return made
    draws = list(DrawRule.objects.filter(quiz=standing).order_by("pk"))
    made = Quiz(**{field.attname: getattr(standing, field.attname) for field in Quiz._meta.concrete_fields if not field.primary_key})
    stem, taken = re.sub(r"-\d{1,4}$", "", standing.key)[:50], set(Quiz.objects.values_list("key", flat=True))
    ending = _(" (copy)")
    if not made.title.endswith(ending):
        made.title = made.title[: Quiz._meta.get_field("title").max_length - len(ending)] + ending
    made.key = next(key for number in itertools.count(2) if (key := f"{stem}-{number}") not in taken)
    made.save()
    DrawRule.objects.bulk_create(DrawRule(quiz=made, **{name: getattr(draw, name) for name in OF_A_DRAW}) for draw in draws)
    audit.record(made, "quizzes.copied", by=by, copy_of=standing.key, form_key=form_key)
    return made


def _copied_by(form_key: str) -> Quiz | None:
    """What was made by this form already. Two queries."""
    traced = ModelLogEntry.objects.filter(action="quizzes.copied", data__form_key=form_key).first()
    return Quiz.objects.filter(pk=traced.object_id).first() if traced else None


def said(quiz: Quiz, draws: Iterable[DrawRule], *, with_rows: bool = True) -> list:
    """The rules of a quiz and its draws, of which a form shows all; `with_rows`: also which rows the draws stand in."""
    rules = {field.attname: getattr(quiz, field.attname) for field in Quiz._meta.concrete_fields}
    names = (*OF_A_DRAW, "pk") if with_rows else OF_A_DRAW
    return [rules, [[_plain(getattr(draw, name)) for name in names] for draw in draws]]


def _plain(value: object) -> object:
    """5 and 5.00 points are the same."""
    return f"{value:.2f}" if isinstance(value, Decimal) else value


def stamp_of(quiz: Quiz, draws: Iterable[DrawRule]) -> str:
    """What a form shows that was opened on this row and these draws. One query."""
    return opened.stamp(said(quiz, draws), trace=opened.newest_trace(quiz))


def is_written(*, quiz: Quiz, draws: Iterable[DrawRule], seen: str, by: Person | None) -> bool:
    """Whether these rules and draws stand already, as when a form is sent twice; else the form must have been opened on what stands.

    `seen` is the stamp of what was opened; without one nothing is refused. In a transaction it locks the quiz, so that nobody
    else writes it until that ends. Three queries.

    Raises:
        Refused: edited, which says who was quicker, and when.
    """
    found = Quiz.objects.filter(pk=quiz.pk)
    if transaction.get_connection().in_atomic_block:
        found = found.select_for_update(of=("self",), no_key=True)
    standing = found.get()
    standing_draws = list(DrawRule.objects.filter(quiz=standing).order_by("pk"))
    if not seen:
        return False
    if said(standing, standing_draws, with_rows=False) == said(quiz, draws, with_rows=False):
        return True
    opened.refuse_older(standing, said(standing, standing_draws), acts=SAVED, seen=seen, by=by)
    return False


@transaction.atomic
def ensure(
    *,
    county: Unit,
    key: str,
    title: str,
    course_code: str,
    minutes: int,
    pass_percent: int,
    attempts: int,
    draws: Iterable[Mapping],
    shuffle: bool = True,
    policies: Mapping[str, str] | None = None,
    at: datetime | None = None,
) -> Quiz:
    """The quiz with this key and these rules: made, or brought to them. Attempts that began keep the rules they copied.

    `at`: when, now where it is not said. `draws`: mappings with kind and count; difficulty (or diff), point (a name) and points where wanted.
    `policies`: {kind: how it is marked}, where not as usual. Locks the quiz. Running it twice changes nothing.

    Raises:
        Refused: key_taken by another county; unknown_kind; unknown_point; unknown_policy; has_sittings.
    """
    try:
        check_policies(policies := dict(policies or {}))
    except ValidationError as error:
        raise Refused(str(error.message), code="unknown_policy") from error
    facts = {
        "title": title,
        "course_code": course_code,
        "minutes": minutes,
        "pass_percent": pass_percent,
        "attempts_allowed": attempts,
        "shuffle_questions": shuffle,
        "shuffle_options": shuffle,
        "policies": policies,
    }
    quiz, made = Quiz.objects.select_for_update(of=("self",), no_key=True).get_or_create(key=key, defaults={"county": county, **facts})
    if quiz.county_id != county.pk:
        raise Refused(_("The key “%(key)s” is used by another county.") % {"key": key}, code="key_taken")
    tree = Tree(county)
    wanted = [_rule(tree, draw) for draw in draws]
    standing = [
        {"kind": d.kind, "difficulty": d.difficulty, "point": d.point, "count": d.count, "points": d.points}
        for d in DrawRule.objects.filter(quiz=quiz).select_related("point").order_by("pk")
    ]
    changed = {name for name, value in facts.items() if getattr(quiz, name) != value} | ({"draws"} if standing != wanted else set())
    if not made:
        refuse_other_terms(quiz=quiz, changed=changed, at=at or clock.now())
    if not made and changed - {"draws"}:
        Quiz.objects.filter(pk=quiz.pk).update(**facts)
    if standing != wanted:
        DrawRule.objects.filter(quiz=quiz).delete()
        DrawRule.objects.bulk_create(DrawRule(quiz=quiz, **rule) for rule in wanted)
    if changed and not made:
        audit.record(quiz, "wagtail.edit", changed=sorted(changed))  # by an operator: an older form says when
    return Quiz.objects.get(pk=quiz.pk)


def _rule(tree: Tree, draw: Mapping) -> dict:
    try:
        kind = kinds.of(str(draw["kind"])).key
    except KeyError as error:
        raise Refused(_("“%(kind)s” is no kind of question.") % {"kind": draw.get("kind", "")}, code="unknown_kind") from error
    point = None
    if draw.get("point"):
        point = tree.find(str(draw["point"]))
        if point is None:
            raise Refused(_("There is no knowledge point “%(point)s”.") % {"point": draw["point"]}, code="unknown_point")
    return {
        "kind": kind,
        "difficulty": draw.get("difficulty") or draw.get("diff"),
        "point": point,
        "count": int(draw["count"]),
        "points": Decimal(str(draw.get("points", POINTS))),
    }


def asking(quiz: Quiz) -> QuerySet[Course]:
    """The county's open courses that ask for the quiz now: what a pass counts for."""
    asked = EditionRequirement.objects.filter(kind=EditionRequirement.Kind.QUIZ, key=quiz.key)
    return Course.objects.open().filter(county=quiz.county_id, current__in=asked.values("edition"))


def choices(county: Unit | None = None) -> list[tuple[str, str]]:
    """(key, label) of the quizzes that a lesson of the county may embed: its own, and those that a shared course asks for now.

    Without a county every quiz. One query.
    """
    quizzes = Quiz.objects.select_related("county")
    if county is not None:
        shared = EditionRequirement.objects.filter(
            kind=EditionRequirement.Kind.QUIZ, edition__in=Course.objects.open().filter(is_shared=True).values("current")
        )
        quizzes = quizzes.filter(Q(county=county) | Q(key__in=shared.values("key")))
    return [(quiz.key, _label(quiz, county)) for quiz in quizzes]


def _label(quiz: Quiz, county: Unit | None) -> str:
    label = f"{quiz.title}（{quiz.course_code} · {quiz.key}）"
    return label if quiz.county == county else f"{quiz.county.label} · {label}"


def terms(key: str) -> list[str]:
    """What somebody who takes the quiz with this key has to know, in words: questions, points, pass mark, time, attempts; empty without one. Two queries."""
    quiz = Quiz.objects.prefetch_related("draws").filter(key=key).first()
    if quiz is None:
        return []
    draws = list(quiz.draws.all())
    count, points = sum(draw.count for draw in draws), sum((draw.count * draw.points for draw in draws), Decimal(0))
    return [
        ngettext("%(count)d question", "%(count)d questions", count) % {"count": count},
        _("%(points)s points") % {"points": figure(points)},
        _("pass mark %(percent)d %%") % {"percent": quiz.pass_percent},
        ngettext("%(minutes)d minute", "%(minutes)d minutes", quiz.minutes) % {"minutes": quiz.minutes}
        if quiz.minutes
        else _("No time limit"),
        ngettext("%(count)d attempt", "%(count)d attempts", quiz.attempts_allowed) % {"count": quiz.attempts_allowed}
        if quiz.attempts_allowed
        else _("attempts without limit"),
    ]


def title(key: str, _county: int | None = None) -> str | None:
    return Quiz.objects.filter(key=key).values_list("title", flat=True).first()
