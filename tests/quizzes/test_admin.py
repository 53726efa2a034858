"""Trainers at work in the Wagtail admin."""

import pytest
from bs4 import BeautifulSoup
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from courses.services import catalogues
from people.models import Role
from quizzes import kinds
from quizzes.models import Attempt, KnowledgePoint, Question, Quiz, Sitting
from quizzes.services import bank, points, quizzes
from tests.cast import NOON, grant
from tests.factories import make_course
from tests.forms import typed_in
from tests.quizzes.items import BANK


@pytest.fixture
def trainer(cast, quiz, sign_in):
    catalogues.sync_members(county=cast.county)
    return sign_in(cast.trainer)


def question(**fields):
    return {
        "code": "N1",
        "course_code": "P01",
        "kind": "single",
        "difficulty": "1",
        "point": "",
        "stem": "几日？",
        "lines": "7\n* 20\n30",
        "explanation": "",
        "source": "第二十六条",
        "mark": "V",
        "status": "draft",
    } | fields


def test_the_form_of_a_new_question_claims_no_check(trainer):
    form = trainer.get("/admin/questions/new/").context["form"]
    assert form["mark"].value() == "M" and "不进试卷" in str(form["mark"])


def test_a_reviewer_is_told_at_the_source_that_it_is_missing(trainer, cast, sign_in):
    data = question(county=cast.county.pk, source="")
    trainer.post("/admin/questions/new/", data)
    made = Question.objects.get(code="N1")
    page = sign_in(cast.reviewer).post(f"/admin/questions/edit/{made.pk}/", data | {"status": "reviewed"})
    assert "source" in page.context["form"].errors and Question.objects.get(code="N1").status == "draft"


def test_a_trainer_writes_a_question_of_each_kind(trainer, cast):
    for kind, stem, lines in (
        ("single", "几日？", "7\n* 20"),
        ("multiple", "哪些？", "* 甲\n* 乙\n丙"),
        ("judge", "对吗？", "错"),
        ("fill", "以____为常态", "公开 | 公布"),
        ("order", "排序", "登记\n审核\n答复"),
        ("match", "配对", "应 = 要求\n宜 = 推荐\n= 允许"),
    ):
        reply = trainer.post("/admin/questions/new/", question(code=f"N-{kind}", kind=kind, stem=stem, lines=lines, county=cast.county.pk))
        assert reply.status_code == 302, reply.context["form"].errors
    made = {q.kind: q for q in Question.objects.filter(code__startswith="N-")}
    assert made["single"].key == ["B"] and made["multiple"].key == ["A", "B"] and made["judge"].key is False
    assert made["fill"].key == [["公开", "公布"]] and made["order"].key == ["登记", "审核", "答复"]
    assert made["match"].key == {"应": "要求", "宜": "推荐"} and "允许" in made["match"].content["right"]
    assert {q.county for q in made.values()} == {cast.county} and {q.version for q in made.values()} == {1}


@pytest.mark.parametrize("kind", BANK)
def test_a_trainer_writes_opens_and_keeps_a_question_of_any_kind(trainer, cast, kind):
    stem, content, key = BANK[kind]
    lines = "\n".join(kinds.of(kind).to_lines(content, key))
    data = question(code="N-any", kind=kind, stem=stem, lines=lines, county=cast.county.pk)
    reply = trainer.post("/admin/questions/new/", data)
    assert reply.status_code == 302, reply.context["form"].errors
    made = Question.objects.get(code="N-any")
    assert kinds.of(kind).to_lines(made.content, made.key) == kinds.of(kind).to_lines(content, key)
    shown = trainer.get(f"/admin/questions/edit/{made.pk}/")
    assert shown.context["form"]["lines"].value() == lines
    assert trainer.post(f"/admin/questions/edit/{made.pk}/", data).status_code == 302
    assert Question.objects.get(code="N-any").version == 1
    assert "没有" not in trainer.post("/admin/questions/preview/", data).text.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize("in_a_case", [False, True])
def test_a_sample_answer_keeps_its_empty_lines_when_the_question_is_edited(trainer, cast, in_a_case):
    lines = "字数：800\n\n评阅人数：1\n参考答案：\n第一段。\n\n第二段。"
    if in_a_case:
        lines = f"【论述题 2分】\n谈谈。\n\n【答案】\n{lines}\n\n【单选题 1分】\n几日？\n\n【答案】\n\n7\n* 20"
    data = question(code="N-essay", kind="case" if in_a_case else "essay", stem="材料", lines=lines, county=cast.county.pk)
    reply = trainer.post("/admin/questions/new/", data)
    assert reply.status_code == 302, reply.context["form"].errors
    made = Question.objects.get(code="N-essay")
    shown = trainer.get(f"/admin/questions/edit/{made.pk}/").context["form"]["lines"].value()
    trainer.post(f"/admin/questions/edit/{made.pk}/", data | {"lines": shown.replace("第二段", "末段").replace("\n", "\r\n")})
    made.refresh_from_db()
    assert (made.version, made.key[0] if in_a_case else made.key) == (2, {"sample": "第一段。\n\n末段。"})


