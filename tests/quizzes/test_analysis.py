"""The analysis of a quiz: who counts, what the figures are, who may see them."""

import io
import json
import random
from datetime import timedelta
from decimal import Decimal

import openpyxl
import pytest
from django.db import connection
from django.urls import reverse

from courses.models import Enrolment
from people.models import ReadingOfOthers
from people.models.snapshot import served_at
from quizzes import analysis, analysis_views, kinds, rules, statistics
from quizzes.models import Analysis, Answer, Attempt, AttemptItem, Candidate, ItemMark, Marking, Paper, Question, Sitting, Submission
from quizzes.services import analyses, attempts, bank, remarks
from tests.cast import EVERYBODY, NOON, person
from tests.factories import make_course
from tests.quizzes.items import BANK, CASE

MINUTE = timedelta(minutes=1)
READERS = {"trainer", "reviewer", "admin", "hr", "auditor"}


@pytest.fixture
def crowd(cast, quiz):
    """Twelve people on a paper of four questions: person n has the first n // 3 of them right; the last is keyed wrongly for the best."""
    rows = [
        {
            "id": f"A-{n}",
            "type": "single",
            "course": "P01",
            "stem": f"问题{n}",
            "options": {"A": "对", "B": "错一", "C": "错二"},
            "answer": ["A"],
            "v": "V",
        }
        for n in range(4)
    ]
    bank.import_rows(rows, county=cast.county, at=NOON)
    questions = list(Question.objects.filter(code__startswith="A-").order_by("code"))
    course = make_course(cast.county, code="P02", lessons=1)
    sitting = Sitting.objects.create(quiz=quiz, title="年度考试", opens_at=NOON, closes_at=NOON + 60 * MINUTE)
    made = []
    for n in range(12):
        someone = person(f"YB{n:05}", f"考生{n}", cast.section if n % 2 else cast.other_bureau)
        Candidate.objects.create(sitting=sitting, person=someone, room="一号考场")
        made.append(sat(someone, quiz, course, questions, [column < n // 3 for column in range(4)], sitting=sitting))
    return made


def sat(someone, quiz, course, questions, right, *, sitting=None, complete=True):
    facts = served_at(someone)
    enrolment = Enrolment.objects.filter(person=someone, course=course).first() or Enrolment.objects.create(
        course=course, edition=course.current, round=1, enrolled_at=NOON, **facts
    )
    attempt = Attempt.objects.create(
        **facts,
        quiz=quiz,
        enrolment=enrolment,
        sitting=sitting,
        number=Attempt.objects.filter(enrolment=enrolment).count() + 1,
        started_at=NOON,
        quiz_title=quiz.title,
        pass_percent=60,
        seed="s",
    )
    items = [
        AttemptItem.objects.create(
            attempt=attempt,
            position=n,
            question=q,
            question_version=1,
            kind=q.kind,
            points=5,
            **dict(zip(("shown", "key"), paper, strict=True)),
        )
        for n, q in enumerate(questions, start=1)
        for paper in [q.item_kind.present(q.stem, q.content, q.key, rng=random.Random(n), shuffle=True)]
    ]
    submission = Submission.objects.create(attempt=attempt, cause="learner", at=NOON + 10 * MINUTE)
    score = 5 * sum(right)
    marking = Marking.objects.create(
        submission=submission,
        at=NOON + 10 * MINUTE,
        score=score,
        out_of=20,
        percent=score * 5,
        passed=complete and score >= 12,
        is_complete=complete,
    )
    for n, (item, is_right) in enumerate(zip(items, right, strict=True)):
        answer = Answer.objects.create(
            attempt=attempt, item=item, seq=n + 1, token=f"t{n}", response="x", at=NOON + (n + 1) * timedelta(seconds=30)
        )
        ItemMark.objects.create(
            marking=marking,
            item=item,
            answer=answer,
            fraction=Decimal(int(is_right)),
            earned=5 * int(is_right),
            picked=["A" if is_right else "B"],
        )
    return attempt


def test_the_figures_are_those_of_the_papers(crowd, quiz):
    figures = analysis.compute(quiz)

    assert figures["people"] == 12 and figures["test"]["reliability_kind"] == "kr20"
    assert figures["test"]["mean"] == pytest.approx(37.5) and figures["test"]["pass_rate"] == pytest.approx(0.25)
    assert [round(item["facility"], 3) for item in figures["items"]] == [0.75, 0.5, 0.25, 0]
    assert figures["items"][0]["seconds"] == 30 and figures["test"]["minutes"] == 10
    assert figures["items"][0]["texts"] == {"A": "对", "B": "错一", "C": "错二"} and figures["items"][0]["right"] == ["A"]
    assert {row["unit"]: row["people"] for row in figures["units"]} == {"姚安县教育体育局": 6, "姚安县财政局": 6}


def test_each_parallel_paper_has_its_reliability_beside_the_whole(crowd, quiz, cast, django_assert_max_num_queries):
    paper = Paper.objects.create(quiz=quiz, label="A", made_by=cast.trainer, made_at=NOON)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE quizzes_attempt SET paper_id = %s", [paper.pk])
    with django_assert_max_num_queries(11):
        (form,) = analysis.compute(quiz)["forms"]
    assert (form["form"], form["people"], form["items"], form["reliability_kind"]) == ("A", 12, 4, "kr20")
    assert form["reliability"] == pytest.approx(analysis.compute(quiz)["test"]["reliability"])


def test_the_page_and_the_workbook_show_the_reliability_of_each_paper(sign_in, crowd, quiz, cast):
    figures = analysis.compute(quiz)
    figures["forms"] = [
        {"form": "A", "people": 40, "items": 4, "reliability": 0.7654, "reliability_kind": "kr20", "standard_error": 9.5},
        {"form": "B", "people": 7, "items": 4, "reliability": None, "reliability_kind": "", "standard_error": None},
    ]
    Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)
    client = sign_in(cast.trainer)

    page = client.get(reverse("quiz_analysis", args=[quiz.key])).text
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("quiz_analysis_file", args=[quiz.key])).getvalue()))

    assert "各平行卷的信度" in page and "0.77" in page and "Cronbach" in page
    assert [cell.value for cell in book["试卷"][2]][:4] == ["A", 40, 4, 0.765] and book["试卷"][3][3].value is None


