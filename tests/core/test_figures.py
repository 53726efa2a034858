"""Figures read the same wherever they stand."""

from decimal import Decimal

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from core import figures


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("91.6666", "91.66"),
        ("91.60", "91.6"),
        ("80.00", "80"),
        ("100", "100"),
        ("99.999", "99.99"),
        ("0.00", "0"),
        ("-1.50", "-1.5"),
        (7, "7"),
    ],
)
def test_a_figure_is_cut_to_two_places_without_idle_zeros(value, words):
    assert figures.figure(Decimal(value)) == words
    assert figures.percent(Decimal(value)) == f"{words}%"


@given(st.decimals(min_value=-1000, max_value=1000, places=4))
def test_a_figure_never_reads_more_than_it_is(value):
    read = Decimal(figures.figure(value))
    assert abs(read) <= abs(value) and abs(read - value) < Decimal("0.01")


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_share_reads_one_hundred_only_when_nothing_is_missing(part, whole):
    share = figures.share(part, whole)
    assert share is not None and (share >= 100) == (part >= whole)


def test_there_is_no_share_of_nothing():
    assert figures.share(0, 0) is None


def test_templates_show_a_dash_where_there_is_no_share():
    page = Template("{% load look %}{{ none|percent }} {{ share|percent }} {{ score|figure }}{{ none|figure }}")
    assert page.render(Context({"none": None, "share": 91, "score": Decimal("91.666")})) == "— 91% 91.66"


def test_a_score_reads_the_same_on_every_page(cast, sign_in):
    from certificates import services as certificates
    from certificates.models import Certificate
    from tests.factories import complete, make_course

    certificates.ensure_kinds(cast.county)
    complete(cast.learner, make_course(cast.county, quiz_key="p01-final", certificate="training"), score=Decimal("91.66"))
    number = Certificate.objects.get().number
    learner = sign_in(cast.learner)
    for address in ("/my/file/", "/my/", f"/verify/{number}/", f"/certificates/{number}/"):
        page = learner.get(address).text
        assert "91.66" in page and "91.7" not in page and "91.67" not in page, address
    assert "91.66" in sign_in(cast.hr).get("/records/").text