def test_a_case_keeps_the_paragraphs_of_a_questions_stem_when_it_is_edited(trainer, cast):
    row = {"id": "N-case", "type": "case", "course": "P01", "stem": "材料", "v": "V", "source": "第三十三条"}
    asked = [
        {"type": "single", "stem": "李某问。\n\n几个工作日内答复？", "options": {"A": "15", "B": "20"}, "answer": "B", "points": 2},
        {"type": "judge", "stem": "对吗？", "answer": "对"},
    ]
    bank.import_rows([row | {"parts": asked}], county=cast.county, at=NOON)
    made = Question.objects.get(code="N-case")
    form = trainer.get(f"/admin/questions/edit/{made.pk}/").context["form"]
    data = {field.html_name: field.value() or "" for field in form} | {"is_reserved": ""}
    assert trainer.post(f"/admin/questions/edit/{made.pk}/", data).status_code == 302
    made.refresh_from_db()
    assert (made.version, made.content["parts"][0]["stem"]) == (1, asked[0]["stem"])

    trainer.post(f"/admin/questions/edit/{made.pk}/", data | {"lines": form["lines"].value().replace("对吗", "真的")})
    made.refresh_from_db()
    assert [part["stem"] for part in made.content["parts"]] == [asked[0]["stem"], "真的？"]


def test_a_line_break_inside_an_option_survives_the_form(trainer, cast):
    one = Question.objects.get(code="P01-1")
    one.content = {"options": {"A": "第一行\n第二行", "B": "20"}}
    one.save()
    form = trainer.get(f"/admin/questions/edit/{one.pk}/").context["form"]
    assert form["lines"].value() == "第一行⏎第二行\n* 20"
    data = question(code="P01-1", stem="改了？", lines=form["lines"].value(), county=cast.county.pk)
    assert trainer.post(f"/admin/questions/edit/{one.pk}/", data).status_code == 302
    assert Question.objects.get(pk=one.pk).content == one.content


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"lines": "7\n20"}, "没有给出正确答案"),
        ({"lines": "* 7\n* 20"}, "只有一个正确答案"),
        ({"kind": "fill"}, "0 个空"),
        ({"code": "P01-1"}, ""),
        ({"kind": "judge", "lines": "也许"}, "正确"),
        ({"kind": "match", "lines": "甲乙"}, "不是一对"),
        ({"lines": "* 7"}, "2 至"),
        ({"kind": "dance"}, ""),
    ],
)
def test_a_question_that_breaks_its_kind_is_refused_with_the_input_kept(trainer, cast, fields, says):
    count = Question.objects.count()
    page = trainer.post("/admin/questions/new/", question(county=cast.county.pk, **fields))
    assert page.status_code == 200 and says in page.text and page.context["form"].errors and Question.objects.count() == count
    assert "第二十六条" in page.text


def test_a_course_that_the_county_does_not_have_is_named_when_a_question_is_saved(trainer, cast, quiz):
    make_course(cast.county, code="P01", lessons=1, quiz_key=quiz.key)
    for code, warned in [("p01", True), ("P01", False)]:
        saved = trainer.post("/admin/questions/new/", question(code=f"Q-{code}", course_code=code, county=cast.county.pk), follow=True)
        assert Question.objects.filter(code=f"Q-{code}", course_code=code).exists()
        assert ("没有课程p01" in saved.text.replace(" ", "")) == warned
    form = trainer.get("/admin/questions/new/").text
    assert '<datalist id="course-codes">' in form and '<option value="P01">' in form and 'list="course-codes"' in form


def test_saving_unchanged_keeps_the_version_and_a_change_raises_it(trainer, cast):
    for one in Question.objects.filter(course_code="P01"):
        form = trainer.get(f"/admin/questions/edit/{one.pk}/").context["form"]
        data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
        data = {name: "" if value is None else value for name, value in data.items()}
        assert trainer.post(f"/admin/questions/edit/{one.pk}/", data).status_code == 302
        same = Question.objects.get(pk=one.pk)
        assert (same.version, same.content, same.key) == (1, one.content, one.key), one.kind
        assert trainer.post(f"/admin/questions/edit/{one.pk}/", data | {"explanation": "改了"}).status_code == 302
        assert Question.objects.get(pk=one.pk).version == 2


def test_the_listing_shows_use_and_filters_within_the_county(trainer, cast, django_assert_max_num_queries):
    foreign = Question.objects.create(county=cast.other_county, code="X1", course_code="ZZ9", kind="judge", stem="外县题", key=True)
    with django_assert_max_num_queries(25):
        page = trainer.get("/admin/questions/")
    assert "P01-1" in page.text and "外县题" not in page.text and "ZZ9" not in page.text
    assert "P01-3" in trainer.get("/admin/questions/?kind=judge").text and "P01-1<" not in trainer.get("/admin/questions/?kind=judge").text
    for action in ("edit", "history", "usage", "delete"):
        assert trainer.get(f"/admin/questions/{action}/{foreign.pk}/").status_code == 404


def test_nobody_deletes_a_question(trainer):
    one = Question.objects.first()
    trainer.post(f"/admin/questions/delete/{one.pk}/")
    assert Question.objects.filter(pk=one.pk).exists()


def test_only_authors_reach_the_bank(cast, quiz, sign_in):
    catalogues.sync_members(county=cast.county)
    group = Group.objects.filter(user=cast.trainer).first()
    for person in cast.people:
        person.groups.add(group)  # even with the door of the admin open
    seen = {p.employee_number for p in cast.people if sign_in(p).get("/admin/questions/").status_code == 200}
    assert seen == {p.employee_number for p in (cast.trainer, cast.reviewer, cast.admin)}
    for path in ("/admin/question-import/", "/admin/knowledge-points/", "/admin/quizzes/", "/admin/questions/new/"):
        assert sign_in(cast.hr).get(path).status_code in {302, 403}