@pytest.mark.parametrize(
    ("sizes", "lines"),
    [
        ({"a": 6, "b": 7}, [6, 7]),
        ({"a": 1, "b": 7, "c": 9}, [9, 8]),  # one person alone is told with the next smallest
        ({"a": 2, "b": 4, "c": 9}, [9, 6]),
        ({"a": 1}, [1]),
    ],
)
def test_no_line_by_unit_tells_of_a_single_person(cast, sizes, lines):
    organs = {"a": cast.county.path + "000A", "b": cast.county.path + "000B", "c": cast.county.path + "000C"}
    rows = [(None, None, 50, 100, False, organs[name], None, None) for name, people in sizes.items() for _person in range(people)]
    assert [row["people"] for row in analysis._units(rows, cast.county)] == lines


def test_organs_of_another_county_are_one_line(cast):
    rows = [(None, None, 50, 100, True, path, None, None) for path in [cast.other_county.path] * 6 + [cast.other_county.path + "0001"] * 6]
    [line] = analysis._units(rows, cast.county)
    assert analysis.unit_in_words(line["unit"]) == "其他县" and line["people"] == 12


def test_after_a_re_marking_options_and_right_ones_are_those_of_the_paper_under_the_key_that_stands(crowd, quiz, cast):
    question = Question.objects.get(code="A-0")
    content = {"options": {"A": "错一", "B": "对", "C": "错二"}}
    asked = remarks.propose(question=question, remedy="new_key", content=content, key=["A"], reason="答案错误", by=cast.trainer, at=NOON)
    remarks.decide(remark=asked, approved=True, by=cast.hr, at=NOON)
    later = Question.objects.get(code="A-0")
    later.stem, later.content = "另一问题", {"options": {"A": "甲", "B": "乙"}}
    bank.write(later, by=cast.trainer)

    item = analysis.compute(quiz)["items"][0]

    assert item["stem"] == "问题0" and item["texts"] == {"A": "对", "B": "错一", "C": "错二"} and item["right"] == ["B"]


