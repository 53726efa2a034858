"""The whole story in a browser: written, reviewed, learned on a phone, failed, passed, certified, verified, counted, pulled."""

import csv
import io
import re
import shutil
import subprocess
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from django.urls import reverse

from certificates.services import keys
from core import clock
from core.text import mask_name
from courses.models import Completion, Course, CoursePage
from home.services import open_county
from people.services import tokens
from quizzes import kinds
from quizzes.models import Attempt, Marking, Quiz, Submission
from quizzes.services import bank
from tests.chromium import DESK, PHONE, until

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TITLE = "主动公开时限一课通"


def alike(value: object) -> object:
    """One value of a file or an answer: numbers as such, instants in the county's time to the second."""
    if value is None:
        return ""
    if isinstance(value, datetime):  # as a workbook gives a day, too
        return f"{value:%Y-%m-%d %H:%M:%S}".removesuffix(" 00:00:00")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", str(value)):
        return Decimal(str(value))
    if re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]", str(value)):
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M:%S}"
    return str(value)


def the_bank(cast):
    """Six reviewed questions of a bank."""
    rows = [
        {
            "id": f"X01-{n}",
            "type": "single",
            "course": "X01",
            "diff": 1,
            "point": "时限",
            "stem": f"第{n}题：主动公开的时限是多少个工作日？",
            "options": {"A": "7", "B": "15", "C": "20"},
            "answer": ["C"],
            "explain": "形成或者变更之日起20个工作日内。",
            "source": "《政府信息公开条例》第二十六条",
            "v": "V",
        }
        for n in range(1, 5)
    ] + [
        {
            "id": f"X01-{n}",
            "type": "judge",
            "course": "X01",
            "diff": 1,
            "point": "收费",
            "stem": f"第{n}题：依申请提供政府信息一律收费。",
            "answer": False,
            "explain": "不收取费用，明显超过合理范围的可以收信息处理费。",
            "source": "《政府信息公开条例》第四十二条",
            "v": "V",
        }
        for n in range(5, 7)
    ]
    bank.import_rows(rows, county=cast.county, at=clock.now())


@pytest.fixture
def year(cast, transactional_db, settings, tmp_path):
    """The county is open for its first course, and its certificates can be signed."""
    settings.KEYS_ROOT = tmp_path / "keys"
    keys.ensure(at=clock.now())
    open_county(county=cast.county)
    the_bank(cast)
    return cast


def add_block(page, name: str) -> None:
    page.locator(".c-sf-add-button").last.click()
    page.locator(".w-combobox__option", has_text=name).first.click()


def save_draft(page) -> int:
    page.get_by_role("button", name="保存草稿").click()
    page.wait_for_url(re.compile(r"/pages/\d+/edit/"))
    return int(re.search(r"/pages/(\d+)/edit/", page.url).group(1))


def trainer_makes_a_quiz(page, base: str) -> None:
    """One that draws four of the six questions."""
    page.goto(f"{base}/admin/quizzes/new/")
    facts = {"title": "结业测试", "key": "x01-final", "course_code": "X01", "minutes": "15", "attempts_allowed": "3", "pass_percent": "80"}
    for name, value in facts.items():
        page.fill(f"input[name={name}]", value)
    for number, (kind, count) in enumerate([("single", "3"), ("judge", "1")]):
        page.click("#id_draws-ADD")
        page.select_option(f"select[name=draws-{number}-kind]", kind)
        page.fill(f"input[name=draws-{number}-count]", count)
    page.click("footer button[type=submit]")
    page.wait_for_url(lambda address: "/new/" not in address)
    made = Quiz.objects.get(key="x01-final")
    assert (made.pass_percent, list(made.draws.order_by("pk").values_list("kind", "count"))) == (80, [("single", 3), ("judge", 1)])


