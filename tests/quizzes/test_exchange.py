"""Files of questions in and out: through the admin with the worker between, and through the commands."""

import io
import json
from datetime import timedelta

import openpyxl
import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection

from core import reconcile, tables
from core.errors import Refused, RefusedRows
from courses.services import catalogues
from quizzes import formats, stems, tasks
from quizzes.formats.markup import digest_of
from quizzes.models import BankImage, ImportJob, KnowledgePoint, Question, Sitting
from quizzes.services import attempts, bank, exchange
from tests.cast import NOON
from tests.quizzes.conftest import sitting_of
from tests.quizzes.formats.items import png
from tests.quizzes.test_bank import BAD, GOOD, workbook
from tests.quizzes.test_races import together

GIFT = """// [id:A1] [tag:course=P01] [tag:时限]
$CATEGORY: $course$/top/依申请公开/时限

// [id:A1] [tag:course=P01] [tag:时限]
::A1::行政机关不能当场答复的，应当自收到申请之日起几个工作日内答复？{~15 =20 ~30}

没有答案的说明

::B::**粗体**题干？{~7#太短 =20}
"""


@pytest.fixture
def trainer(cast, quiz, sign_in, monkeypatch):
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act, *args, **kwargs: act())  # the test itself is one transaction
    catalogues.sync_members(county=cast.county)
    return sign_in(cast.trainer)


def send(client, data: bytes, name: str = "题库.gift.txt", **more):
    return client.post("/admin/question-import/", {"file": SimpleUploadedFile(name, data)} | more, follow=True)


def job_of(page) -> ImportJob:
    return page.context["job"]


# ---- the admin -----------------------------------------------------------------------------


def test_a_file_is_reported_first_and_written_on_confirmation(trainer, cast):
    page = send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01")
    job = job_of(page)
    assert (job.state, job.format, job.counts["new"], job.refused) == ("checked", "gift", 2, 1)
    assert (
        "没有花括号" in page.text
        and "解析末尾" in page.text
        and "还没有写入" in page.text
        and not Question.objects.filter(code="A1").exists()
    )

    trainer.post(f"/admin/question-import/{job.pk}/confirm/")  # not said that the refused one is left out
    assert not Question.objects.filter(code="A1").exists()
    done = trainer.post(f"/admin/question-import/{job.pk}/confirm/", {"skip": "1"}, follow=True)

    made = Question.objects.get(code="A1")
    assert (made.county, made.course_code, made.tags, made.point.name, made.point.parent.name) == (
        cast.county, "P01", ["时限"], "时限", "依申请公开"
    )  # fmt: skip
    job.refresh_from_db()
    assert "导入完成" in done.text and job.state == "done" and not job.file and job.ended_at
    assert Question.objects.get(code__startswith="H-").explanation == "A：太短"