def test_codes_that_were_stored_with_a_comma_are_those_that_are_made_now(crowd, quiz):
    marks = [ItemMark.objects.get(item__attempt=one, item__position=1) for one in crowd[:2]]
    (made_now,) = kinds.picked("fill", {}, {}, ["公开，透明"])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE quizzes_attemptitem SET kind = 'fill', shown = %s, key = %s WHERE question_id = %s",
            ['{"stem": "____", "parts": ["", ""]}', '{"accepted": [["公开、透明"]]}', marks[0].item.question_id],
        )
        for mark, code in zip(marks, ("1:公开,透明", made_now), strict=True):
            cursor.execute("UPDATE quizzes_itemmark SET picked = %s WHERE id = %s", [json.dumps([code]), mark.pk])

    item = analysis.compute(quiz)["items"][0]
    (row,) = (answer for answer in analysis_views._item(item)["answers"] if "公开" in answer["code"])

    assert row["is_right"] and row["all"] == pytest.approx(100 * 2 / 12), "the old and the new spelling are one answer"


def write_on_paper(attempts_) -> None:
    """As if their marks had been entered from paper: no answers, handed in when the sitting closed."""
    with connection.cursor() as cursor:
        for attempt in attempts_:
            cursor.execute("UPDATE quizzes_submission SET cause = 'paper', at = %s WHERE attempt_id = %s", [NOON + 60 * MINUTE, attempt.pk])
            cursor.execute(
                "UPDATE quizzes_itemmark SET picked = '[]', answer_id = NULL WHERE item_id IN "
                "(SELECT id FROM quizzes_attemptitem WHERE attempt_id = %s)",
                [attempt.pk],
            )
            cursor.execute("DELETE FROM quizzes_answer WHERE attempt_id = %s", [attempt.pk])


def test_what_was_written_on_paper_counts_by_its_marks_and_among_no_answers_and_minutes(crowd, quiz):
    before = analysis.compute(quiz)["items"][0]
    write_on_paper(crowd[::2])
    figures = analysis.compute(quiz)
    item = analysis_views._item(figures["items"][0])

    assert (item["people"], item["facility"]) == (12, before["facility"]) and sum(item["group_sizes"]) == item["on_screen"] == 6
    assert sum(answer["all"] for answer in item["answers"]) == pytest.approx(100) and figures["test"]["minutes"] == 10


def test_a_sitting_wholly_on_paper_says_of_no_distractor_that_nobody_chose_it(sign_in, crowd, quiz, cast):
    write_on_paper(crowd)
    figures = analysis.compute(quiz)
    Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)
    client = sign_in(cast.trainer)

    page = client.get(reverse("quiz_analysis", args=[quiz.key])).text
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("quiz_analysis_file", args=[quiz.key])).getvalue()))

    assert figures["test"]["minutes"] is None and "没有人选" not in page and "均为纸质作答" in page
    assert book["作答"].max_row == 1


