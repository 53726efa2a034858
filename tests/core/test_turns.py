"""Turns: one process at a time, and a dead one holds nothing."""

import threading
import time

import pytest
from django.db import connection

from core import turns


def elsewhere(act):
    """What the act gives in a thread with a connection of its own."""
    found = []

    def run():
        try:
            found.append(act())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return found[0]


def taken(name: str) -> bool:
    with turns.alone(name) as is_ours:
        return not is_ours


@pytest.mark.django_db(transaction=True)
def test_a_turn_is_taken_once_and_given_back():
    with turns.alone("a") as is_ours:
        assert is_ours
        assert elsewhere(lambda: taken("a")) and not elsewhere(lambda: taken("b"))
    assert not elsewhere(lambda: taken("a"))


@pytest.mark.django_db(transaction=True)
def test_a_turn_whose_work_fails_is_given_back():
    with pytest.raises(ZeroDivisionError), turns.alone("a"):
        raise ZeroDivisionError
    assert not elsewhere(lambda: taken("a"))


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_turn_ends_with_its_connection():
    if connection.vendor != "postgresql":
        pytest.skip("needs PostgreSQL")

    def die():
        turn = turns.alone("a")
        assert turn.__enter__()
        connection.close()  # as a killed process leaves it

    elsewhere(die)
    for _try in range(50):  # the server ends what a closed connection held in a moment of its own
        if not elsewhere(lambda: taken("a")):
            return
        time.sleep(0.1)
    pytest.fail("what a dead connection held is still taken")