def test_the_report_can_be_taken_away_as_json_and_as_a_workbook(trainer, cast):
    job = job_of(send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01"))
    lines = json.loads(trainer.get(f"/admin/question-import/{job.pk}/report.json").content)
    assert [(line["outcome"], line["place"]) for line in lines] == [
        ("imported", "第4行 A1"), ("refused", "第7行"), ("changed", "第9行 B")
    ]  # fmt: skip
    assert lines[0] | {"kind": "single", "bank": "new", "reason": ""} == lines[0] and lines[1]["reason"] and lines[2]["reasons"]
    back = b"".join(trainer.get(f"/admin/question-import/{job.pk}/report.xlsx").streaming_content)
    rows = list(openpyxl.load_workbook(io.BytesIO(back)).active.iter_rows(values_only=True))
    assert rows[0][0] == "文件中的位置" and rows[1][:5] == ("第4行 A1", "A1", "单选题", "原样导入", "未写入") and len(rows) == 4


def test_the_report_says_whether_anything_was_written(trainer, cast):
    job = job_of(send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01"))

    def written():
        return [line["written"] for line in json.loads(trainer.get(f"/admin/question-import/{job.pk}/report.json").content)]

    assert written() == [False, False, False]
    trainer.post(f"/admin/question-import/{job.pk}/confirm/", {"skip": "1"})
    assert written() == [True, False, True]
    other = job_of(send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01"))
    trainer.post(f"/admin/question-import/{other.pk}/cancel/")
    assert "未写入任何试题" in trainer.get(f"/admin/question-import/{other.pk}/").text


def test_refused_rows_of_a_table_come_back_with_the_reasons_and_can_be_handed_in_again(trainer, cast):
    twin = [*GOOD[:4], "+1+1", *GOOD[5:]]
    page = send(trainer, workbook(GOOD, BAD["no stem"][0], twin).getvalue(), "题库.xlsx", county=cast.county.pk)
    there = f"/admin/question-import/{job_of(page).pk}/refused.xlsx"
    assert there in page.text
    back = trainer.get(there)

    book = openpyxl.load_workbook(io.BytesIO(back.content))
    header, one_of_two, first, second = book.active.iter_rows(values_only=True)
    assert one_of_two[0] == second[0] == "A1" and one_of_two[-2] == "2"
    assert header[-2:] == ("原行号", "拒绝原因") and header[:5] == ("编号", "题型", "课程", "难度", "题干") and "选项D" not in header
    assert first[0] == "B1" and first[-2] == "3" and "没有题干" in first[-1]
    assert second[4] == "+1+1" and second[header.index("选项B")] == "20" and second[-2] == "4" and "A1" in second[-1]
    book.active.cell(row=4, column=1).value = "A2"
    mended = io.BytesIO()
    book.save(mended)
    again = job_of(send(trainer, mended.getvalue(), "题库.xlsx", county=cast.county.pk))
    assert [line["outcome"] for line in again.report] == ["imported", "refused", "imported"]


def test_a_file_is_its_uploaders_alone(trainer, cast, sign_in):
    job = job_of(send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01"))
    for person in (cast.reviewer, cast.admin, cast.learner, cast.other_hr):
        client = sign_in(person)
        for path in ("", "progress/", "report.json", "report.xlsx", "refused.xlsx"):
            assert client.get(f"/admin/question-import/{job.pk}/{path}").status_code in (302, 403, 404)
        for path in ("confirm/", "cancel/"):
            assert client.post(f"/admin/question-import/{job.pk}/{path}", {"skip": "1"}).status_code in (302, 403, 404)
    job.refresh_from_db()
    assert job.state == "checked" and not Question.objects.filter(code="A1").exists()


def test_a_file_for_another_county_is_not_taken(trainer, cast):
    page = send(trainer, GIFT.encode(), county=cast.other_county.pk)
    assert page.status_code == 200 and not ImportJob.objects.exists()


def test_a_file_that_is_no_bank_is_refused_with_the_reason(trainer, cast):
    assert "空" in send(trainer, b"   \n", "x.txt", county=cast.county.pk).text
    for name, data in {
        "x.xlsx": b"%PDF-1.7 nonsense",
        "x.zip": b"PK\x03\x04 nonsense",
        "x.xml": b"<?xml version='1.0'?><html><p>x</p></html>",
        "page.xml": b"<html><p>x</p></html>",
    }.items():
        job = job_of(send(trainer, data, name, county=cast.county.pk))
        assert job.state == "refused" and job.message and not job.file


def test_a_file_of_which_nothing_can_be_taken_says_as_what_it_was_read(trainer, cast):
    page = send(trainer, "说明\n\n又一段说明\n".encode(), "x.txt", county=cast.county.pk)
    assert job_of(page).refused == 2 and "按“GIFT（Moodle 文本）”读取" in page.text and "选择" in page.text
    assert "读取。" not in send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01").text
    html = send(trainer, b"<html><p>x</p></html>", "x.xml", county=cast.county.pk)
    assert job_of(html).state == "refused" and "按“Moodle XML”读取" in html.text


def test_the_command_says_as_what_it_read_a_file_of_which_nothing_can_be_taken(cast, tmp_path, capsys):
    file = tmp_path / "x.txt"
    file.write_text("说明\n\n又一段说明\n", encoding="utf-8")
    with pytest.raises(CommandError):
        call_command("import_questions", str(file), county=cast.county.code)
    assert "GIFT（Moodle" in (said := capsys.readouterr().err) and "--format" in said


def test_progress_is_shown_until_there_is_something_new(trainer, cast, monkeypatch):
    monkeypatch.setattr(tasks.check_import, "delay", lambda pk: None)
    page = send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01")
    job = job_of(page)
    assert "等待后台" in page.text and "htmx" in page.text and "再看一次" in page.text
    ImportJob.objects.update(tries=1, done=2)
    piece = trainer.get(f"/admin/question-import/{job.pk}/progress/")
    assert '<progress id="import-progress"' in piece.text and 'value="2"' in piece.text and "HX-Refresh" not in piece.headers
    tasks.check_import(job.pk)
    assert trainer.get(f"/admin/question-import/{job.pk}/progress/").headers["HX-Refresh"] == "true"


def test_a_cancelled_import_writes_nothing_and_keeps_no_file(trainer, cast):
    job = job_of(send(trainer, GIFT.encode(), county=cast.county.pk, course_code="P01"))
    name = job.file.name
    page = trainer.post(f"/admin/question-import/{job.pk}/cancel/", follow=True)
    job.refresh_from_db()
    assert job.state == "cancelled" and not job.file and not job.file.storage.exists(name) and "已取消" in page.text
    trainer.post(f"/admin/question-import/{job.pk}/confirm/", {"skip": "1"})
    tasks.run_import(job.pk)
    assert not Question.objects.filter(code="A1").exists()
    assert "不能再取消" in trainer.post(f"/admin/question-import/{job.pk}/cancel/", follow=True).text


def test_an_exported_table_says_what_was_reviewed_and_an_import_takes_no_such_word(trainer, cast):
    first, second, *_rest = Question.objects.order_by("code")
    Question.objects.filter(pk=first.pk).update(status="reviewed")
    Question.objects.filter(pk=second.pk).update(status="draft")
    file = b"".join(trainer.get("/admin/questions/export/?format=xlsx&download=1").streaming_content)
    book = openpyxl.load_workbook(io.BytesIO(file))
    header, *rows = book.active.iter_rows(values_only=True)
    said = {row[0]: row[header.index("审核状态")] for row in rows}
    assert said[first.code] == "已审" and said[second.code] == "草稿"

    job = job_of(send(trainer, file, "题库.xlsx", county=cast.county.pk))
    assert job.refused == 0 and job.counts["same"] == len(rows) and job.counts["changed"] == 0
    assert [code for _place, code, message in job.warnings if "审核状态" in message] == [first.code]
    for row in book.active.iter_rows(min_row=2):
        row[0].value = f"N-{row[0].value}"
    out = io.BytesIO()
    book.save(out)
    other = job_of(send(trainer, out.getvalue(), "题库.xlsx", county=cast.county.pk))
    trainer.post(f"/admin/question-import/{other.pk}/confirm/", {"skip": "1"})
    assert set(Question.objects.filter(code__startswith="N-").values_list("status", flat=True)) == {"draft"}


def test_the_page_of_an_export_says_what_holds_for_an_export(trainer, cast):
    page = trainer.get("/admin/questions/export/?format=aiken").text
    assert "只有单选题" in page and "上面选定" not in page
    assert "上面选定" in trainer.get("/admin/question-import/").text


def test_only_authors_reach_the_doors(cast, sign_in):
    for path in ("/admin/question-import/", "/admin/questions/export/"):
        assert sign_in(cast.hr).get(path).status_code in (302, 403)
        assert sign_in(cast.learner).get(path).status_code in (302, 403)


# ---- jobs ----------------------------------------------------------------------------------


@pytest.fixture
def job(cast, quiz, monkeypatch):
    monkeypatch.setattr("django.db.transaction.on_commit", lambda act, *args, **kwargs: act())
    return exchange.start(
        io.BytesIO(GIFT.encode()), name="x.gift", format="gift", county=cast.county, by=cast.trainer, course_code="P01", at=NOON,
        then=lambda pk: None,
    )  # fmt: skip


def at(minutes=0):
    return lambda: NOON + timedelta(minutes=minutes)


def test_each_step_may_run_twice(job, cast):
    for _time in range(2):
        exchange.check(job.pk, clock=at())
    exchange.confirm(job.pk, by=cast.trainer, leaves_out=True, at=NOON, then=lambda pk: None)
    for _time in range(2):
        exchange.run(job.pk, clock=at())
    assert Question.objects.get(code="A1").version == 1
    assert ImportJob.objects.get().counts["new"] == 2  # what the import did, not what a second one would do


def test_a_worker_killed_while_importing_leaves_nothing_half_written_and_another_finishes(job, cast, monkeypatch):
    exchange.check(job.pk, clock=at())
    exchange.confirm(job.pk, by=cast.trainer, leaves_out=True, at=NOON, then=lambda pk: None)

    def die(*args, **kwargs):
        raise SystemExit("killed")

    with monkeypatch.context() as patch:
        patch.setattr(exchange, "_reported", die)  # the questions are written, the end of the job is not
        with pytest.raises(SystemExit):
            exchange.run(job.pk, clock=at())
    assert not Question.objects.filter(code="A1").exists() and not KnowledgePoint.objects.filter(name="依申请公开").exists()
    assert ImportJob.objects.get().state == "importing"

    again = []
    assert exchange.stuck_gaps(NOON + timedelta(minutes=4), again=again.append) == []
    (gap,) = exchange.stuck_gaps(NOON + timedelta(minutes=6), again=again.append)
    gap.mend()
    assert [one.pk for one in again] == [job.pk]
    exchange.run(job.pk, clock=at(7))
    assert ImportJob.objects.get().state == "done" and Question.objects.filter(code="A1").exists()


def test_a_job_that_kills_its_workers_ends_as_failed(job):
    ImportJob.objects.update(tries=exchange.MOST_TRIES)
    (gap,) = exchange.stuck_gaps(NOON + timedelta(hours=1), again=lambda job: pytest.fail("begun again"))
    gap.mend()
    failed = ImportJob.objects.get()
    assert failed.state == "failed" and "3" in failed.message and not failed.file


def test_reconcile_knows_silent_imports(job):
    assert "quizzes.imports" in reconcile.names()
    assert [
        outcome.found for outcome in reconcile.run(at=NOON + timedelta(minutes=6), mend=False) if outcome.name == "quizzes.imports"
    ] == [1]


def test_a_cancelled_reading_stops_at_the_next_sign_of_life(cast, quiz, job, monkeypatch):
    ImportJob.objects.update(file=job.file.name)
    monkeypatch.setattr(bank, "PROGRESS_EVERY", 1)
    seen = []

    def cancelling():
        seen.append(1)
        if len(seen) == 2:
            ImportJob.objects.update(state="cancelled")
        return NOON

    exchange.check(job.pk, clock=cancelling)
    assert ImportJob.objects.get().state == "cancelled" and ImportJob.objects.get().report == [] and len(seen) <= 3


def test_a_cancelled_reading_stops_within_a_second_however_long_each_question_takes(job, monkeypatch):
    ImportJob.objects.update(file=job.file.name)
    seconds = iter(range(1000))
    monkeypatch.setattr(bank, "monotonic", lambda: next(seconds))

    def cancelling():
        ImportJob.objects.filter(pk=job.pk).exclude(done=0).update(state="cancelled")
        return NOON

    exchange.check(job.pk, clock=cancelling)
    cancelled = ImportJob.objects.get()
    assert (cancelled.state, cancelled.done, cancelled.report) == ("cancelled", 1, [])


def test_a_time_limit_that_falls_into_a_library_is_not_taken_for_a_bad_file(monkeypatch):
    def late(*args, **kwargs):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr("latex2mathml.converter.convert_to_element", late)
    with pytest.raises(SoftTimeLimitExceeded):
        stems.tree_of(r"\frac{7}{13}")
    monkeypatch.setattr(tables, "_failed", late)
    with pytest.raises(SoftTimeLimitExceeded):
        tables.read(workbook(GOOD), name="a.xlsx")


@pytest.mark.parametrize("step", ["check", "run"])
def test_a_file_that_takes_too_long_ends_as_failed_and_is_not_begun_again(job, cast, monkeypatch, step):
    if step == "run":
        exchange.check(job.pk, clock=at())
        exchange.confirm(job.pk, by=cast.trainer, leaves_out=True, at=NOON, then=lambda pk: None)

    def endless(*args, **kwargs):
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(bank, "examine", endless)
    {"check": tasks.check_import, "run": tasks.run_import}[step](job.pk)
    failed = ImportJob.objects.get()
    assert failed.state == "failed" and "4 分钟" in failed.message and not failed.file
    assert exchange.stuck_gaps(NOON + timedelta(days=999), again=lambda job: pytest.fail("begun again")) == []


def test_when_the_bank_changed_since_the_check_the_new_report_is_shown_before_anything_is_written(job, cast):
    picture = png(1)
    text = f"// [tag:course=P01]\n::C::看图{{TRUE####![图](image:{digest_of(picture)})}}"
    with job.file.storage.open(job.file.name, "wb") as file:
        file.write(text.encode())
    image = bank.images.keep(data=picture, county=cast.county, at=NOON)
    exchange.check(job.pk, clock=at())
    exchange.confirm(job.pk, by=cast.trainer, leaves_out=False, at=NOON, then=lambda pk: None)
    with connection.cursor() as cursor:
        cursor.execute("delete from quizzes_bankimage where id = %s", [image.pk])
    exchange.run(job.pk, clock=at())
    shown = ImportJob.objects.get()
    assert shown.state == "checked" and shown.refused == 1 and not Question.objects.exclude(code__startswith="P01-").exists()


@pytest.mark.parametrize("edit", ["stem", "tags", "new"])
def test_what_a_colleague_changed_since_the_check_is_not_overwritten(job, cast, edit):
    if edit != "new":
        bank.import_file(io.BytesIO(GIFT.encode()), name="x", format="gift", county=cast.county, course_code="P01", at=NOON, skip_bad=True)
        text = GIFT.replace("几个工作日", "多少个工作日").replace("[tag:时限]", "[tag:期限]")
        with job.file.storage.open(job.file.name, "wb") as file:
            file.write(text.encode())
    exchange.check(job.pk, clock=at())
    question = Question.objects.filter(code="A1").first()
    if edit == "new":
        question = Question(county=cast.county, code="A1", course_code="P01", kind="judge", key=True)
    setattr(question, *{"tags": ("tags", ["同事的"])}.get(edit, ("stem", "同事的题干？")))
    bank.write(question, by=cast.reviewer)
    exchange.confirm(job.pk, by=cast.trainer, leaves_out=True, at=NOON, then=lambda pk: None)

    exchange.run(job.pk, clock=at())

    waiting, kept = ImportJob.objects.get(), Question.objects.get(code="A1")
    assert waiting.state == "checked" and "已有改动" in waiting.message and waiting.counts["new"] == (1 if edit == "new" else 0)
    assert kept.stem == "同事的题干？" or kept.tags == ["同事的"]

    exchange.confirm(job.pk, by=cast.trainer, leaves_out=True, at=NOON, then=lambda pk: None)
    exchange.run(job.pk, clock=at())
    assert ImportJob.objects.get().state == "done" and ImportJob.objects.get().message == ""


def test_an_exam_published_since_the_check_is_told_before_the_import_stops_it(job, cast, quiz):
    code = Question.objects.get(kind="judge", course_code="P01").code
    with job.file.storage.open(job.file.name, "wb") as file:
        file.write(f"// [id:{code}] [tag:course=P01]\n换了的题干？{{T}}".encode())
    sitting = sitting_of(quiz, cast.learner, opens_at=NOON + timedelta(days=2), is_draft=True)

    def stopped():
        return [message for _place, _field, message in ImportJob.objects.get().warnings if sitting.title in message]

    exchange.check(job.pk, clock=at())
    assert stopped() == []
    Sitting.objects.update(is_draft=False)
    exchange.confirm(job.pk, by=cast.trainer, leaves_out=False, at=NOON, then=lambda pk: None)
    exchange.run(job.pk, clock=at())

    waiting = ImportJob.objects.get()
    assert waiting.state == "checked" and "考试" in waiting.message and len(stopped()) == 1
    assert Question.objects.get(code=code).version == 1

    exchange.confirm(job.pk, by=cast.trainer, leaves_out=False, at=NOON, then=lambda pk: None)
    exchange.run(job.pk, clock=at())
    assert ImportJob.objects.get().state == "done" and Question.objects.get(code=code).version == 2


def test_an_exam_that_the_check_named_and_that_is_over_since_asks_for_no_second_confirmation(job, cast, quiz):
    code = Question.objects.get(kind="judge", course_code="P01").code
    with job.file.storage.open(job.file.name, "wb") as file:
        file.write(f"// [id:{code}] [tag:course=P01]\n换了的题干？{{T}}".encode())
    sitting_of(quiz, cast.learner, opens_at=NOON + timedelta(hours=2))
    exchange.check(job.pk, clock=at())
    exchange.confirm(job.pk, by=cast.trainer, leaves_out=False, at=NOON, then=lambda pk: None)
    exchange.run(job.pk, clock=at(minutes=5 * 60))
    assert ImportJob.objects.get().state == "done"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["check", "run"])
def test_while_stems_are_compared_answers_are_saved_and_the_import_can_be_cancelled(cast, attempt, monkeypatch, step):
    """On SQLite a transaction holds the one lock there is; on PostgreSQL an import holds its job."""
    code, item, compared = Question.objects.get(kind="judge", course_code="P01").code, attempt.items.first(), []
    file = io.BytesIO(f"// [id:{code}] [tag:course=P01]\n换了的题干？{{T}}".encode())
    job = exchange.start(file, name="x.gift", format="gift", county=cast.county, by=cast.trainer, at=NOON, then=lambda pk: None)
    if step == "run":
        exchange.check(job.pk, clock=at())
        exchange.confirm(job.pk, by=cast.trainer, leaves_out=False, at=NOON, then=lambda pk: None)

    def meanwhile():
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '4s'" if connection.vendor == "postgresql" else "PRAGMA busy_timeout = 4000")
        right = attempts.right_response(item)
        attempts.save(attempt_id=attempt.pk, person=cast.learner, item_id=item.pk, response=right, token="t", at=NOON)
        exchange.cancel(job.pk, by=cast.trainer, at=NOON)

    monkeypatch.setattr(bank, "_doubled_stems", lambda county, kept: compared.extend(together(meanwhile)) or [])
    getattr(exchange, step)(job.pk, clock=at())

    assert compared == [None] and Question.objects.get(code=code).version == 1
    assert ImportJob.objects.get().state == "cancelled" and attempt.items.get(pk=item.pk).answers.exists()


def test_files_that_nobody_confirmed_go_after_a_day(job):
    exchange.check(job.pk, clock=at())
    name = job.file.name
    exchange.wipe(at=NOON + timedelta(hours=23))
    assert ImportJob.objects.get().state == "checked" and job.file.storage.exists(name)
    exchange.wipe(at=NOON + timedelta(hours=25))
    gone = ImportJob.objects.get()
    assert gone.state == "cancelled" and not gone.file and not job.file.storage.exists(name) and gone.report


def test_wiping_takes_files_that_an_ended_job_left(job):
    ImportJob.objects.update(state="done")
    tasks.wipe_imports()
    assert not ImportJob.objects.get().file and not job.file.storage.exists(job.file.name)


# ---- the bank ------------------------------------------------------------------------------


def test_importing_twice_changes_nothing_whatever_the_format(cast, quiz):
    for key in ("gift", "moodlexml", "qti", "xlsx"):
        out = io.BytesIO()
        outcomes = bank.export(
            Question.objects.filter(kind__in=["single", "judge", "order", "match"]), county=cast.county, format=key, out=out
        )
        assert len(outcomes) == 4 and {outcome.outcome for outcome in outcomes} == {"exported"}
        report = bank.import_file(io.BytesIO(out.getvalue()), name="x", format=key, county=cast.county, at=NOON)
        assert (len(report.same), report.new, report.changed, report.refused) == (4, [], [], [])
        other = bank.import_file(io.BytesIO(out.getvalue()), name="x", format=key, county=cast.other_county, at=NOON)
        assert len(other.new) + len(other.same) == 4
    text = "几日？{=20 ~15}\n\n几月？{=1 ~2}".encode()
    first = bank.import_file(io.BytesIO(text), name="x", format="gift", county=cast.county, course_code="P01", at=NOON)
    again = bank.import_file(io.BytesIO(text), name="x", format="gift", county=cast.county, course_code="P01", at=NOON)
    assert len(first.new) == 2 and again.same == first.new


def test_the_course_of_the_import_serves_questions_that_name_none(cast):
    with pytest.raises(RefusedRows) as refusal:
        bank.import_file(io.BytesIO("几日？{=20 ~15}".encode()), name="x", format="gift", county=cast.county, at=NOON)
    assert "没有写课程" in refusal.value.errors[0].message and "第1行" in str(refusal.value.errors[0])
    text = "// [tag:course=T01]\n甲？{T}\n\n乙？{F}"
    bank.import_file(io.BytesIO(text.encode()), name="x", format="gift", county=cast.county, course_code="P01", at=NOON)
    assert dict(Question.objects.values_list("stem", "course_code")) == {"甲？": "T01", "乙？": "P01"}


def test_two_chapters_may_have_the_same_heading(cast):
    text = "".join(f"$CATEGORY: $course$/top/{chapter}/法规\n\n{chapter}？{{T}}\n\n" for chapter in ("第一章", "第二章"))
    bank.import_file(io.BytesIO(text.encode()), name="x", format="gift", county=cast.county, course_code="P01", at=NOON)
    points = {question.stem: question.point for question in Question.objects.select_related("point__parent")}
    assert points["第一章？"].name == points["第二章？"].name == "法规" and points["第一章？"] != points["第二章？"]
    assert {point.parent.name for point in points.values()} == {"第一章", "第二章"}
    assert KnowledgePoint.objects.count() == 4


def test_a_point_named_alone_is_found_deeper_down_when_no_other_has_its_name(cast):
    chapter = KnowledgePoint.objects.create(county=cast.county, name="第一章")
    deep = KnowledgePoint.objects.create(county=cast.county, name="时限", parent=chapter)
    bank.import_file(workbook(GOOD), name="x.xlsx", county=cast.county, at=NOON)
    assert Question.objects.get().point == deep and KnowledgePoint.objects.count() == 2


def test_knowledge_points_that_lead_in_a_circle_do_not_hang_the_export(cast, quiz):
    one = KnowledgePoint.objects.create(county=cast.county, name="甲")
    two = KnowledgePoint.objects.create(county=cast.county, name="乙", parent=one)
    KnowledgePoint.objects.filter(pk=one.pk).update(parent=two)
    Question.objects.filter(kind="judge").update(point=two)
    (item,) = bank.items_of(Question.objects.filter(kind="judge"), county=cast.county)
    assert item.point == "甲/乙"


def test_images_come_with_the_file_and_leave_with_it(cast, quiz):
    picture = png(2)
    marker = f"![流程](image:{digest_of(picture)} 6x3)"
    stem = f"看图{marker}对吗？"
    item = formats.Item("judge", stem, {}, True, code="I1", course_code="P01", mark="M", images={digest_of(picture): picture})
    for key in ("gift", "moodlexml", "qti"):
        out = io.BytesIO()
        formats.of(key).write([item], out)
        bank.import_file(io.BytesIO(out.getvalue()), name="x", format=key, county=cast.county, at=NOON)
        assert Question.objects.get(code="I1").stem == stem and BankImage.objects.get(county=cast.county).file.read() == picture
        back = io.BytesIO()
        (outcome,) = bank.export(Question.objects.filter(code="I1"), county=cast.county, format=key, out=back)
        (found,) = formats.of(key).read(back.getvalue())
        assert outcome.outcome == "exported" and found.item == item and found.item.images == item.images
    out = io.BytesIO()
    formats.of("xlsx").write([item], out)
    assert bank.import_file(out, name="x", county=cast.county, at=NOON).same == ["I1"]
    with pytest.raises(RefusedRows, match="1"):
        bank.import_file(out, name="x", county=cast.other_county, at=NOON)


def test_five_thousand_questions_take_no_more_queries_than_a_batch_each(cast, django_assert_max_num_queries):
    text = "".join(
        f"// [id:G{n}] [tag:course=P01]\n$CATEGORY: top/第{n % 7}章/第{n % 50}节\n第{n}题？{{~15 =20 ~30####见条例。}}\n\n"
        for n in range(1500)
    )
    with django_assert_max_num_queries(70):  # SQLite takes 999 values in one statement
        report = bank.import_file(io.BytesIO(text.encode()), name="x", format="gift", county=cast.county, at=NOON)
    assert len(report.new) == 1500
    out = io.BytesIO()
    with django_assert_max_num_queries(8):
        assert len(bank.export(Question.objects.all(), county=cast.county, format="gift", out=out)) == 1500


def test_a_file_that_is_too_large_is_not_read(cast, monkeypatch):
    monkeypatch.setattr("core.uploads.MAX_BANK", 10)
    with pytest.raises(Refused) as refusal:
        bank.import_file(io.BytesIO(b"x" * 11), name="x", format="gift", county=cast.county, at=NOON)
    assert refusal.value.code == "too_large"


# ---- the commands --------------------------------------------------------------------------


def test_the_command_imports_any_format_and_writes_its_report(cast, tmp_path, capsys):
    file, report = tmp_path / "bank.txt", tmp_path / "report.json"
    file.write_text(GIFT, encoding="gb18030")
    with pytest.raises(CommandError):
        call_command("import_questions", str(file), county=cast.county.code, course="P01", report=str(report))
    assert "第7行" in capsys.readouterr().err and not Question.objects.exists()
    assert [line["outcome"] for line in json.loads(report.read_text())] == ["refused"] * 4  # the file, and each
    call_command("import_questions", str(file), format="gift", county=cast.county.code, course="P01", skip_bad=True, report=str(report))
    said = capsys.readouterr()
    assert Question.objects.count() == 2 and "2" in said.out and json.loads(report.read_text())[0] == {
        "place": "第4行 A1", "outcome": "imported", "reason": "", "reasons": [], "code": "A1", "kind": "single", "bank": "new",
    }  # fmt: skip
    call_command("import_questions", str(file), county=cast.county.code, course="P01", skip_bad=True, dry_run=True)
    assert "试运行" in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("import_questions", str(tmp_path / "none.txt"), county=cast.county.code)
    bomb = tmp_path / "bomb.yaml"
    bomb.write_text("a: &a [x, x]\nb: &b [*a, *a]\nquestions: [*b, *b]\n", encoding="utf-8")
    with pytest.raises(CommandError, match="&"):
        call_command("import_questions", str(bomb), county=cast.county.code)


def test_the_command_exports_a_course_a_point_or_all(cast, quiz, tmp_path, capsys):
    point = KnowledgePoint.objects.create(county=cast.county, name="依申请公开")
    below = KnowledgePoint.objects.create(county=cast.county, name="答复", parent=point)
    Question.objects.filter(code="P01-1").update(point=below)
    Question.objects.create(county=cast.county, code="T1", course_code="T01", kind="judge", stem="对？", key=True)
    file, report = tmp_path / "out.xml", tmp_path / "report.json"

    def codes(**how):
        call_command("export_questions", str(file), format="moodlexml", county=cast.county.code, **how)
        return [found.code for found in formats.of("moodlexml").read(file.read_bytes())]

    assert "T1" in codes() and len(codes()) == Question.objects.count()
    assert codes(bank="T01") == ["T1"] and codes(bank="依申请公开") == ["P01-1"] and codes(bank="依申请公开/答复") == ["P01-1"]
    with pytest.raises(CommandError, match="XYZ"):
        codes(bank="XYZ")
    capsys.readouterr()
    call_command("export_questions", str(file), format="aiken", county=cast.county.code, report=str(report))
    lines = {line["code"]: line["outcome"] for line in json.loads(report.read_text())}
    assert lines["P01-1"] == "changed" and lines["T1"] == "refused" and "T1" in capsys.readouterr().err


# ---- the export page -----------------------------------------------------------------------


def test_the_listing_leads_to_an_export_that_keeps_its_filters(trainer, cast):
    Question.objects.create(county=cast.other_county, code="X1", course_code="P01", kind="judge", stem="外县题", key=True)
    page = trainer.get("/admin/questions/?kind=judge")
    assert "/admin/questions/export/?kind=judge" in page.text
    shown = trainer.get("/admin/questions/export/?kind=judge&format=gift")
    assert "共 1 题" in shown.text and "kind=judge" in shown.text
    back = trainer.get("/admin/questions/export/?kind=judge&format=gift&download=1")
    data = b"".join(back.streaming_content)
    assert [found.item.kind for found in formats.of("gift").read(data)] == ["judge"] and "gift" in back["Content-Disposition"]
    assert "外县题" not in data.decode()


def test_the_export_page_says_what_a_format_cannot_carry(trainer, cast):
    shown = trainer.get("/admin/questions/export/?format=aiken")
    assert "Aiken 没有" in shown.text and "Aiken 格式写不下" in shown.text


def test_the_export_page_takes_queries_that_do_not_grow(trainer, cast, django_assert_max_num_queries):
    for n in range(60):
        Question.objects.create(county=cast.county, code=f"Z{n}", course_code="P01", kind="judge", stem=f"第{n}题", key=True)
    with django_assert_max_num_queries(30):
        trainer.get("/admin/questions/export/?format=gift")


# ---- how a question may be used ------------------------------------------------------------


@pytest.mark.parametrize("format", ["xlsx", "gift", "moodlexml", "qti"])
def test_another_county_gets_exam_questions_for_exams_only_and_retired_ones_retired(cast, quiz, format):
    first, second, third = Question.objects.order_by("code")[:3]
    Question.objects.filter(pk=first.pk).update(is_reserved=True)
    Question.objects.filter(pk=second.pk).update(status="retired")
    out = io.BytesIO()
    bank.export(Question.objects.filter(pk__in=[first.pk, second.pk, third.pk]), county=cast.county, format=format, out=out)
    out.seek(0)

    bank.import_file(out, name="题库", county=cast.other_county, at=NOON, by=cast.stranger, format=format)

    there = Question.objects.filter(county=cast.other_county).order_by("code")
    assert [(one.is_reserved, one.status) for one in there] == [(True, "draft"), (False, "retired"), (False, "draft")]


def test_a_file_that_says_nothing_of_use_takes_it_from_no_question(cast, quiz):
    out = io.BytesIO()
    bank.export(Question.objects.all(), county=cast.county, format="xlsx", out=out)
    Question.objects.update(is_reserved=True, status="retired")
    out.seek(0)

    report = bank.import_file(out, name="题库.xlsx", county=cast.county, at=NOON, by=cast.trainer)

    assert not report.changed and set(Question.objects.values_list("is_reserved", "status")) == {(True, "retired")}


def test_a_use_that_is_none_is_refused_and_a_list_may_name_both(cast):
    row = {"type": "judge", "course": "P01", "answer": True}
    rows = [
        {**row, "id": "U-1", "stem": "一。", "use": "只看"},
        {**row, "id": "U-2", "stem": "二。", "use": ["exam", "停用"]},
    ]
    report = bank.import_rows(rows, county=cast.county, at=NOON, skip_bad=True)
    assert "只看" in report.refused[0].message
    assert Question.objects.values_list("code", "is_reserved", "status").get() == ("U-2", True, "retired")


def test_aiken_says_that_it_has_no_place_for_the_use_of_a_question(cast, quiz):
    Question.objects.update(is_reserved=True)
    outcomes = bank.export(Question.objects.filter(kind="single"), county=cast.county, format="aiken", out=io.BytesIO())
    assert outcomes and all("仅供考试" in outcome.reasons[0] for outcome in outcomes)


def test_facts_beside_the_text_that_a_file_empties_are_told(cast, quiz):
    question = Question.objects.filter(kind="single").first()
    Question.objects.filter(pk=question.pk).update(mark="V", difficulty=3, source="《条例》第二十六条", course_code="P01")
    gift = f"// [id:{question.code}]\n{question.stem} {{=对 ~错}}\n"

    report = bank.import_file(
        io.BytesIO(gift.encode()), name="x.txt", format="gift", county=cast.county, at=NOON, course_code="P02", dry_run=True
    )

    (outcome,) = report.outcomes
    said = "\n".join(outcome.reasons)
    assert all(words in said for words in ("V → M", "3 → 1", "《条例》第二十六条 → —", "P01 → P02"))
