import pytest

from courses import slots

QUIZ_TITLES = {"p01-final": "结业测试", "p01-second": "第二次测试"}


@pytest.fixture(autouse=True)
def quizzes_slot(monkeypatch):
    """Quizzes as this app sees them: keys and titles, no app above."""
    monkeypatch.setattr(slots.QUIZZES, "_choices", lambda county: list(QUIZ_TITLES.items()))
    monkeypatch.setattr(slots.QUIZZES, "_title", lambda key, county: QUIZ_TITLES.get(key))