def test_the_preview_shows_what_the_form_holds_and_writes_nothing(trainer, cast):
    count = Question.objects.count()
    page = trainer.post("/admin/questions/preview/", question(stem="预览的题干？", county=cast.county.pk))
    assert "预览的题干？" in page.text and "正确" in page.text and Question.objects.count() == count
    assert "没有给出正确答案" in trainer.post("/admin/questions/preview/", question(lines="7\n20", county=cast.county.pk)).text
    standing = trainer.post(
        "/admin/questions/preview/", question(code="P01-1", stem="已有的题？", status="reviewed")
    )  # its form does not send the county
    assert "已有的题？" in standing.text and "正确" in standing.text


def test_the_preview_of_a_case_shows_the_points_that_were_written(trainer, cast):
    lines = "\n".join(f"【判断题 {points}分】\n对吗？\n【答案】\n对" for points in (2, 2, 6))
    page = trainer.post("/admin/questions/preview/", question(kind="case", stem="材料一则。", lines=lines, county=cast.county.pk)).text
    assert page.count("2 分") == 4 and page.count("6 分") == 2 and "0.2" not in page


def draws(*rules, initial=0):
    data = {"draws-TOTAL_FORMS": len(rules), "draws-INITIAL_FORMS": initial, "draws-MIN_NUM_FORMS": 0, "draws-MAX_NUM_FORMS": 1000}
    for number, rule in enumerate(rules):
        data |= {
            f"draws-{number}-{name}": value for name, value in ({"difficulty": "", "point": "", "points": "5", "id": ""} | rule).items()
        }
    return data


def test_a_trainer_writes_a_quiz_and_is_warned_when_the_bank_cannot_serve_it(trainer, cast):
    facts = {
        "title": "小测",
        "key": "small",
        "course_code": "P01",
        "minutes": 10,
        "attempts_allowed": 2,
        "pass_percent": 60,
        "county": cast.county.pk,
    }
    page = trainer.post("/admin/quizzes/new/", facts | draws({"kind": "single", "count": 9}, {"kind": "judge", "count": 1}), follow=True)
    assert Quiz.objects.get(key="small").draws.count() == 2
    assert "单选题" in page.text and "缺 8 题" in page.text
    none = trainer.post("/admin/quizzes/new/", facts | {"key": "none"} | draws())
    assert none.status_code == 200 and not Quiz.objects.filter(key="none").exists()


@pytest.mark.parametrize(
    ("second", "said"),
    [({"points": "8"}, "互相矛盾"), ({}, "请把题数并入")],
)
def test_a_blueprint_that_asks_twice_for_the_same_is_refused_and_keeps_what_was_written(trainer, cast, second, said):
    page = trainer.post(
        "/admin/quizzes/new/",
        exam_facts(cast, key="twice")
        | draws({"kind": "judge", "count": 1}, {"kind": "single", "count": 2}, {"kind": "single", "count": 3} | second),
    )
    assert said in page.text and 'value="3"' in page.text and not Quiz.objects.filter(key="twice").exists()


def test_a_blueprint_may_ask_for_easy_ones_beside_any(trainer, cast):
    trainer.post(
        "/admin/quizzes/new/",
        exam_facts(cast, key="beside") | draws({"kind": "single", "count": 1}, {"kind": "single", "count": 1, "difficulty": "1"}),
    )
    assert Quiz.objects.get(key="beside").draws.count() == 2


def exam_facts(cast, **more):
    facts = {"title": "年度考试", "key": "yearly", "course_code": "P01", "minutes": 60, "attempts_allowed": 1, "pass_percent": 60}
    return facts | {"county": cast.county.pk} | draws({"kind": "single", "count": 1}) | more


def test_a_trainer_makes_an_exam_with_a_ceiling_on_uses(trainer, cast):
    page = trainer.get("/admin/quizzes/new/").text
    assert "仅限场次内作答" in page and 'name="most_uses"' in page and 'name="rating_difference"' in page

    trainer.post("/admin/quizzes/new/", exam_facts(cast, is_exam="on", most_uses="3", rating_difference="10"))

    quiz = Quiz.objects.get(key="yearly")
    assert (quiz.is_exam, quiz.most_uses, quiz.rating_difference) == (True, 3, 10)


def test_empty_figures_of_an_exam_mean_the_usual_ones(trainer, cast):
    trainer.post("/admin/quizzes/new/", exam_facts(cast, most_uses="", rating_difference=""))

    quiz = Quiz.objects.get(key="yearly")
    assert (quiz.is_exam, quiz.most_uses, quiz.rating_difference) == (False, 0, 20)


def test_an_exam_with_a_sitting_stays_an_exam(trainer, cast, sitting):
    Quiz.objects.filter(pk=sitting.quiz_id).update(key="spare")  # no course asks for it
    quiz = sitting.quiz
    quiz.refresh_from_db()
    facts = {name: getattr(quiz, name) for name in ("title", "key", "course_code", "minutes", "attempts_allowed", "pass_percent")}
    rules = draws({"kind": "single", "count": 1})

    page = trainer.post(f"/admin/quizzes/edit/{quiz.pk}/", facts | rules)
    assert page.status_code == 200 and sitting.title in str(page.context["form"].errors["is_exam"])
    assert Quiz.objects.get(pk=quiz.pk).is_exam

    sitting.candidates.all().delete()
    sitting.delete()
    assert trainer.post(f"/admin/quizzes/edit/{quiz.pk}/", facts | rules).status_code == 302
    assert not Quiz.objects.get(pk=quiz.pk).is_exam


