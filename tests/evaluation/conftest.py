import pytest

from tests.evaluation import rows
from tests.evaluation.receiving import hook, inside, receiver

__all__ = ["hook", "inside", "receiver"]


@pytest.fixture
def policy(cast):
    return rows.policy()


@pytest.fixture
def course(cast, policy):
    """A required course of the county for working staff."""
    return rows.course(cast.county, "P01", title="政务公开基础", required=["staff"])