def test_who_answered_nothing_stands_in_the_table_of_answers(sign_in, crowd, quiz, cast):
    marks = ItemMark.objects.filter(item__attempt__in=crowd, item__position=1)
    nothing, cleared = marks.get(item__attempt=crowd[0]), marks.get(item__attempt=crowd[1])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE quizzes_itemmark SET picked = '[]' WHERE id IN (%s, %s)", [nothing.pk, cleared.pk])
        cursor.execute("UPDATE quizzes_itemmark SET answer_id = NULL WHERE id = %s", [nothing.pk])
        cursor.execute("UPDATE quizzes_answer SET response = NULL WHERE id = %s", [cleared.answer_id])
    figures = analysis.compute(quiz)
    Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)
    client = sign_in(cast.trainer)

    item = analysis_views._item(figures["items"][0])
    page = client.get(reverse("quiz_analysis", args=[quiz.key])).text
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("quiz_analysis_file", args=[quiz.key])).getvalue()))

    assert item["answers"][-1]["text"] == "未作答" and item["answers"][-1]["all"] == pytest.approx(100 * 2 / 12)
    assert sum(answer["all"] for answer in item["answers"]) == pytest.approx(100)
    assert "未作答" in page and "未作答" in [row[3] for row in book["作答"].iter_rows(values_only=True)]


def test_a_score_group_with_nobody_in_it_has_no_share(crowd, quiz):
    (item, *_rest) = analysis.compute(quiz)["items"]
    sizes = [12, 0, 0, 0, 0]
    answers = analysis_views._item(item | {"group_sizes": sizes, "chosen": {"A": [0.5, 0, 0, 0, 0]}})["answers"]
    assert answers[0]["shares"] == [50, None, None, None, None] and answers[0]["all"] == 50


def test_the_numbers_over_the_histogram_stay_inside_it():
    bars = analysis_views._bars([0, 0, 3, 9, 0, 0, 0, 0, 0, 0])
    assert min(bar["y"] for bar in bars) >= 2 + 9 and [bar["from"] for bar in bars][:2] == [0, 10]  # text of 9 px, 2 above the bar


def test_a_second_attempt_and_an_unfinished_marking_do_not_count(crowd, quiz, cast):
    course = crowd[0].enrolment.course
    questions = list(Question.objects.filter(code__startswith="A-").order_by("code"))
    sat(crowd[0].person, quiz, course, questions, [True] * 4)
    sat(cast.learner, quiz, course, questions, [True] * 4, complete=False)

    assert analysis.compute(quiz)["people"] == 12 and analysis.compute(quiz)["test"]["mean"] == pytest.approx(37.5)


def test_only_the_marking_that_stands_counts(crowd, quiz):
    was = Marking.objects.get(submission__attempt=crowd[0])
    new = Marking.objects.create(
        submission=was.submission, supersedes=was, cause="remark", at=NOON, score=20, out_of=20, percent=100, passed=True
    )
    for mark in was.marks.all():
        ItemMark.objects.create(marking=new, item=mark.item, fraction=1, earned=5, picked=["A"])

    assert analysis.compute(quiz)["test"]["highest"] == 100


def test_nobody_gives_no_figures(quiz):
    assert analysis.compute(quiz) == {"people": 0}


def test_the_number_of_queries_does_not_grow_with_the_people(crowd, quiz, django_assert_max_num_queries):
    with django_assert_max_num_queries(11):
        analysis.compute(quiz, crowd[0].sitting)


@pytest.mark.parametrize(
    ("facility", "discrimination", "says"),
    [(0.5, 0.4, ""), (0.5, 0.1, "flat"), (0.5, -0.1, "flat"), (0.5, -0.7, "key"), (0.97, None, "easy"), (0.1, 0.3, "hard")],
)
def test_the_advice_follows_the_usual_bounds(facility, discrimination, says):
    item = {"people": 10, "facility": facility, "point_biserial": discrimination}
    assert analysis.advice(item) == says
    assert analysis.advice(item | {"people": 9}) == "", "too few to say anything"


@pytest.mark.parametrize(
    ("people", "discrimination", "says"), [(21, -0.27, "flat"), (21, -0.45, "key"), (101, -0.19, "flat"), (101, -0.21, "key")]
)
def test_a_key_is_suspect_only_where_chance_does_not_reach(people, discrimination, says):
    assert analysis.advice({"people": people, "facility": 0.9, "point_biserial": discrimination}) == says


