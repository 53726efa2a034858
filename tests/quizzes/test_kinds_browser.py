"""Every kind on a phone: by keyboard alone, for screen readers, with formulas and images; saved, there again, marked."""

import re

import pytest

from core import clock
from courses.models import Course
from courses.services import catalogues, enrolments
from quizzes import kinds, stems
from quizzes.models import Answer, Attempt, ItemMark, Question
from quizzes.services import attempts, images, quizzes
from tests.browser.test_every_page import faults
from tests.chromium import DESK, PHONE, until
from tests.factories import make_course
from tests.quizzes.items import BANK
from tests.quizzes.test_images import picture

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
FORMULA = r"公开率 \( \frac{a}{b} \times 100\% \) 怎样算？"
# What is focused, and whether it can be seen: nothing sticky lies over it.
FOCUSED = """() => {
  const field = document.activeElement, box = field.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height / 2, 20));
  const label = field.closest("label");
  return {
    id: field.id, tag: field.tagName, type: field.type || "", name: field.name || "", value: field.value ?? "", checked: !!field.checked,
    options: field.tagName === "SELECT" ? [...field.options].map((option) => option.value) : [],
    isSeen: !!top && (top === field || field.contains(top) || (!!label && label.contains(top))),
  };
}"""


@pytest.fixture
def exam(cast):
    """A quiz of one question of every kind, with a formula, an image in an option and material of some length."""
    image = images.keep(data=picture(size=(900, 300)), county=cast.county, at=clock.now())
    shown = stems.image("流程图：登记、审核、办理", image.digest, 900, 300)
    for key, (stem, content, answer) in BANK.items():
        if key == "single":
            stem, content = f"{FORMULA}\n{shown}", {"options": {**content["options"], "C": r"\( \sqrt{x} \)"}}
        if key == "case":
            stem = "\n".join(f"第{number}段：居民李某当面提交书面申请，要求公开征地补偿方案。" * 3 for number in range(1, 7))
        Question.objects.create(
            status="reviewed",
            mark="V",
            county=cast.county,
            code=f"K-{key}",
            course_code="P01",
            kind=key,
            stem=stem,
            content=content,
            key=answer,
            explanation=FORMULA,
        )
    quiz = quizzes.ensure(
        county=cast.county,
        key="p01-final",
        title="各种题型",
        course_code="P01",
        minutes=0,
        pass_percent=60,
        attempts=3,
        shuffle=False,
        draws=[{"kind": kind.key, "count": 1} for kind in kinds.every()],
    )
    make_course(cast.county, code="P01", lessons=1, quiz_key="p01-final", pass_rule="quiz")
    enrolments.enrol(person=cast.learner, course=Course.objects.get(code="P01"), at=clock.now())
    return quiz


@pytest.fixture
def attempt(cast, exam):
    return attempts.start(person=cast.learner, quiz=exam, at=clock.now())


def wanted(attempt) -> dict[str, object]:
    """{field name: what to put there} for right answers; a set where boxes are ticked."""
    fields: dict[str, object] = {}

    def put(kind, shown, right, name):
        if kind.shape == "parts":
            for index, part in enumerate(shown["parts"]):
                put(kinds.of(part["kind"]), part["shown"], right[str(index)], f"{name}-{index}")
        elif kind.shape == "many":
            fields[name] = set(right)
        elif kind.shape == "list":
            fields[name] = list(right)
        elif kind.shape == "map":
            fields.update({f"{name}-{part}": str(value) for part, value in right.items() if value})
        else:
            fields[name] = right

    for item in attempt.items.all():
        put(item.item_kind, item.shown, attempts.right_response(item), f"r-{item.pk}")
    return fields


def settled(page) -> dict:
    """What is focused, when the page has come to rest."""
    for _look in range(100):
        at = page.evaluate(FOCUSED)
        if at["isSeen"]:
            break
        page.wait_for_timeout(50)
    return at


def answer_by_keyboard(page, fields) -> None:
    """From the top of the page to the button that hands in, with Tab, arrows, space and letters only."""
    page.evaluate("document.activeElement.blur()")
    done: set[str] = set()
    for _step in range(300):
        page.keyboard.press("Tab")
        at = settled(page)
        assert at["isSeen"], f"what has the focus is hidden: {at}"
        if at["id"] == "hand-in":
            assert done == set(fields), set(fields) - done
            return
        if at["name"] not in fields or (at["name"] in done and at["type"] == "radio"):
            continue
        done.add(at["name"])
        value = fields[at["name"]]
        if isinstance(value, list):
            value = value.pop(0)
        if at["type"] == "checkbox":
            if at["value"] in value:
                page.keyboard.press("Space")
        elif at["type"] == "radio":
            page.keyboard.press("Space")
            while page.evaluate(FOCUSED)["value"] != value:
                page.keyboard.press("ArrowDown")
        elif at["tag"] == "SELECT":
            for _down in range(at["options"].index(value)):
                page.keyboard.press("ArrowDown")
        else:
            page.keyboard.insert_text(value)
    raise AssertionError("the button that hands in is not reached")