def trainer_writes_and_submits(page, base: str) -> int:
    page.goto(f"{base}/admin/")
    page.get_by_role("link", name="新建课程").click()
    page.fill("input[name=title]", TITLE)
    page.fill("input[name=code]", "X01")
    page.fill("textarea[name=summary]", "学完能说清什么时候必须公开、从哪天起算。")
    page.get_by_role("tab", name="对象与完成条件").click()
    page.locator("input[name=required_for][value=staff]").check()
    page.select_option("select[name=certificate]", "training")
    course = save_draft(page)
    page.goto(f"{base}/admin/pages/add/courses/lessonpage/{course}/")
    page.fill("input[name=title]", "二十个工作日怎么算")
    page.fill("input[name=minutes]", "20")
    add_block(page, "条款引用")
    page.fill("input[name=body-0-value-law]", "政府信息公开条例")
    page.fill("input[name=body-0-value-article]", "第二十六条")
    page.fill("textarea[name=body-0-value-gist]", "自形成或者变更之日起20个工作日内及时公开。")
    page.select_option("select[name=body-0-value-mark]", "V")
    add_block(page, "测试")
    page.select_option("select[name=body-1-value]", "x01-final")
    save_draft(page)
    page.goto(f"{base}/admin/pages/{course}/edit/")
    page.get_by_role("button", name="更多操作").click()
    page.get_by_role("button", name=re.compile("提交“课程审核")).click()
    page.wait_for_load_state()
    return course


def reviewer_publishes(page, base: str, course: int) -> None:
    page.goto(f"{base}/admin/pages/{course}/edit/")
    page.get_by_role("button", name="更多操作").click()
    page.get_by_role("button", name="批准").click()
    window = page.get_by_role("dialog")
    assert "最后修改" in window.inner_text(), "it says of which words"
    window.get_by_role("button", name="批准").click()
    page.wait_for_url(lambda address: "/edit/" not in address)


def learn(page, base: str, course: Course) -> None:
    page.goto(f"{base}{reverse('course', args=[course.pk])}")
    page.get_by_role("button", name="开始学习").click()
    page.wait_for_load_state()
    lesson = course.current.lessons.get()
    page.goto(f"{base}{reverse('lesson', args=[course.pk, lesson.slug])}")
    page.get_by_role("button", name="我已学完本课").click()
    page.wait_for_load_state()


def sit(page, base: str, *, right: bool) -> Marking:
    """Begin the quiz, give every answer on the phone, wait for each receipt, hand in."""
    page.goto(f"{base}{reverse('quiz', args=['x01-final'])}")
    page.locator("main form button.btn").first.click()
    page.wait_for_url(re.compile(r"/attempts/\d+/$"))
    attempt = Attempt.objects.get(pk=int(re.search(r"/attempts/(\d+)/", page.url).group(1)))
    for item in attempt.items.all():
        kind = kinds.of(item.kind)
        response = (kind.right if right else kind.wrong)(item.shown, item.key)
        page.locator(f"[data-item='{item.pk}'] input[value='{response}']").check()
        until(page, "id => document.querySelector(`[data-item='${id}'] .quiz-state`).dataset.state === 'saved'", str(item.pk))
    page.locator("#hand-in").click()
    page.wait_for_url(re.compile(r"/submit/"))
    page.locator("main form button.btn-primary").click()
    page.wait_for_url(re.compile(r"/result/"))
    return Submission.objects.get(attempt=attempt).result


def unit_figures(page) -> dict[str, list[int]]:
    """The numbers under each figure of a unit, such as {"学完全部必修": [1, 4]}: who has finished, and who lacks a course."""
    figures = page.locator("main dl.stats .stat").all()
    return {one.locator("dt").inner_text(): list(map(int, re.findall(r"\d+", one.locator(".stat-note").inner_text()))) for one in figures}


def filtered(page, **wanted: str) -> None:
    """Fill in the form above the records, and look."""
    if not page.locator("form.filters").is_visible():
        page.click("details.filter-box summary")
    for name, value in wanted.items():
        field = page.locator(f"form.filters [name={name}]")
        field.fill(value) if name == "q" else field.select_option(value)
    page.click("form.filters button")