def test_a_quiz_says_how_each_kind_is_marked(trainer, cast):
    page = trainer.get("/admin/quizzes/new/").text
    assert "错选倒扣" in page and 'name="policies_multiple"' in page and 'name="policies_judge"' not in page
    facts = {
        "title": "小测",
        "key": "small",
        "course_code": "P01",
        "minutes": 10,
        "attempts_allowed": 2,
        "pass_percent": 60,
        "county": cast.county.pk,
        "policies_multiple": "penalty",
        "policies_order": "exact",
    }
    trainer.post("/admin/quizzes/new/", facts | draws({"kind": "single", "count": 1}))
    quiz = Quiz.objects.get(key="small")
    assert quiz.policies == {"multiple": "penalty"}
    form = trainer.get(f"/admin/quizzes/edit/{quiz.pk}/").context["form"]
    assert form["policies"].subwidgets[0].data["subwidgets"][0]["value"] == ["penalty"]
    bad = trainer.post("/admin/quizzes/new/", facts | {"key": "bad", "policies_multiple": "bribe"} | draws({"kind": "single", "count": 1}))
    assert bad.status_code == 200 and not Quiz.objects.filter(key="bad").exists()


def test_another_countys_points_cannot_be_used(trainer, cast):
    foreign = KnowledgePoint.objects.create(county=cast.other_county, name="外县点")
    page = trainer.post("/admin/questions/new/", question(county=cast.county.pk, point=foreign.pk))
    assert page.status_code == 200 and "point" in page.context["form"].errors
    facts = {
        "title": "小测",
        "key": "small",
        "course_code": "P01",
        "minutes": 10,
        "attempts_allowed": 2,
        "pass_percent": 60,
        "county": cast.county.pk,
    }
    trainer.post("/admin/quizzes/new/", facts | draws({"kind": "single", "count": 1, "point": foreign.pk}))
    assert not Quiz.objects.filter(key="small").exists()
    trainer.post("/admin/questions/new/", question(county=cast.other_county.pk, code="OTHER"))
    assert not Question.objects.filter(code="OTHER", county=cast.other_county).exists()


@pytest.mark.parametrize("what", ["questions", "knowledge-points", "quizzes"])
def test_who_writes_for_one_county_reads_no_heading_of_it(trainer, cast, what):
    section = '<section class="w-panel{}" id="panel-county-section"'
    assert section.format(" w-hidden") in trainer.get(f"/admin/{what}/new/").text

    grant(cast.trainer, Role.TRAINER, cast.other_county)
    assert section.format("") in trainer.get(f"/admin/{what}/new/").text


def test_the_terms_of_an_exam_stand_while_a_published_sitting_is_open_or_to_come(trainer, cast, open_sitting):
    quiz = open_sitting.quiz
    facts = {"title": "改名", "key": quiz.key, "course_code": quiz.course_code, "county": quiz.county_id, "attempts_allowed": 3}
    facts |= {"minutes": quiz.minutes, "pass_percent": quiz.pass_percent, "shuffle_questions": "on", "shuffle_options": "on"}
    facts |= {"is_exam": "on"}
    standing = [{"kind": d.kind, "count": d.count, "points": d.points, "id": d.pk} for d in quiz.draws.all()]
    rules = draws(*standing, initial=len(standing))
    easier = draws(*standing[1:], {**standing[0], "count": 3}, initial=len(standing))
    address = f"/admin/quizzes/edit/{quiz.pk}/"

    for other in ({"minutes": 1}, {"pass_percent": 1}, {"policies_multiple": "penalty"}, easier):
        page = trainer.post(address, facts | rules | other)
        assert "已发布且尚未结束" in page.text, other
    assert Quiz.objects.get(pk=quiz.pk).pass_percent == quiz.pass_percent
    trainer.post(address, facts | rules)
    assert Quiz.objects.get(pk=quiz.pk).title == "改名"

    Sitting.objects.update(is_draft=True)
    trainer.post(address, facts | rules | {"minutes": 1})
    assert Quiz.objects.get(pk=quiz.pk).minutes == 1


def test_an_edited_quiz_leaves_attempts_alone(trainer, cast, attempt):
    quiz = Quiz.objects.get(key="p01-final")
    Quiz.objects.filter(pk=quiz.pk).update(pass_percent=100, minutes=1)
    assert Attempt.objects.get(pk=attempt.pk).pass_percent == 80 and Attempt.objects.get(pk=attempt.pk).started_at == NOON


def test_the_form_of_an_exam_that_no_course_asks_for_says_so(trainer, cast, quiz):
    Quiz.objects.filter(pk=quiz.pk).update(is_exam=True)
    lonely = Quiz.objects.create(county=cast.county, key="lonely", title="年度考试", course_code="P01", is_exam=True)

    assert "没有课程要求通过" not in trainer.get(f"/admin/quizzes/edit/{quiz.pk}/").text
    assert "没有课程要求通过" in trainer.get(f"/admin/quizzes/edit/{lonely.pk}/").text
    facts = {"title": "年考", "key": "new", "course_code": "P01", "minutes": 10, "attempts_allowed": 1, "pass_percent": 60, "is_exam": "on"}
    page = trainer.post("/admin/quizzes/new/", facts | {"county": cast.county.pk} | draws({"kind": "single", "count": 1}), follow=True)
    assert "没有课程要求通过" in page.text


def tells_where_it_stands(page, address) -> bool:
    """A link above the form, and no markup that is shown as it is written."""
    said = BeautifulSoup(page.text, "html.parser").select_one(".messages")
    return said.select_one(f'a[href="{address}"][target=_blank]') is not None and "<" not in said.text