def walk_back(page) -> None:
    """Up again to the first question: what has the focus is never under what sticks to the top."""
    for _step in range(300):
        page.keyboard.press("Shift+Tab")
        at = settled(page)
        assert at["isSeen"], f"what has the focus is hidden: {at}"
        if at["type"] == "radio" and page.evaluate("document.activeElement.closest('#q-1') !== null"):
            return
    raise AssertionError("the first question is not reached")


def all_saved(page, count):
    from playwright.sync_api import expect

    expect(page.locator(".quiz-state[data-state=saved]")).to_have_count(count)


def test_every_kind_is_answered_by_keyboard_alone_on_a_phone(cast, attempt, open_page, enter, live_server):
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    answer_by_keyboard(page, wanted(attempt))
    walk_back(page)
    all_saved(page, len(BANK))
    assert page.inner_text("#answered") == str(len(BANK))
    latest = {item.kind: latest.response for item in attempt.items.all() if (latest := Answer.objects.latest_of(attempt.pk).get(item.pk))}
    assert latest == {item.kind: attempts.right_response(item) for item in attempt.items.all()}

    page.reload()
    all_saved(page, len(BANK))
    assert page.inner_text("#answered") == str(len(BANK))
    page.focus("#hand-in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/submit/")
    page.focus("main form button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/result/")
    marks = {mark.item.kind: mark for mark in ItemMark.objects.select_related("item")}
    assert {kind: mark.fraction for kind, mark in marks.items()} == {kind: None if kind == "essay" else 1 for kind in BANK}
    assert marks["case"].picked == ["1:B", "2:1:本机关政府信息公开工作机构负责人", "3:20"] and marks["cloze"].picked == ["1:B", "2:A"]
    assert "第 3 小题" in page.inner_text("main") and page.locator("main math").count() > 2


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["360", "1280"])
def test_axe_finds_nothing_on_any_kind_before_and_after(viewport, cast, attempt, open_page, enter, live_server):
    page = enter(open_page(viewport), cast.learner)
    found = []
    for path in (f"/attempts/{attempt.pk}/", f"/attempts/{attempt.pk}/result/"):
        if path.endswith("/result/"):
            for item in attempt.items.all():
                attempts.save(
                    attempt_id=attempt.pk,
                    person=cast.learner,
                    item_id=item.pk,
                    response=attempts.wrong_response(item),
                    token=f"w-{item.pk}",
                    at=clock.now(),
                )
            page.goto(f"{live_server.url}/attempts/{attempt.pk}/submit/")
            page.click("main form button")
        page.goto(f"{live_server.url}{path}")
        found += faults(page, path)
        assert page.evaluate("[...document.querySelectorAll('main img.quiz-image')].every((image) => image.loading === 'lazy')")
    assert found == []