def test_a_training_year_from_the_first_draft_to_the_last_record(year, live_server, open_page, enter, tmp_path):
    cast, base = year, live_server.url

    # The trainer writes and submits; nothing is public before the reviewer approves.
    trainer = enter(open_page(DESK), cast.trainer)
    trainer_makes_a_quiz(trainer, base)
    page_id = trainer_writes_and_submits(trainer, base)
    assert not CoursePage.objects.get(pk=page_id).live
    assert not Course.objects.filter(code="X01").exists()
    reviewer = enter(open_page(DESK), cast.reviewer)
    reviewer_publishes(reviewer, base, page_id)
    course = Course.objects.get(code="X01")
    assert course.current.number == 1

    # The leader looks before: the bureau's rate is at zero.
    leader = enter(open_page(DESK), cast.own_leader)
    leader.goto(f"{base}{reverse('records_units')}")
    before = unit_figures(leader)
    assert before["测试合格率"] == [0, 0]

    # The learner finds it by two characters inside a word, studies, fails, tries again, passes.
    phone = enter(open_page(PHONE), cast.learner)
    phone.goto(f"{base}{reverse('search')}?q=时限")
    assert TITLE in phone.locator("main").inner_text().replace("\n", "")
    learn(phone, base, course)
    failed = sit(phone, base, right=False)
    assert not failed.passed
    assert "第二十六条" in phone.locator("main").inner_text()
    assert not Completion.objects.exists()
    passed = sit(phone, base, right=True)
    assert passed.passed
    completion = Completion.objects.get(person=cast.learner)
    certificate = completion.certificates.get()
    assert (completion.edition.number, str(completion.study_hours), str(completion.test_hours)) == (1, "0.50", "0.50")

    # The certificate on paper: its text and its QR code are read back.
    phone.goto(f"{base}{reverse('my_certificates')}")
    assert certificate.number in phone.locator("main").inner_text()
    response = phone.request.get(f"{base}{reverse('certificate_pdf', args=[certificate.number])}")
    assert response.headers["content-type"] == "application/pdf"
    paper = tmp_path / "certificate.pdf"
    paper.write_bytes(response.body())
    text = re.sub(r"\s", "", subprocess.run(["pdftotext", str(paper), "-"], check=True, capture_output=True, text=True).stdout)
    assert [part for part in (cast.learner.name, TITLE, certificate.number) if part not in text] == [], text
    subprocess.run([shutil.which("pdftoppm"), "-r", "200", "-png", str(paper), str(tmp_path / "paper")], check=True)
    from PIL import Image
    from pyzbar.pyzbar import decode

    (code,) = decode(Image.open(next(tmp_path.glob("paper*.png"))))
    assert code.data.decode().endswith(reverse("verify_number", args=[certificate.number]))

    # A stranger verifies it; the name is masked.
    stranger = open_page(PHONE)
    stranger.goto(base + re.sub(r"^https?://[^/]+", "", code.data.decode()))
    shown = stranger.locator("main").inner_text()
    assert "有效" in shown
    assert TITLE in shown.replace("\n", "")
    assert mask_name(cast.learner.name) in shown
    assert cast.learner.name not in shown

    # HR filters, exports, and a program gets the same row.
    hr = enter(open_page(DESK), cast.hr)
    hr.goto(f"{base}{reverse('records')}")
    filtered(hr, unit=str(cast.other_bureau.pk))
    assert hr.locator("table.records tbody tr").count() == 0
    filtered(hr, unit=str(cast.bureau.pk), course=str(course.pk), status="completed", duty="staff", q=cast.learner.employee_number)
    assert TITLE in hr.locator("table.records tbody tr").inner_text().replace("\n", "")
    hr.get_by_role("link", name="导出", exact=True).first.click()
    hr.select_option("select[name=purpose]", "evaluation")

    def exported(kind: str) -> bytes:
        hr.check(f"input[name=format][value={kind}]")
        with hr.expect_download() as waiting:
            hr.locator("main form .btn-primary").click()
        return Path(waiting.value.path()).read_bytes()

    raw = exported("csv")
    assert raw.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(raw.decode("utf-8-sig")))
    book = openpyxl.load_workbook(io.BytesIO(exported("xlsx")))
    header, only = list(book.active.iter_rows(values_only=True))
    assert certificate.number in row.values()
    assert list(header) == list(row)
    assert [alike(cell) for cell in only] == [alike(value) for value in row.values()]
    _token, key = tokens.create(
        owner=cast.hr, name="考评系统", scopes=["completions"], unit=cast.county, expires_at=clock.now() + timedelta(days=1)
    )
    answer = hr.request.get(f"{base}/api/v1/completions", headers={"Authorization": f"Bearer {key}"}).json()
    (item,) = [one for one in answer["items"] if one["certificate_number"] == certificate.number]
    del item["change"]
    item |= {"status": "已完成", "duties": "具体工作人员", "line": "政策", "certificate_state": "有效"}  # as the file says it, in words
    assert [alike(value) for value in item.values()] == [alike(value) for value in list(row.values())[: len(item)]]

    # The leader sees the unit's rate change; the auditor sees that others' records were read and exported.
    leader.reload()
    finished, lacking = before["学完全部必修"]
    assert unit_figures(leader) == before | {"测试合格率": [1, 1], "学完全部必修": [finished + 1, lacking - 1]}
    auditor = enter(open_page(DESK), cast.auditor)
    auditor.goto(f"{base}{reverse('audit_readings')}")
    assert cast.hr.name in auditor.locator("main").inner_text()