@pytest.mark.parametrize("kind", BANK)
def test_only_what_has_options_is_said_to_have_distractors(kind):
    stem, content, key = BANK[kind]
    shown, kept = kinds.of(kind).present(stem, content, key, rng=random.Random(1), shuffle=True)
    picks = kinds.of(kind).picks(shown, kept, kept)
    item = {
        "people": 10,
        "facility": 0.5,
        "point_biserial": 0.1,
        "group_sizes": [0] * 5,
        "chosen": {},
        "texts": {pick.code: pick.text for pick in picks},
        "right": [pick.code for pick in picks if pick.is_right],
    }
    said = analysis_views._item(item)["advice"]
    assert ("干扰项" in said) == (kind in {"single", "multiple", "judge", "cloze", "match", "case"}) and "区分作用很小" in said


def test_a_trainer_has_it_made_and_reads_it(sign_in, cast, crowd, quiz, django_capture_on_commit_callbacks):
    client = sign_in(cast.trainer)
    address = reverse("quiz_analysis", args=[quiz.key])
    assert "尚未生成" in client.get(address).text
    with django_capture_on_commit_callbacks(execute=True):
        assert "正在计算" in client.post(address, follow=True).text

    page = client.get(address)
    assert "A-0" in page.text and "姚安县财政局" in page.text and "Brennan" not in page.text
    file = client.get(reverse("quiz_analysis_file", args=[quiz.key]))
    book = openpyxl.load_workbook(io.BytesIO(b"".join(file.streaming_content)))
    assert book.sheetnames == ["测试", "试题", "作答", "单位", "计算方法"]
    figures = dict(book["测试"].iter_rows(min_row=2, values_only=True))
    assert figures["人数"] == Analysis.objects.get().figures["people"] and figures["信度"] is not None
    assert any("Lord & Novick 1968" in row[0] for row in book["计算方法"].iter_rows(values_only=True)) and "Kelley 1939" in page.text
    assert book["作答"].max_row > book["试题"].max_row > 1 and book["单位"].max_row > 1


def test_the_workbook_tells_the_pass_rate_in_percent_as_the_page_does_and_the_page_tells_one(sign_in, cast, crowd, quiz):
    """Eight of eleven are 72.7 percent: cut to 72, as in the line by unit below it, never 73 in one place and 72 in the other."""
    figures = analysis.compute(quiz)
    figures["test"]["pass_rate"] = 8 / 11
    figures["units"] = [{"unit": "姚安县财政局", "people": 11, "passed": 8, "mean": 70.0}]
    Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)
    client = sign_in(cast.trainer)

    page = client.get(reverse("quiz_analysis", args=[quiz.key])).text
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("quiz_analysis_file", args=[quiz.key])).getvalue()))

    assert 'stat-number">72<' in page and '"nums">72%<' in page
    assert dict(book["测试"].iter_rows(min_row=2, values_only=True))["合格率 %"] == 72.727


@pytest.mark.parametrize(("minutes", "middle"), [([10, 20], 15), ([10, 20, 90], 20)])
def test_the_median_of_the_minutes_is_the_middle_also_of_an_even_number(minutes, middle):
    rows = [(1, 1, 1, 1, True, "", "", "learner", NOON, NOON + many * MINUTE) for many in minutes]
    assert analysis._minutes(rows) == middle


@pytest.mark.parametrize(("kind", "words"), [("nested", "题目嵌套于考生"), ("kr20", "KR-20"), ("alpha", "克隆巴赫α"), ("", None)])
def test_the_workbook_says_in_words_which_reliability_it_is(sign_in, cast, crowd, quiz, kind, words):
    figures = analysis.compute(quiz)
    figures["test"]["reliability_kind"] = kind
    figures["forms"] = [{"form": "A", "people": 40, "items": 4, "reliability": 0.7, "reliability_kind": kind, "standard_error": 9.5}]
    Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)

    book = openpyxl.load_workbook(io.BytesIO(sign_in(cast.trainer).get(reverse("quiz_analysis_file", args=[quiz.key])).getvalue()))

    assert dict(book["测试"].iter_rows(min_row=2, values_only=True))["信度类型"] == words and book["试卷"][2][4].value == words