def test_without_script_every_kind_is_saved_by_the_form(cast, attempt, open_page, enter, live_server):
    page = enter(open_page(PHONE, java_script_enabled=False), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    for name, value in wanted(attempt).items():
        field = page.locator(f"[name='{name}']")
        if isinstance(value, list):
            for index, text in enumerate(value):
                one = field.nth(index)
                one.select_option(text) if one.evaluate("f => f.tagName") == "SELECT" else one.fill(text)
        elif isinstance(value, set) or field.first.get_attribute("type") == "radio":
            for token in value if isinstance(value, set) else {value}:
                page.check(f"[name='{name}'][value='{token}']")
        elif field.evaluate("f => f.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    page.click("#save-all")
    latest = Answer.objects.latest_of(attempt.pk)
    assert {item.pk: latest[item.pk].response for item in attempt.items.all()} == {
        item.pk: attempts.right_response(item) for item in attempt.items.all()
    }


def test_an_essay_grows_counts_and_keeps_its_lines(cast, attempt, open_page, enter, live_server):
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    item = attempt.items.get(kind="essay")
    area = page.locator(f"textarea[name='r-{item.pk}']")
    before = area.bounding_box()["height"]
    area.fill("第一\n" * 14 + "😀")
    assert area.bounding_box()["height"] > before and page.inner_text(f"#r-{item.pk}-count [data-count]") == "43"
    area.press("Tab")
    page.wait_for_selector(f"fieldset[data-item='{item.pk}'] .quiz-state[data-state='saved']")
    assert Answer.objects.latest_of(attempt.pk)[item.pk].response == "第一\n" * 14 + "😀"


def test_an_ordering_with_a_place_given_twice_is_saved_and_says_what_is_open(cast, attempt, open_page, enter, live_server):
    from playwright.sync_api import expect

    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    item = attempt.items.get(kind="order")
    box = page.locator(f"fieldset[data-item='{item.pk}']")
    state, places = box.locator(".quiz-state"), box.locator("select")
    places.nth(0).select_option("1")
    expect(state).to_contain_text("已保存")
    expect(state).to_contain_text("尚未答完")
    for nth in range(1, places.count()):
        places.nth(nth).select_option("1")
    expect(state).to_contain_text("有两行的位次相同")
    assert page.inner_text("#answered") == "0"
    page.reload()
    expect(state).to_contain_text("有两行的位次相同")
    for nth in range(places.count()):
        box.locator("li").nth(0).locator(".quiz-move").nth(1).click()
    expect(state).to_have_text(re.compile(r"^已保存 ✓ #\d+$"))


def test_two_orderings_in_one_case_do_not_take_places_from_each_other(cast, exam, open_page, enter, live_server):
    from playwright.sync_api import expect

    orders = [{"kind": "order", "stem": stem, "content": {"items": ["丙", "甲", "乙"]}, "points": "1"} for stem in ("先后？", "轻重？")]
    Question.objects.filter(kind="case").update(content={"parts": orders}, key=[["甲", "乙", "丙"]] * 2)
    attempt = attempts.start(person=cast.learner, quiz=exam, at=clock.now())
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    box = page.locator(f"fieldset[data-item='{attempt.items.get(kind='case').pk}']")
    state, first, second = box.locator(".quiz-state"), *[box.locator(".quiz-part").nth(part).locator("select") for part in (0, 1)]
    for places in (first, second):
        places.nth(0).select_option("1")
    expect(state).to_contain_text("尚未答完")
    assert "有两行的位次相同" not in state.inner_text()
    second.nth(1).select_option("1")
    expect(state).to_contain_text("有两行的位次相同")


def test_the_material_of_a_case_stays_within_reach(cast, attempt, open_page, enter, live_server):
    page = enter(open_page(PHONE), cast.learner)
    page.goto(f"{live_server.url}/attempts/{attempt.pk}/")
    item = attempt.items.get(kind="case")
    box = f"fieldset[data-item='{item.pk}']"
    page.locator(f"{box} .quiz-part >> nth=2").locator("input").focus()
    assert settled(page)["isSeen"]
    top = page.locator(f"{box} .quiz-material summary").bounding_box()["y"]
    assert 0 <= top < PHONE["height"] / 3  # still on the screen, at its top
    page.click(f"{box} .quiz-material summary")
    assert page.locator(f"{box} .quiz-material-text").is_hidden()
    assert Attempt.objects.count() == 1


def test_a_trainer_adds_an_image_and_sees_it_in_the_preview(cast, exam, open_page, enter, live_server):
    catalogues.sync_members(county=cast.county)
    page = enter(open_page(DESK), cast.trainer)
    question = Question.objects.get(kind="judge")
    page.goto(f"{live_server.url}/admin/questions/edit/{question.pk}/")
    page.set_input_files("#image-file", {"name": "a.png", "mimeType": "image/png", "buffer": picture(colour="red", size=(300, 100))})
    page.click("#image-add")
    page.wait_for_selector("#image-said:has-text('用文字说明')")
    page.fill("#image-alt", "红色的图")
    page.click("#image-add")
    page.wait_for_selector("#image-said:has-text('已放入')")
    assert page.input_value("[name=stem]").startswith("题![红色的图](image:") and page.input_value("#image-alt") == ""

    with page.context.expect_page() as opened:
        page.click("button[formaction$='/preview/']")
    preview = opened.value
    preview.wait_for_selector("img[alt='红色的图']")
    until(preview, "() => document.querySelector('img[alt=红色的图]').naturalWidth === 300")
    preview.close()
    page.click("button[name=action-save], footer button[type=submit], button:has-text('保存')")
    page.wait_for_url("**/admin/questions/**")
    assert "红色的图" in Question.objects.get(pk=question.pk).stem
