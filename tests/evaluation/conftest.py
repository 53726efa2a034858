import pytest

from tests.cast import grant, person
from tests.evaluation import rows
from tests.evaluation.receiving import hook, inside, receiver

__all__ = ["hook", "inside", "receiver"]


@pytest.fixture
def policy(cast):
    return rows.policy()


@pytest.fixture
def second(cast):
    """HR of the county beside `cast.hr`: two stand behind what one proposes."""
    someone = person("YA30001", "第二位", cast.other_bureau)
    grant(someone, "hr", cast.county)
    return someone


@pytest.fixture
def course(cast, policy):
    """A required course of the county for working staff."""
    return rows.course(cast.county, "P01", title="政务公开基础", required=["staff"])