def test_hints_of_similar_answers_are_for_hr_and_say_that_they_are_no_verdict(
    sign_in, cast, crowd, quiz, django_capture_on_commit_callbacks
):
    sitting = crowd[0].sitting
    with django_capture_on_commit_callbacks(execute=True):
        analyses.ask(quiz=quiz, sitting=sitting, by=cast.hr, at=NOON)
    address = reverse("sitting_analysis", args=[sitting.pk])

    assert "不作为结论" in sign_in(cast.hr).get(address).text
    assert "不作为结论" not in sign_in(cast.trainer).get(address).text


def test_the_hints_stand_in_the_workbook_of_hr_and_no_small_chance_is_called_none(sign_in, cast, crowd, quiz):
    sitting = crowd[0].sitting
    pair = {"first": crowd[0].pk, "second": crowd[1].pk, "same_wrong": 6, "both_wrong": 6, "probability": 5.6e-7, "expected": 1.3e-4}
    figures = analysis.compute(quiz, sitting) | {"similar": [pair]}
    Analysis.objects.create(quiz=quiz, sitting=sitting, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.hr)
    page, file = (reverse(name, args=[sitting.pk]) for name in ("sitting_analysis", "sitting_analysis_file"))

    of_hr = sign_in(cast.hr)
    assert "小于 0.000001" in (text := of_hr.get(page).text) and "0.0001" in text and "Holland 1996" in text
    book = openpyxl.load_workbook(io.BytesIO(of_hr.get(file).getvalue()))
    of_trainer = openpyxl.load_workbook(io.BytesIO(sign_in(cast.trainer).get(file).getvalue()))

    assert [cell.value for cell in book["雷同错答"][1]][1] == "姓名"
    row = [cell.value for cell in book["雷同错答"][2]]
    assert row[:4] == ["YB00000", "考生0", "YB00001", "考生1"] and row[-2:] == [5.6e-7, 1.3e-4]
    assert "雷同错答" not in of_trainer.sheetnames
    assert ReadingOfOthers.objects.filter(what="similar answers", kind="export", rows=1).exists()


def test_who_sat_twice_makes_no_room_too_large(cast, crowd, quiz, monkeypatch):
    again = Attempt.objects.get(pk=crowd[0].pk)
    again.pk, again.number, again._state.adding = None, 9, True
    again.save()
    monkeypatch.setattr(rules, "LARGEST_ROOM", len(crowd))
    assert analysis.compute(quiz, crowd[0].sitting)["too_large"] == {}
    monkeypatch.setattr(rules, "LARGEST_ROOM", len(crowd) - 1)
    assert set(analysis.compute(quiz, crowd[0].sitting)["too_large"].values()) == {len(crowd)}


def test_a_room_too_large_to_compare_is_named_and_the_others_are_compared(sign_in, cast, crowd, quiz, monkeypatch):
    monkeypatch.setattr(rules, "LARGEST_ROOM", 5)
    sitting = crowd[0].sitting
    Candidate.objects.filter(person__in=[attempt.person for attempt in crowd[:5]]).update(room="二号考场")
    Candidate.objects.filter(room="一号考场").update(room="线上")
    Candidate.objects.create(sitting=sitting, person=cast.learner, room="二号考场")  # stayed away
    compared = []
    monkeypatch.setattr(statistics, "similarities", lambda wrong, rooms: compared.extend(rooms) or [])

    figures = analysis.compute(quiz, sitting)
    Analysis.objects.create(quiz=quiz, sitting=sitting, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.hr)

    assert compared == [[attempt.pk for attempt in crowd[:5]]]
    page, file = (reverse(name, args=[sitting.pk]) for name in ("sitting_analysis", "sitting_analysis_file"))
    words = "线上有 7 人：只在不超过 5 人的考场内比对错答。"
    of_hr = sign_in(cast.hr)
    assert words in of_hr.get(page).text
    assert openpyxl.load_workbook(io.BytesIO(of_hr.get(file).getvalue()))["未作比对"]["A2"].value == words
    of_trainer = sign_in(cast.trainer)
    assert words not in of_trainer.get(page).text
    assert "未作比对" not in openpyxl.load_workbook(io.BytesIO(of_trainer.get(file).getvalue())).sheetnames


