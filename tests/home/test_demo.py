"""The demo's words."""

import re
from pathlib import Path

import pytest

from home.demo import exams, load
from quizzes.services import quizzes, readiness
from tests.cast import NOON

COURSES = [*sorted((load.HERE / "courses").glob("*.yaml")), load.HERE / "exam.yaml"]
SAID_TWICE = re.compile(r"([^\W_]{4,})[，；]\1[，；。]")


@pytest.mark.parametrize("path", COURSES, ids=[path.stem for path in COURSES])
def test_no_course_says_a_phrase_twice_in_a_row(path: Path):
    assert [found[0] for found in SAID_TWICE.finditer(path.read_text())] == []


def test_a_course_of_the_demo_asks_for_its_yearly_exam(cast):
    for _time in range(2):
        load.load_exam_course(cast.county, at=NOON)

    exam = exams.ensure_exam(cast.county, at=NOON)
    course = quizzes.asking(exam).get()
    assert exam.is_exam and course.current.pass_rule == "quiz" and course.current.certificate == "training"
    assert readiness.earns_nothing(exam) == ""


def test_the_templates_of_the_demo_are_published_once_and_can_be_printed(cast, settings):
    from certificates import preview, services
    from certificates.models import CertificateKind, TemplateVersion
    from home.demo.certificates import LOOKS, load_looks
    from tests.cast import NOON

    services.ensure_kinds(cast.county)
    load_looks(cast.county, at=NOON)
    load_looks(cast.county, at=NOON)
    versions = TemplateVersion.objects.select_related("kind__county")
    assert sorted(version.kind.key for version in versions) == sorted(LOOKS) and {version.at for version in versions} == {NOON}
    for version in versions:
        assert preview.picture(version.content, version.kind, "lines", at=NOON).startswith(b"\x89PNG")
    assert not CertificateKind.objects.filter(has_unpublished_changes=True).exists()
