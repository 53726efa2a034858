"""The auditor's log says in words who read what of whom."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import strip_tags

from certificates.models import CertificateKind
from people import reading_words
from people.models import ReadingOfOthers
from people.services import postings, readings
from tests.cast import NOON, grant, person
from tests.evaluation.exporting import take


def plain(page) -> str:
    """The text of the page, blanks squeezed."""
    return " ".join(strip_tags(page.text).split())


def test_a_reading_stands_there_in_words(cast, sign_in):
    readings.record(
        reader=cast.hr,
        kind="read",
        what="completion records",
        unit=cast.bureau,
        rows=50,
        filters={
            "status": "completed",
            "unit": cast.bureau.code,
            "duty": "staff",
            "since": "2026-01-01",
            "q": "张",
            "found": 465,
            "page": 2,
        },
        at=NOON,
    )
    page = plain(sign_in(cast.auditor).get(reverse("audit_readings")))
    for words in (
        "郑人事（YA10008）",
        "查阅",
        "完成记录",
        "姚安县教育体育局",
        "状态：已完成",
        "单位：姚安县教育体育局",
        "职责：具体工作人员",
        "自：2026-01-01",
        "搜索：张",
        "共 465 条",
        "第 2 页",
        "本页 50 条",
        "2026-06-15 12:00:00",
    ):
        assert words in page, words
    assert "status=" not in page and "found" not in page and "532325-D03" not in page


def test_a_reading_of_one_person_names_the_person(cast, sign_in):
    readings.record(reader=cast.own_leader, kind="read", what="learning file", subject=cast.learner, unit=cast.section, rows=1, at=NOON)
    page = plain(sign_in(cast.auditor).get(reverse("audit_readings")))
    assert "张小明（YA10001）" in page and "1 条" in page


def test_what_nobody_has_named_is_shown_as_it_was_written(cast):
    assert reading_words.conditions({"colour": "<b>", "unit": "gone", "status": "odd"}, {}) == ["colour：<b>", "单位：gone", "状态：odd"]


def test_a_status_of_records_and_of_people_is_in_words():
    said = [reading_words.conditions({"status": status}, {}) for status in ("completed", "not_started", "on_leave")]
    assert said == [["状态：已完成"], ["状态：必修未开始"], ["状态：离岗（休假等）"]]


def test_every_door_that_is_read_here_has_its_words(cast, sign_in):
    """The doors of people and of records, opened for real: no English key is left on the auditor's page."""
    hr = sign_in(cast.hr)
    for address in (
        reverse("person_list") + "?q=张&duty=staff&status=on_duty&unit=" + cast.bureau.code,
        reverse("person", args=[cast.learner.pk]),
        reverse("records") + f"?status=not_started&unit={cast.bureau.pk}",
        reverse("records_unit", args=[cast.bureau.pk]) + "?only=behind",
        reverse("learning_file", args=[cast.learner.pk]),
        reverse("dashboard"),
        reverse("certificates_issued") + "?q=YA",
    ):
        assert hr.get(address).status_code == 200
    assert take(hr, "records").status_code == 200
    shown = sign_in(cast.auditor).get(reverse("audit_readings")).context["page"].object_list
    assert len(shown) == 8
    for each in shown:
        for phrase in each.conditions:
            label, value = phrase.split("：", 1)
            assert not label.isascii(), phrase
            assert not value.isascii() or value[:4].isdigit() or value == "YA", phrase


def test_the_names_of_units_take_one_query_for_a_whole_page(cast, sign_in, django_assert_max_num_queries):
    ReadingOfOthers.objects.bulk_create(
        ReadingOfOthers(reader=cast.hr, reader_unit=cast.hr.unit, kind="read", what="people", filters={"unit": unit.code}, at=NOON)
        for unit in [cast.county, cast.bureau, cast.section, cast.other_bureau] * 12
    )
    visitor = sign_in(cast.auditor)
    visitor.get(reverse("audit_readings"))
    with django_assert_max_num_queries(8):
        visitor.get(reverse("audit_readings"))


@pytest.mark.parametrize("wrong", [{"since": "gestern"}, {"reader": "\x00"}, {"kind": "all"}])
def test_a_filter_that_is_not_understood_shows_nothing(cast, sign_in, wrong):
    readings.record(reader=cast.hr, kind="read", what="person", subject=cast.learner, at=NOON)
    answer = sign_in(cast.auditor).get(reverse("audit_readings"), wrong)
    assert answer.status_code == 422 and "error-summary" in answer.text and "张小明" not in answer.text


def test_traces_stay_with_the_county_where_they_were_written(cast, sign_in):
    other_auditor = person("DY10009", "他审计", cast.other_county)
    grant(other_auditor, "auditor", cast.other_county)
    for what in ("certificates", "people"):
        readings.record(reader=cast.hr, kind="read", what=what, rows=3, at=NOON)
    readings.record(reader=cast.hr, kind="read", what="person", subject=cast.learner, at=NOON)
    for mover in (cast.hr, cast.learner):
        postings.post(person=mover, unit=cast.other_county, title="科员", duties=[], starts_on=NOON.date())

    def seen(auditor):
        return {each.what for each in sign_in(auditor).get(reverse("audit_readings")).context["page"].object_list}

    assert seen(cast.auditor) == {"certificates", "people", "person"}
    assert seen(other_auditor) == set()


def test_older_traces_get_the_units_of_their_day(cast):
    readings = ReadingOfOthers.objects
    then, later, nowhere = (
        readings.create(reader=reader, kind="read", what="people", subject=cast.learner, at=at)
        for reader, at in ((cast.hr, NOON - timedelta(days=9)), (cast.hr, NOON), (cast.auditor, NOON - timedelta(days=9999)))
    )
    office = cast.hr.unit
    for mover in (cast.hr, cast.learner):
        postings.post(person=mover, unit=cast.other_county, title="科员", duties=[], starts_on=NOON.date() - timedelta(days=1))
    import_module("people.migrations.0008_units_of_readings").note_units(Past, None)
    for each in (then, later, nowhere):
        each.refresh_from_db()
    assert [each.reader_unit for each in (then, later, nowhere)] == [office, cast.other_county, office]
    assert [each.unit for each in (then, later, nowhere)] == [cast.section, cast.other_county, cast.other_county]


class Past:
    """The models as a migration gets them: without the rules of facts."""

    @staticmethod
    def get_model(app, name):
        model = apps.get_model(app, name)
        return SimpleNamespace(objects=QuerySet(model))


def test_a_kind_of_certificate_stands_there_by_its_title(cast, sign_in):
    for county, title in ((cast.county, "政务公开基础能力证书"), (cast.other_county, "大姚证书")):
        CertificateKind.objects.create(county=county, key="basic", title=title, number_prefix="YA")
    for filters in ({"kind": "basic"}, {"kind": "gone"}):
        readings.record(reader=cast.hr, kind="read", what="higher certificates", filters=filters, at=NOON)
    page = plain(sign_in(cast.auditor).get(reverse("audit_readings")))
    assert "证书种类：政务公开基础能力证书" in page and "证书种类：gone" in page and "大姚" not in page