def test_figures_that_were_computed_in_another_way_are_to_be_made_anew(sign_in, cast, crowd, quiz):
    figures = analysis.compute(quiz)
    made = Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)
    client, page = sign_in(cast.trainer), reverse("quiz_analysis", args=[quiz.key])
    assert "计算方法已有变化" not in client.get(page).text

    for item in figures["items"]:
        del item["no_answer"]
    made.figures = {name: value for name, value in figures.items() if name != "method"}
    made.save()
    assert "计算方法已有变化" in client.get(page).text


def test_figures_from_before_it_was_counted_say_of_nobody_that_they_answered_nothing(sign_in, cast, crowd, quiz):
    figures = analysis.compute(quiz)
    for item in figures["items"]:
        del item["no_answer"]
    Analysis.objects.create(quiz=quiz, figures=figures, made_at=NOON, asked_at=NOON, asked_by=cast.trainer)
    client = sign_in(cast.trainer)

    page = client.get(reverse("quiz_analysis", args=[quiz.key]))
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("quiz_analysis_file", args=[quiz.key])).getvalue()))

    assert all(item["answers"] for item in page.context["items"]) and "未作答" not in page.text
    assert "未作答" not in [row[3] for row in book["作答"].iter_rows(values_only=True)]


def test_of_a_case_the_parts_that_are_wrong_are_compared_and_no_right_ones(cast, quiz, enrolment, django_assert_num_queries):
    """The essay lost points, the choice is right: that is no wrong answer. A number within its tolerance is right, too."""
    key = [["B"], [["负责人"]], {"value": "20", "tolerance": "1", "relative": False}, {"sample": "及时。"}]
    essay = {"kind": "essay", "stem": "说明理由。", "content": BANK["essay"][1], "points": "2"}
    content = {"parts": [*CASE["parts"], essay]}
    question = Question(county=cast.county, code="C-1", course_code="P01", kind="case", stem="材料。", content=content, key=key)
    bank.write(question, by=cast.trainer)
    attempt = attempts.start(person=cast.learner, quiz=quiz, at=NOON)
    shown, kept = question.item_kind.present(question.stem, content, key, rng=random.Random(1), shuffle=True)
    item = AttemptItem.objects.create(
        attempt=attempt, position=99, question=question, question_version=1, kind="case", points=7, shown=shown, key=kept
    )
    right = question.item_kind.right(shown, kept)
    responses = {
        "all_right_but_the_essay": right | {"2": {"value": "21", "unit": "个工作日"}},
        "one_wrong": right | {"1": ["书记"]},
    }
    wrong = analysis.WrongAnswers()
    for person_, (name, response) in enumerate(responses.items()):
        given = Answer.objects.create(attempt=attempt, item=item, seq=person_ + 1, token=name, response=response, at=NOON)
        picked = kinds.picked("case", shown, kept, response)
        wrong.add(person_, (question.pk, 1), "case", picked, item=item.pk, answer=given.pk)
    wrong.add(1, (7, 1), "multiple", ["A", "C"], item=0, answer=0)

    with django_assert_num_queries(3):
        assert wrong.settled() == {0: {}, 1: {(question.pk, 1, 1): "1:书记", (7, 1, 0): "A|C"}}


@pytest.mark.parametrize("who", EVERYBODY)
def test_who_may_read_an_analysis(sign_in, cast, quiz, who):
    status = sign_in(getattr(cast, who)).get(reverse("quiz_analysis", args=[quiz.key])).status_code
    assert status == (200 if who in READERS else 404 if who in {"other_hr", "stranger"} else 403)