def test_a_form_that_was_opened_on_an_older_version_saves_nothing_and_shows_both(trainer, cast, quiz):
    trainer.post("/admin/questions/new/", question(county=cast.county.pk))
    made = Question.objects.get(code="N1")
    opened = trainer.get(f"/admin/questions/edit/{made.pk}/")
    stamp = made.stamp
    assert f'name="opened_on" value="{stamp}"' in opened.text
    made.stem = "同事改过的题干？"
    bank.write(made, by=cast.reviewer)

    page = trainer.post(f"/admin/questions/edit/{made.pk}/", question(county=cast.county.pk, stem="我改的题干？", opened_on=stamp))

    made.refresh_from_db()
    assert page.status_code == 200 and made.stem == "同事改过的题干？" and made.version == 2
    assert "同事改过的题干？" in page.text and "我改的题干？" in page.text and "他人已保存第2版" in page.text
    assert tells_where_it_stands(page, f"/admin/questions/edit/{made.pk}/")
    merged = question(county=cast.county.pk, stem="合并后的题干？", opened_on=made.stamp)
    assert trainer.post(f"/admin/questions/edit/{made.pk}/", merged).status_code == 302
    assert Question.objects.get(code="N1").version == 3


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"status": "retired"}, "状态"), ({"is_reserved": True}, "仅供考试"), ({"tag": "易错"}, "标签"), ({"point": "第一章"}, "知识点")],
)
def test_what_a_colleague_changed_beside_the_version_is_not_undone_by_an_older_form(trainer, cast, quiz, changed, named):
    trainer.post("/admin/questions/new/", question(county=cast.county.pk))
    made = Question.objects.get(code="N1")
    stamp = made.stamp
    if "point" in changed:
        changed = {"point": KnowledgePoint.objects.create(county=cast.county, name=changed["point"])}
    bank.change(questions=[made.pk], by=cast.reviewer, at=NOON, **changed)

    page = trainer.post(f"/admin/questions/edit/{made.pk}/", question(county=cast.county.pk, stem="我改的题干？", opened_on=stamp))

    standing = Question.objects.get(pk=made.pk)
    assert page.status_code == 200 and standing.stem == made.stem and standing.version == 1
    assert standing.stamp != stamp, "what the colleague did stands"
    assert f"您编辑期间，他人已修改：{named}" in page.text and "我改的题干？" in page.text


def test_who_saves_between_the_check_of_the_form_and_its_lock_is_not_overwritten(trainer, cast, quiz, monkeypatch):
    trainer.post("/admin/questions/new/", question(county=cast.county.pk))
    made = Question.objects.get(code="N1")
    settle = bank.settle_status

    def slowly(*args, **more):
        settle(*args, **more)
        standing = Question.objects.get(pk=made.pk)
        standing.stem = "同事抢先保存的题干？"
        bank.write(standing, by=cast.reviewer)

    monkeypatch.setattr(bank, "settle_status", slowly)

    page = trainer.post(f"/admin/questions/edit/{made.pk}/", question(county=cast.county.pk, stem="我改的题干？", opened_on=made.stamp))

    assert page.status_code == 200 and "同事抢先保存的题干？" in page.text and "我改的题干？" in page.text
    assert Question.objects.get(code="N1").version == 2


@pytest.fixture
def of_an_asked_quiz(quiz):
    return f"/admin/quizzes/edit/{quiz.pk}/"


@pytest.fixture
def of_a_quiz(quiz, of_an_asked_quiz):
    """No course asks for it, so that it may be changed."""
    Quiz.objects.filter(pk=quiz.pk).update(key="spare")
    quiz.refresh_from_db()
    return of_an_asked_quiz


@pytest.fixture
def second(cast, trainer):
    """Another author of the county, at another machine."""
    client = Client()
    client.force_login(cast.admin)
    return client


def test_of_two_forms_of_a_quiz_the_first_is_saved_and_the_second_is_refused_with_its_input(trainer, second, cast, quiz, of_a_quiz):
    mine, theirs = trainer.get(of_a_quiz), second.get(of_a_quiz)
    assert second.post(of_a_quiz, typed_in(theirs, pass_percent=90)).status_code == 302

    page = trainer.post(of_a_quiz, typed_in(mine, title="改名的测试", **{"draws-0-count": 2}))

    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.pass_percent, standing.title) == (90, quiz.title) and standing.draws.order_by("pk").first().count == 1
    saved = ModelLogEntry.objects.for_instance(quiz).filter(action="wagtail.edit").get()
    assert page.status_code == 200 and f"{cast.admin.name} 于 {clock.local(saved.timestamp):%Y-%m-%d %H:%M} 保存" in page.text
    assert 'value="改名的测试"' in page.text and page.context["form"].formsets["draws"].forms[0]["count"].value() == "2"
    assert "现行内容：合格线（百分比） 90" in page.text and tells_where_it_stands(page, of_a_quiz)

    again = trainer.post(of_a_quiz, typed_in(mine, title="改名的测试"))
    assert again.status_code == 200 and Quiz.objects.get(pk=quiz.pk).title == quiz.title, "it stays refused until it is opened anew"
    assert trainer.post(of_a_quiz, typed_in(trainer.get(of_a_quiz), title="改名的测试")).status_code == 302
    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.pass_percent, standing.title) == (90, "改名的测试")


def with_a_draw(sent, **rule) -> dict:
    """With one more draw rule added below."""
    at = int(sent["draws-TOTAL_FORMS"])
    rule = {"kind": "judge", "count": 1, "points": "5", "difficulty": "", "point": "", "id": ""} | rule
    return sent | {f"draws-{at}-{name}": value for name, value in rule.items()} | {"draws-TOTAL_FORMS": at + 1}


