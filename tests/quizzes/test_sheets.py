"""Answer sheets that bear a name, and the code by which entry of marks knows whose sheet it is."""

import subprocess

import pytest
from django.urls import reverse
from wagtail.models import ModelLogEntry

from core import clock
from core.errors import Refused
from people.models import ReadingOfOthers
from quizzes.models import Attempt, Candidate, Marking
from quizzes.services import sheets
from tests.cast import EVERYBODY
from tests.quizzes.test_paper_marks_doors import RIGHT, address, sitting  # noqa: F401
from tests.quizzes.test_papers import exam  # noqa: F401


@pytest.fixture
def listed(sitting, cast):  # noqa: F811
    """The learner on seat 07 of 一号考场, the colleague on 08, the liaison without a place."""
    Candidate.objects.create(sitting=sitting, person=cast.colleague, room="一号考场", seat="08")
    Candidate.objects.create(sitting=sitting, person=cast.liaison)
    return sitting


def pages(data: bytes, tmp_path) -> list[str]:
    file = tmp_path / "sheets.pdf"
    file.write_bytes(data)
    text = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True, text=True).stdout
    return ["".join(page.split()) for page in text.split("\f") if page.strip()]


def codes(sitting, person) -> dict[str, str]:  # noqa: F811
    return {paper.label: sheets.code_of(sitting, person.pk, paper) for paper in sitting.papers.all()}


def test_each_candidate_gets_a_sheet_in_the_order_of_the_list(listed, cast, tmp_path):
    found = pages(sheets.pdf(sitting=listed, by=cast.hr, at=clock.now()), tmp_path)

    assert len(found) == 3
    for page, person, place in zip(found, (cast.liaison, cast.learner, cast.colleague), ("", "07", "08"), strict=True):
        assert person.name in page and person.employee_number in page and place in page
        assert ("一号考场" in page) == bool(place) and "第1页，共1页" in page
        label = "A" if "答题纸（试卷A）" in page else "B"
        assert codes(listed, person)[label] in page
        assert not any(other.name in page for other in (cast.liaison, cast.learner, cast.colleague) if other != person)
    assert ("试卷A" in found[1] and "试卷B" in found[2]) or ("试卷B" in found[1] and "试卷A" in found[2]), "neighbours get different papers"
    assert "问题" not in "".join(found) and "判断0" not in "".join(found)


def test_one_room_or_blank_sheets_are_printed_alone(listed, cast, tmp_path):
    room = pages(sheets.pdf(sitting=listed, by=cast.hr, at=clock.now(), room="一号考场"), tmp_path)
    blank = pages(sheets.pdf(sitting=listed, by=cast.hr, at=clock.now(), blank=True), tmp_path)

    assert len(room) == 2 and cast.liaison.name not in "".join(room)
    assert len(blank) == 2 and "试卷A" in blank[0] and "试卷B" in blank[1] and "答题纸码" not in "".join(blank)


def test_a_room_gets_the_same_papers_alone_as_with_all(listed, cast, tmp_path):
    whole = pages(sheets.pdf(sitting=listed, by=cast.hr, at=clock.now()), tmp_path)
    assert pages(sheets.pdf(sitting=listed, by=cast.hr, at=clock.now(), room="一号考场"), tmp_path) == whole[1:]


def refused(call, **arguments) -> str:
    with pytest.raises(Refused) as error:
        call(**arguments)
    return error.value.code


def test_without_sealed_papers_or_people_nothing_is_printed(listed, cast):
    facts = {"sitting": listed, "by": cast.hr, "at": clock.now()}
    assert refused(sheets.pdf, **facts, room="九号考场") == "nobody"
    item = listed.papers.first().items.first()
    item.points += 1
    item.save()
    assert refused(sheets.pdf, **facts) == "not_sealed"
    listed.papers.clear()
    assert refused(sheets.pdf, **facts) == "no_papers"


def test_many_candidates_cost_no_more_queries_than_few(listed, cast, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        sheets.pdf(sitting=listed, by=cast.hr, at=clock.now())
    for person in (cast.own_leader, cast.other_leader, cast.auditor):
        Candidate.objects.create(sitting=listed, person=person)
    with django_assert_max_num_queries(12):
        sheets.pdf(sitting=listed, by=cast.hr, at=clock.now())


@pytest.mark.parametrize("who", EVERYBODY)
def test_those_who_organise_the_sitting_print_its_sheets_with_a_trace(sign_in, cast, listed, who):
    client, door = sign_in(getattr(cast, who)), reverse("sitting_sheets", args=[listed.pk])
    reply = client.get(door)
    if who in {"hr", "admin"}:
        assert reply["Content-Type"] == "application/pdf" and b"".join(reply.streaming_content).startswith(b"%PDF")
        assert ModelLogEntry.objects.get(action="quizzes.sheets_printed").data["sheets"] == 3
        assert ReadingOfOthers.objects.get(what="answer sheets").kind == "export"
        assert door in client.get(reverse("sitting_candidates", args=[listed.pk])).text
    else:
        assert reply.status_code == 404 and not ModelLogEntry.objects.filter(action="quizzes.sheets_printed").exists()


def test_the_right_code_lets_the_marks_in_however_it_is_typed(sign_in, cast, sitting, address):  # noqa: F811
    code = f" {codes(sitting, cast.learner)['A'].lower().replace('-', ' ')} "
    reply = sign_in(cast.hr).post(address, RIGHT | {"paper": sitting.papers.get(label="A").pk, "code": code})
    assert reply.status_code == 302 and Marking.objects.count() == 1


def test_a_sheet_of_another_person_or_paper_is_noticed_before_marks_are_entered(sign_in, cast, sitting, address):  # noqa: F811
    hr, paper = sign_in(cast.hr), sitting.papers.get(label="A")
    for code, told in (
        (codes(sitting, cast.colleague)["A"], "不是张小明的答题纸码"),
        ("无效", "不是张小明的答题纸码"),
        (codes(sitting, cast.learner)["B"], "试卷B"),
    ):
        page = hr.post(address, RIGHT | {"paper": paper.pk, "code": code})
        assert page.status_code == 422 and told in page.text and not Attempt.objects.exists()


def test_codes_that_were_printed_before_the_secret_changed_still_hold(sitting, cast, settings):  # noqa: F811
    paper = sitting.papers.get(label="A")
    code = sheets.code_of(sitting, cast.learner.pk, paper)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another" * 8
    assert sheets.code_of(sitting, cast.learner.pk, paper) != code
    sheets.require_code(code, sitting=sitting, person=cast.learner, paper=paper)


def test_seats_are_in_the_order_of_their_numbers(listed, cast):
    for person, seat in ((cast.learner, "10"), (cast.colleague, "2")):
        listed.candidates.filter(person=person).update(seat=seat)
    listed.candidates.filter(person=cast.liaison).update(room="一号考场", seat="1")
    order = [row.seat for row in listed.candidates.order_by(*Candidate.IN_ROOMS)]
    assert order == ["1", "2", "10"]