def test_a_quiz_is_saved_twice_in_a_row_and_a_form_opened_later_is_never_refused(trainer, second, quiz, of_a_quiz):
    Quiz.objects.filter(pk=quiz.pk).update(policies={"multiple": "penalty"}, further_banks=["P02"], rating_difference=7, most_uses=3)
    for number, client in enumerate([trainer, trainer, second, trainer, second, second]):
        page = client.get(of_a_quiz)
        away = {"draws-0-DELETE": "on"} if number % 2 else {}
        sent = with_a_draw(typed_in(page, minutes=21 + number, **away), count=1 + number, points="2.5", difficulty=1 + number // 2)
        sent[f"draws-{int(sent['draws-TOTAL_FORMS']) - 1}-kind"] = "single" if number % 2 else "judge"
        answer = client.post(of_a_quiz, sent)
        assert answer.status_code == 302, answer.context["form"].errors
        assert Quiz.objects.get(pk=quiz.pk).minutes == 21 + number
    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.policies, standing.further_banks, standing.most_uses) == ({"multiple": "penalty"}, ["P02"], 3)


def test_a_form_that_was_sent_twice_is_saved_once(trainer, quiz, of_a_quiz):
    before, sent = quiz.draws.count(), with_a_draw(typed_in(trainer.get(of_a_quiz), title="新名称"), difficulty=1)
    assert [trainer.post(of_a_quiz, sent).status_code for _time in range(2)] == [302, 302]
    assert quiz.draws.model.objects.filter(quiz=quiz).count() == before + 1
    assert ModelLogEntry.objects.for_instance(quiz).filter(action="wagtail.edit").count() == 1


def test_ones_own_newer_form_is_not_undone_by_the_one_in_the_other_tab(trainer, quiz, of_a_quiz):
    older = trainer.get(of_a_quiz)
    assert trainer.post(of_a_quiz, typed_in(trainer.get(of_a_quiz), pass_percent=90)).status_code == 302
    page = trainer.post(of_a_quiz, typed_in(older, minutes=5))
    assert page.status_code == 200 and "您本人已于" in page.text and Quiz.objects.get(pk=quiz.pk).minutes == quiz.minutes


def test_draws_that_a_colleague_changed_added_or_took_away_make_an_older_form_stale(trainer, second, quiz, of_a_quiz):
    for changes in ({"draws-0-count": 3}, {"draws-0-DELETE": "on"}):
        older = trainer.get(of_a_quiz)
        assert second.post(of_a_quiz, typed_in(second.get(of_a_quiz), **changes)).status_code == 302
        kept = list(quiz.draws.model.objects.filter(quiz=quiz).values().order_by("pk"))
        page = trainer.post(of_a_quiz, typed_in(older, title="改名的测试"))
        assert page.status_code == 200 and "保存" in page.text and "现行内容：抽题规则" in page.text and "改名的测试" in page.text
        assert list(quiz.draws.model.objects.filter(quiz=quiz).values().order_by("pk")) == kept


def test_what_an_operator_brought_in_meanwhile_is_not_undone(trainer, cast, quiz, of_a_quiz):
    older = trainer.get(of_a_quiz)
    facts = {name: getattr(quiz, name) for name in ("county", "key", "title", "course_code", "minutes")}
    quizzes.ensure(**facts, pass_percent=95, attempts=1, draws=[{"kind": "judge", "count": 1}])
    page = trainer.post(of_a_quiz, typed_in(older, title="改名的测试"))
    assert page.status_code == 200 and "晚于您打开" in page.text and Quiz.objects.get(pk=quiz.pk).pass_percent == 95


def test_who_saves_a_quiz_between_the_check_of_the_form_and_its_lock_is_not_overwritten(trainer, quiz, of_a_quiz, monkeypatch):
    mine, check = trainer.get(of_a_quiz), quizzes.refuse_other_terms

    def slowly(**more):
        check(**more)
        Quiz.objects.filter(pk=quiz.pk).update(pass_percent=95)

    monkeypatch.setattr(quizzes, "refuse_other_terms", slowly)
    page = trainer.post(of_a_quiz, typed_in(mine, title="改名的测试"))
    standing = Quiz.objects.get(pk=quiz.pk)
    assert page.status_code == 200 and 'value="改名的测试"' in page.text and "晚于您打开" in page.text
    assert (standing.pass_percent, standing.title) == (95, quiz.title)


# ---- two authors at one knowledge point ----------------------------------------------------


@pytest.fixture
def point(cast):
    return KnowledgePoint.objects.create(county=cast.county, name="依申请公开")


@pytest.fixture
def of_a_point(point):
    return f"/admin/knowledge-points/edit/{point.pk}/"


def test_of_two_forms_of_a_knowledge_point_the_first_is_saved_and_the_second_is_refused_with_its_input(
    trainer, second, cast, point, of_a_point
):
    above = KnowledgePoint.objects.create(county=cast.county, name="公开方式")
    mine, theirs = trainer.get(of_a_point), second.get(of_a_point)
    assert second.post(of_a_point, typed_in(theirs, parent=above.pk)).status_code == 302

    page = trainer.post(of_a_point, typed_in(mine, name="依申请的公开"))

    standing = KnowledgePoint.objects.get(pk=point.pk)
    assert (standing.name, standing.parent) == ("依申请公开", above)
    assert page.status_code == 200 and f"{cast.admin.name} 于 {clock.local(clock.now()):%Y-%m-%d}" in page.text
    assert 'value="依申请的公开"' in page.text
    assert "现行内容：上级 公开方式" in page.text
    assert tells_where_it_stands(page, of_a_point)
    assert trainer.post(of_a_point, typed_in(page)).status_code == 200, "it stays refused until it is opened anew"
    assert trainer.post(of_a_point, typed_in(trainer.get(of_a_point), name="依申请的公开")).status_code == 302
    standing = KnowledgePoint.objects.get(pk=point.pk)
    assert (standing.name, standing.parent) == ("依申请的公开", above)


def test_ones_own_newer_form_of_a_knowledge_point_is_not_undone_and_one_sent_twice_leaves_one_trace(trainer, point, of_a_point):
    older, sent = trainer.get(of_a_point), typed_in(trainer.get(of_a_point), name="新名称")
    assert [trainer.post(of_a_point, sent).status_code for _time in range(2)] == [302, 302]
    assert ModelLogEntry.objects.for_instance(point).filter(action="wagtail.edit").count() == 1
    page = trainer.post(of_a_point, typed_in(older, name="旧窗口的名称"))
    assert page.status_code == 200 and "您本人已于" in page.text and KnowledgePoint.objects.get(pk=point.pk).name == "新名称"


def test_who_saves_a_knowledge_point_between_the_check_of_the_form_and_its_lock_is_not_overwritten(trainer, point, of_a_point, monkeypatch):
    mine, check, asked = trainer.get(of_a_point), points.is_written, []

    def slowly(one, **more):
        asked.append(one)
        found = check(one, **more)
        KnowledgePoint.objects.filter(pk=point.pk).update(name="同事的名称")
        return found

    monkeypatch.setattr(points, "is_written", slowly)
    page = trainer.post(of_a_point, typed_in(mine, name="我的名称"))
    assert len(asked) == 2 and page.status_code == 200 and 'value="我的名称"' in page.text and "晚于您打开" in page.text
    assert KnowledgePoint.objects.get(pk=point.pk).name == "同事的名称"


def test_two_moves_of_knowledge_points_make_no_circle(trainer, cast, point, of_a_point):
    below = KnowledgePoint.objects.create(county=cast.county, name="答复期限", parent=point)
    page = trainer.post(of_a_point, typed_in(trainer.get(of_a_point), parent=below.pk))
    assert page.status_code == 200 and "不能放在自己下面" in page.text and KnowledgePoint.objects.get(pk=point.pk).parent is None


@pytest.mark.parametrize("is_new", [True, False])
def test_a_second_knowledge_point_of_one_name_in_one_place_is_refused_in_words(trainer, cast, point, is_new):
    other = KnowledgePoint.objects.create(county=cast.county, name="主动公开")
    address = "/admin/knowledge-points/new/" if is_new else f"/admin/knowledge-points/edit/{other.pk}/"
    page = trainer.post(address, typed_in(trainer.get(address), name=point.name))
    assert page.status_code == 200 and "此处已有同名的知识点" in page.text and KnowledgePoint.objects.filter(name=point.name).count() == 1


# ---- what was reviewed with a course


@pytest.mark.parametrize(
    "change", [{"pass_percent": 1}, {"attempts_allowed": 0}, {"minutes": 600}, {"is_exam": "on"}, {"draws-0-count": 2}]
)
def test_nobody_alone_changes_what_decides_a_pass_of_a_published_course(trainer, quiz, of_an_asked_quiz, change):
    page = trainer.post(of_an_asked_quiz, typed_in(trainer.get(of_an_asked_quiz), **change))
    assert page.status_code == 200 and "复制一份" in page.text and "课程P01" in page.text
    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.pass_percent, standing.attempts_allowed, standing.is_exam) == (quiz.pass_percent, quiz.attempts_allowed, False)

    assert trainer.post(of_an_asked_quiz, typed_in(trainer.get(of_an_asked_quiz), title="换个名字")).status_code == 302


def test_who_empties_the_bank_cannot_cut_the_draws_by_it(trainer, quiz, of_an_asked_quiz):
    Question.objects.filter(kind="order").update(status="retired")
    kinds_drawn = list(quiz.draws.order_by("pk").values_list("kind", flat=True))
    change = {f"draws-{kinds_drawn.index('order')}-kind": "order", f"draws-{kinds_drawn.index('order')}-DELETE": "on"}
    page = trainer.post(of_an_asked_quiz, typed_in(trainer.get(of_an_asked_quiz), **change))
    assert (
        page.status_code == 200
        and "复制一份" in page.text
        and list(quiz.draws.order_by("pk").values_list("kind", flat=True)) == kinds_drawn
    )


def test_a_copy_is_changed_instead_and_no_course_asks_for_it(trainer, cast, sign_in, quiz):
    address = reverse("quizzes:copy_of", args=[quiz.pk])
    asked = trainer.get(address)
    assert "标识" in asked.text
    page = trainer.post(address, typed_in(asked, holding="form_key"), follow=True)

    made = Quiz.objects.exclude(pk=quiz.pk).get()
    assert made.title == "结业测试（副本）"
    assert made.key == "p01-final-2" and "p01-final-2" in page.text
    rows = [list(one.draws.order_by("pk").values_list("kind", "count", "points", "difficulty", "point")) for one in (made, quiz)]
    assert rows[0] == rows[1]
    edited = f"/admin/quizzes/edit/{made.pk}/"
    assert trainer.post(edited, typed_in(trainer.get(edited), pass_percent=95)).status_code == 302
    assert Quiz.objects.get(pk=made.pk).pass_percent == 95

    trainer.post(address, typed_in(trainer.get(address), holding="form_key"))
    assert Quiz.objects.get(key="p01-final-3").title == made.title
    assert sign_in(cast.learner).post(address).status_code == 403 and sign_in(cast.stranger).get(address).status_code in (302, 403)
    assert Quiz.objects.count() == 3


# ---- what a form shows as it stands


def disabled(page) -> set[str]:
    """The fields of the form that nobody can type in, without those that are never shown otherwise."""
    form = BeautifulSoup(page.text, "html.parser").find(attrs={"name": "opened_on"}).find_parent("form")
    return {field["name"] for field in form.select("[name][disabled]") if "__prefix__" not in field["name"]} - {"key", "county"}


ALWAYS_OPEN = {"title", "shuffle_questions", "shuffle_options", "most_uses", "rating_difference"}


def test_what_a_published_quiz_refuses_to_change_is_shown_as_it_stands_with_what_to_do_instead(trainer, quiz, of_an_asked_quiz):
    page = trainer.get(of_an_asked_quiz)

    shown = disabled(page)
    assert {"course_code", "minutes", "attempts_allowed", "pass_percent", "is_exam", "policies_multiple", "draws-0-count"} <= shown
    assert not shown & ALWAYS_OPEN
    assert page.text.count("要改动，请复制一份") >= 6 and "课程P01" in page.text and reverse("quizzes:copy_of", args=[quiz.pk]) in page.text
    stood = quizzes.said(Quiz.objects.get(pk=quiz.pk), quiz.draws.order_by("pk"))

    answer = trainer.post(of_an_asked_quiz, typed_in(page, title="换个名字", shuffle_options=""))
    standing = Quiz.objects.get(pk=quiz.pk)
    assert answer.status_code == 302 and (standing.title, standing.shuffle_options) == ("换个名字", False)
    standing.title, standing.shuffle_options = quiz.title, quiz.shuffle_options
    assert quizzes.said(standing, standing.draws.order_by("pk")) == stood


def test_a_form_that_is_older_than_the_publication_is_refused(trainer, quiz, of_a_quiz):
    for change in ({"pass_percent": 1}, {"is_exam": "on"}, {"draws-0-count": 3}, {"draws-0-DELETE": "on"}):
        older = trainer.get(of_a_quiz)
        assert not disabled(older)
        Quiz.objects.filter(pk=quiz.pk).update(key="p01-final")  # as if its course were published now
        page = trainer.post(of_a_quiz, typed_in(older, opened_on="", **change))
        assert page.status_code == 200 and "复制一份" in page.text, change
        Quiz.objects.filter(pk=quiz.pk).update(key="spare")


def test_what_came_free_again_since_the_form_was_opened_stays_as_it_is(trainer, quiz, of_an_asked_quiz):
    page = trainer.get(of_an_asked_quiz)
    Quiz.objects.filter(pk=quiz.pk).update(key="spare")

    assert trainer.post(of_an_asked_quiz, typed_in(page, opened_on="", title="换个名字")).status_code == 302
    standing = Quiz.objects.get(pk=quiz.pk)
    assert (standing.title, standing.pass_percent, standing.draws.count()) == ("换个名字", quiz.pass_percent, quiz.draws.count())


def test_a_form_that_is_shown_again_for_a_fault_still_shows_what_stands(trainer, quiz, of_an_asked_quiz):
    page = trainer.post(of_an_asked_quiz, typed_in(trainer.get(of_an_asked_quiz), title=""))
    assert page.status_code == 200 and {"pass_percent", "policies_multiple", "draws-0-kind"} <= disabled(page)
    assert "要改动，请复制一份" in page.text
    assert trainer.post(of_an_asked_quiz, typed_in(page, title="换个名字")).status_code == 302


def test_an_exam_shows_as_it_stands_what_its_published_sitting_fixes(trainer, open_sitting):
    address = f"/admin/quizzes/edit/{open_sitting.quiz_id}/"
    page = trainer.get(address)
    assert disabled(page) >= {"minutes", "pass_percent", "is_exam", "draws-0-count"} and "attempts_allowed" not in disabled(page)
    assert "已发布且尚未结束" in page.text
    assert trainer.post(address, typed_in(page, title="改名", attempts_allowed=2)).status_code == 302

    Sitting.objects.update(is_draft=True)
    assert disabled(trainer.get(address)) == {"is_exam"}, "with a sitting it stays an exam"


def test_a_quiz_that_no_course_asks_for_shows_every_field_open(trainer, of_a_quiz):
    assert disabled(trainer.get(of_a_quiz)) == set()
    assert disabled(trainer.get("/admin/quizzes/new/")) == set()


def test_a_double_click_on_copy_makes_one_copy(trainer, cast, quiz):
    address = reverse("quizzes:copy_of", args=[quiz.pk])
    form = typed_in(trainer.get(address), holding="form_key")

    first, second = trainer.post(address, form), trainer.post(address, form)

    made = Quiz.objects.exclude(pk=quiz.pk).get()
    assert first.url == second.url == reverse("quizzes:edit", args=[made.pk])
    assert trainer.post(address, {}).status_code == 200 and Quiz.objects.count() == 2


def test_the_title_of_a_copy_keeps_within_its_length_and_says_so_once(trainer, cast, quiz):
    Quiz.objects.filter(pk=quiz.pk).update(title="长" * 120)
    made = quizzes.copy(quiz=quiz, by=cast.trainer, at=NOON)
    again = quizzes.copy(quiz=made, by=cast.trainer, at=NOON)

    assert made.title == again.title == "长" * 116 + "（副本）"
