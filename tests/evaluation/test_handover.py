"""Results are handed over once, answered row by row, and reconciled until nothing is left unexplained."""

import base64
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from core.errors import Refused, RefusedRows
from core.models import FactChanged
from evaluation.models import HandOver, Period, PeriodStep, PersonLine, Receiver, ReplyRow, Settlement
from evaluation.periods import handover, lines
from people.models import ApiToken, ReadingOfOthers
from people.services import tokens
from tests.cast import EVERYBODY, NOON
from tests.certificates.conftest import keys, private
from tests.evaluation import frozen as by_hand
from tests.quizzes.test_races import together

__all__ = ["keys", "private"]
pytestmark = pytest.mark.usefixtures("private", "keys")
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
LATER = NOON + timedelta(days=40)


def signed(document: bytes, key=KEY) -> str:
    return base64.b64encode(key.sign(document)).decode()


def answer(given: HandOver, **verdicts: str) -> bytes:
    """YA10001="accepted", or a reason for refusing; bureau= for the unit's row."""
    rows = []
    for name, said in verdicts.items():
        key = f"U:{given.period.county.code}-D03" if name == "bureau" else f"P:{name}"
        rows.append({"key": key, "verdict": "accepted"} if said == "accepted" else {"key": key, "verdict": "refused", "reason": said})
    return json.dumps({"hand_over": given.name, "package": given.package_sha256, "rows": rows}).encode()


@pytest.fixture
def frozen(cast):
    return by_hand.frozen(cast)


@pytest.fixture
def receiver(cast, frozen):
    return handover.add_receiver(period=frozen.period, name="县考评办", public_key=PUBLIC, by=cast.hr, at=NOON)


@pytest.fixture
def given(cast, frozen, receiver):
    return handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=NOON)


@pytest.fixture
def receive(cast, given):
    def go(document, *, to=given, key=KEY):
        return handover.receive(hand_over=to, document=document, signature=signed(document, key), by=cast.hr, at=NOON)

    return go


def fresh(period: Period) -> Period:
    return Period.objects.get(pk=period.pk)


def left(given: HandOver) -> int:
    return handover.reconciliation(fresh(given.period)).open


# Giving


def test_handing_over_is_a_step_of_the_period_and_doing_it_again_changes_nothing(cast, given, frozen, receiver):
    assert (given.name, given.rows, len(given.package_sha256)) == ("532325-2026-1", 3, 64)
    assert fresh(given.period).state == "handed_over"
    again = handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=LATER)
    assert again == given and HandOver.objects.count() == 1 and PeriodStep.objects.filter(state="handed_over").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite writes one after the other")
def test_two_officers_who_hand_over_at_once_make_one_hand_over(cast, frozen, receiver):
    made = together(*[lambda: handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=NOON)] * 3)
    assert len({one.pk for one in made}) == 1
    assert HandOver.objects.count() == 1 and PeriodStep.objects.filter(state="handed_over").count() == 1


def test_nothing_but_what_is_frozen_is_handed_over(cast, frozen, receiver):
    earlier = by_hand.calculation(frozen.period, cast, purpose="publicity")
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=earlier, receiver=receiver, by=cast.hr, at=NOON)
    assert refusal.value.code == "not_frozen"
    by_hand.step(frozen.period, cast, Period.State.CUT_OFF)  # reopened
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=NOON)
    assert refusal.value.code == "not_frozen" and not HandOver.objects.exists()


@pytest.mark.parametrize("name", ["learner", "own_leader", "liaison", "admin", "auditor", "other_hr"])
def test_only_hr_of_the_county_hands_over_answers_and_settles(cast, frozen, receiver, name):
    someone = getattr(cast, name)
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=frozen, receiver=receiver, by=someone, at=NOON)
    assert refusal.value.code == "not_hr"
    with pytest.raises(Refused):
        handover.add_receiver(period=frozen.period, name="别处", public_key=PUBLIC, by=someone, at=NOON)
    with pytest.raises(Refused):
        handover.supplement(period=frozen.period, by=someone, at=NOON)


def test_another_key_is_another_receiver_and_the_old_one_is_given_nothing_more(cast, frozen, receiver):
    other = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    made = handover.add_receiver(period=frozen.period, name="县考评办", public_key=other, by=cast.hr, at=LATER)
    receiver.refresh_from_db()
    assert made != receiver and receiver.closed_at == LATER
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=LATER)
    assert refusal.value.code == "receiver"
    assert handover.add_receiver(period=frozen.period, name="县考评办", public_key=other, by=cast.hr, at=LATER) == made


def test_under_a_new_key_the_rows_are_given_anew_and_the_old_key_answers_nothing_more(cast, given, frozen, receive):
    receive(answer(given, YA10001="学时不符"))
    later = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    key = Ed25519PrivateKey.generate()
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    new = handover.add_receiver(period=frozen.period, name=given.receiver.name, public_key=public, by=cast.hr, at=LATER)
    with pytest.raises(Refused) as refusal:
        receive(answer(given, YA10002="accepted"))
    assert refusal.value.code == "key_replaced"

    anew = handover.hand_over(calculation=frozen, receiver=new, by=cast.hr, at=LATER)
    states = {row.key: row.state for row in handover.account(given).rows()}
    assert states["P:YA10001"] == "moved" and "unanswered" not in states.values()
    listed = handover.hand_over(calculation=later, receiver=new, by=cast.hr, at=LATER)
    for one in (anew, listed):
        rows = [{"key": row, "verdict": "accepted"} for row in lines.keys_of(one.calculation)]
        document = json.dumps(json.loads(answer(one)) | {"rows": rows}).encode()
        receive(document, to=one, key=key)
    assert handover.reconciliation(fresh(given.period)).open == 0


# Taking back


def anew(frozen, cast, name="新考评办") -> HandOver:
    key = base64.b64encode(Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    receiver = handover.add_receiver(period=frozen.period, name=name, public_key=key, by=cast.hr, at=LATER)
    return handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=LATER)


def test_rows_of_a_dissolved_office_are_explained_and_somebody_else_has_to_get_them(cast, given, frozen, receive, receiver):
    receive(answer(given, YA10001="accepted", YA10002="学时不符"))
    handover.take_back(hand_over=given, words="考评办已撤销", by=cast.hr, at=LATER)
    states = {row.key: row.state for row in handover.account(given).rows()}
    assert states == {"P:YA10001": "accepted", "P:YA10002": "refused", f"U:{frozen.period.county.code}-D03": "taken_back"}
    assert left(given) == 1 + 3  # the refusal, and the frozen rows that nobody has now
    handover.settle(row=ReplyRow.objects.get(key="P:YA10002"), words="已核对", by=cast.hr, at=LATER)
    assert left(given) == 3

    with pytest.raises(Refused) as refusal:
        receive(answer(given, bureau="accepted"))
    assert refusal.value.code == "taken_back"
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=LATER)
    assert refusal.value.code == "taken_back"
    assert anew(frozen, cast).rows == 3 == left(given)


def test_whoever_made_a_supplementary_list_does_not_hand_it_over(cast, sign_in, given, frozen, receiver):
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    desk = reverse("hand_over_desk", args=[frozen.period_id])
    door = reverse("hand_over_give", args=[frozen.period_id, receiver.pk, late.pk])
    maker = sign_in(late.by)
    page = maker.get(desk)
    assert "由另一位生成，须由另一位人事干部移交" in page.text and door not in page.text
    assert maker.get(door).url == desk and maker.post(door).url == desk
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=late, receiver=receiver, by=late.by, at=LATER)
    assert refusal.value.code == "second_officer" and HandOver.objects.count() == 1

    assert door in sign_in(cast.hr).get(desk).text
    assert sign_in(cast.hr).post(door).status_code == 302 and HandOver.objects.count() == 2
    assert handover.hand_over(calculation=late, receiver=receiver, by=late.by, at=LATER).by == cast.hr, "sent again by anybody, it stands"


def test_who_took_the_frozen_rows_and_was_dissolved_then_is_owed_no_later_list(cast, given, frozen, receive, receiver):
    receive(answer(given, YA10001="accepted", YA10002="accepted", bureau="accepted"))
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    assert left(given) == handover.reconciliation(fresh(given.period)).differing > 0
    listed = handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=LATER)
    handover.take_back(hand_over=listed, words="考评办已撤销", by=cast.hr, at=LATER)
    later = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="22.5", digest="c")
    assert left(given) == 0
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=later, receiver=receiver, by=cast.hr, at=LATER)
    assert refusal.value.code == "taken_back"
    assert handover.hand_over(calculation=frozen, receiver=receiver, by=cast.hr, at=LATER) == given


def test_who_took_a_list_and_left_frozen_rows_unanswered_is_owed_no_later_list(cast, given, frozen, receive, receiver):
    receive(answer(given, YA10001="accepted"))
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    listed = handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=LATER)
    rows = [{"key": row, "verdict": "accepted"} for row in lines.keys_of(late)]
    receive(json.dumps(json.loads(answer(listed)) | {"rows": rows}).encode(), to=listed)
    handover.take_back(hand_over=given, words="考评办已撤销", by=cast.hr, at=LATER)
    by_hand.calculation(frozen.period, cast, purpose="supplement", hours="22.5", digest="c")
    assert handover.reconciliation(fresh(given.period)).differing == 0


def test_a_hand_over_is_taken_back_once_with_words_by_hr_and_only_while_rows_wait(cast, given, receive, sign_in):
    for words, by, code in ((" ", cast.hr, "no_words"), ("撤销", cast.auditor, "not_hr"), ("撤销", cast.other_hr, "not_hr")):
        with pytest.raises(Refused) as refusal:
            handover.take_back(hand_over=given, words=words, by=by, at=LATER)
        assert refusal.value.code == code
    door = reverse("hand_over_take_back", args=[given.pk])
    client = sign_in(cast.hr)
    page = reverse("hand_over", args=[given.pk])
    assert door in client.get(page).text
    assert "请说明" in client.post(door, {"words": ""}, follow=True).text and left(given) == 3
    assert "已收回" in client.post(door, {"words": "送错单位"}, follow=True).text  # the badge on the desk
    told = client.get(page).text
    assert "送错单位" in told and door not in told and "录入回执" not in told
    with pytest.raises(Refused) as refusal:
        handover.take_back(hand_over=given, words="再一次", by=cast.hr, at=LATER)
    assert refusal.value.code == "not_open"
    assert sign_in(cast.learner).post(door, {"words": "x"}).status_code in {403, 404}


# Answers


def test_two_refused_rows_are_explained_and_the_rest_accepted_then_nothing_is_left(cast, given, receive):
    assert left(given) == 3
    receive(answer(given, YA10001="学时不符", bureau="缺年度任务数"))
    receive(answer(given, YA10002="accepted"))
    assert left(given) == 2
    for row in ReplyRow.objects.filter(verdict="refused"):
        handover.settle(row=row, words="与接收单位核对,原数无误", by=cast.hr, at=NOON)
    found = handover.reconciliation(fresh(given.period))
    assert (found.open, found.accounts[0].accepted, found.accounts[0].refused, found.accounts[0].settled) == (0, 1, 2, 2)


def test_an_older_answer_is_not_swallowed_when_it_is_given_back_later(given, receive):
    """Accepted, sent back, accepted with the same bytes: the row must not stay sent back without a word."""
    accepted, turned_down = answer(given, YA10001="accepted", bureau="accepted"), answer(given, YA10001="学时不符")
    first = receive(accepted)
    assert receive(accepted) == first
    receive(turned_down)
    with pytest.raises(Refused) as refusal:
        receive(accepted)
    assert refusal.value.code == "old_answer" and "加入日期或编号" in refusal.value.message
    dated = json.dumps(json.loads(accepted) | {"date": "2026-12-01"}).encode()
    assert receive(dated) != first and handover.account(given).accepted == 2


def test_an_earlier_answer_whose_rows_nobody_answered_anew_may_come_again(given, receive):
    first = receive(answer(given, YA10001="accepted"))
    receive(answer(given, YA10002="accepted"))
    assert receive(answer(given, YA10001="accepted")) == first


def test_the_same_answer_again_changes_nothing_and_a_newer_one_counts(given, receive):
    first = receive(answer(given, YA10001="学时不符"))
    assert receive(answer(given, YA10001="学时不符")) == first and ReplyRow.objects.count() == 1
    receive(answer(given, YA10001="accepted"))
    assert left(given) == 2
    receive(answer(given, YA10001="学时仍不符"))
    assert left(given) == 3


def test_a_foreign_signature_unknown_and_doubled_rows_leave_nothing_behind(given, receive):
    with pytest.raises(Refused) as refusal:
        receive(answer(given, YA10001="accepted"), key=Ed25519PrivateKey.generate())
    assert refusal.value.code == "signature"
    with pytest.raises(RefusedRows) as refusal:
        receive(answer(given, YA10001="accepted", DY10001="accepted"))
    assert [error.row for error in refusal.value.errors] == [2]
    assert not ReplyRow.objects.exists() and not given.replies.exists()


def test_an_explanation_answers_one_refusal_and_is_overtaken_by_a_new_one(cast, given, receive):
    receive(answer(given, YA10001="学时不符"))
    row = ReplyRow.objects.get()
    handover.settle(row=row, words="已核对", by=cast.hr, at=NOON)
    with pytest.raises(Refused) as refusal:
        handover.settle(row=row, words="再说一次", by=cast.hr, at=NOON)
    assert refusal.value.code == "not_open"
    assert left(given) == 2
    receive(answer(given, YA10001="仍不符"))
    assert left(given) == 3 and Settlement.objects.count() == 1


def test_answers_and_explanations_are_facts(given, receive):
    reply = receive(answer(given, YA10001="accepted"))
    for fact in (given, reply, reply.rows.get()):
        with pytest.raises(FactChanged):
            fact.save()
        with pytest.raises(FactChanged):
            fact.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReplyRow.objects.create(reply=reply, key="P:YA10002", verdict="refused", reason="")


# Later facts


def test_a_supplementary_list_holds_only_what_differs_and_its_acceptance_settles_the_refused_row(cast, frozen, given, receiver, receive):
    receive(answer(given, YA10001="学时不符", YA10002="accepted", bureau="accepted"))
    assert left(given) == 1
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    assert [(one.key, one.changes) for one in lines.differences_of(late)] == [("P:YA10001", [("hours", 20, 21.5)])]
    assert left(given) == 2
    list_given = handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=LATER)
    assert (list_given.name, list_given.rows) == ("532325-2026-2", 1)
    assert left(given) == 2  # the refused row, and the list's row that nobody has answered
    receive(answer(list_given, YA10001="accepted"), to=list_given)
    found = handover.reconciliation(fresh(given.period))
    assert found.open == 0 and found.accounts[0].accepted == 3


def test_a_second_list_also_takes_back_what_the_first_had_said(cast, frozen, given, receiver):
    first = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    handover.hand_over(calculation=first, receiver=receiver, by=cast.hr, at=LATER)
    second = by_hand.calculation(frozen.period, cast, purpose="supplement", total="8.75", digest="c")
    assert lines.keys_of(second) == {"P:YA10001", "U:532325-D03"}
    with pytest.raises(Refused):
        handover.hand_over(calculation=first, receiver=receiver, by=cast.learner, at=LATER)


def test_a_list_that_only_takes_back_what_the_first_had_said_leads_to_zero_by_the_pages(client, cast, frozen, given, receiver, receive):
    receive(answer(given, YA10001="accepted", YA10002="accepted", bureau="accepted"))
    first = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="24", total="8.75", digest="b")
    first_given = handover.hand_over(calculation=first, receiver=receiver, by=cast.hr, at=LATER)
    receive(answer(first_given, YA10001="accepted", bureau="accepted"), to=first_given)
    assert left(given) == 0
    second = by_hand.calculation(frozen.period, cast, purpose="supplement", digest="c")
    client.force_login(cast.hr)
    desk = reverse("hand_over_desk", args=[given.period_id])
    give = reverse("hand_over_give", args=[given.period_id, receiver.pk, second.pk])

    assert '<ul class="plain small"><li>' in client.get(reverse("supplement", args=[first.pk])).text  # below one another on a phone
    assert left(given) == 2 and "移交补充清单" in client.get(desk).text
    listed = client.get(reverse("supplement", args=[second.pk])).text
    assert [listed.count(words) for words in ("恢复为定案值", "P:YA10001", "U:532325-D03", cast.learner.name)] == [2, 1, 1, 1]
    assert "有 0 行与定案不同" in listed and "另有 2 行" in listed
    assert give in client.get(desk).text
    made = client.post(give)
    second_given = HandOver.objects.latest("pk")
    assert made.url == reverse("hand_over", args=[second_given.pk]) and second_given.rows == 2
    receive(answer(second_given, YA10001="accepted", bureau="accepted"), to=second_given)
    assert left(given) == 0 and "移交补充清单" not in client.get(desk).text


def test_a_list_names_who_was_only_on_an_earlier_one(cast, frozen, given, receiver):
    first = by_hand.calculation(frozen.period, cast, purpose="supplement", digest="b")
    come = PersonLine.objects.filter(calculation=first).values().first() | {"id": None, "person_id": cast.trainer.pk}
    PersonLine.objects.create(**come | {"employee_number": "YA10099", "person_name": "周讲"})
    handover.hand_over(calculation=first, receiver=receiver, by=cast.hr, at=LATER)
    second = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="c")
    found = lines.handed_rows(second, lines.in_order(lines.keys_of(second)))
    assert [(one.key, one.name, one.state) for one in found] == [("P:YA10001", "张小明", "changed"), ("P:YA10099", "周讲", "again")]


def test_reconciliation_always_says_what_it_was_compared_with(client, cast, frozen, given):
    client.force_login(cast.hr)
    desk = reverse("hand_over_desk", args=[given.period_id])
    assert "与截至 2026-06-16 12:00 已知的内容比对" in client.get(desk).text  # the freeze
    by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    assert "与截至 2026-06-17 12:00 已知的内容比对" in client.get(desk).text


def test_the_rows_of_a_hand_over_stand_units_first_as_programs_get_them(cast, given, receive):
    assert handover.account(given).keys() == ["U:532325-D03", "P:YA10001", "P:YA10002"] == handover.account(given).open_keys()
    receive(answer(given, YA10002="缺学时证明", bureau="总分有误"))
    account = handover.account(given)
    assert account.keys() == ["U:532325-D03", "P:YA10002", "P:YA10001"] == account.open_keys()
    receive(answer(given, YA10001="accepted", YA10002="accepted", bureau="accepted"))
    assert handover.account(given).keys() == ["U:532325-D03", "P:YA10001", "P:YA10002"]


def test_the_database_finds_the_same_differences_as_a_comparison_line_by_line(cast, frozen):
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", total="8.75", digest="b")
    come = PersonLine.objects.filter(calculation=late).values().first() | {"id": None, "person_id": cast.trainer.pk}
    PersonLine.objects.create(**come | {"employee_number": "YA10099", "target": None, "duties": []})
    once = by_hand.calculation(frozen.period, cast, purpose="supplement", digest="c")
    for before, after in ((frozen, late), (late, once), (frozen, once)):
        wanted = [one.key for one in lines.differences(lines.of(before), lines.of(after))]
        assert lines.differing(before, after) == wanted
    assert lines.differing(late, frozen) == ["U:532325-D03", "P:YA10001", "P:YA10099"]
    assert [one.state for one in lines.differences_of(late, ["P:YA10099"])] == ["added"]


def test_pages_of_the_hand_over_take_few_queries_and_compare_two_calculations_once(
    client, cast, frozen, given, receiver, receive, django_assert_max_num_queries
):
    receive(answer(given, YA10001="学时不符"))
    for number in range(3):  # three lists, each handed over and answered
        late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours=f"2{number}.5", digest=f"{number}")
        list_given = handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=LATER)
        receive(answer(list_given, YA10001="accepted"), to=list_given)
    client.force_login(cast.hr)
    pages = {
        reverse("hand_over_desk", args=[given.period_id]): 14,
        reverse("hand_over", args=[given.pk]): 15,
        reverse("supplement", args=[late.pk]): 12,
    }
    for page, most in pages.items():
        client.get(page)
        with django_assert_max_num_queries(most):
            client.get(page)


def test_a_list_is_given_only_to_whom_the_frozen_rows_were(cast, frozen, receiver):
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    with pytest.raises(Refused) as refusal:
        handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=LATER)
    assert refusal.value.code == "frozen_first"


def test_reconciliation_takes_the_same_queries_for_three_rows_and_for_thirty(cast, given, receive, django_assert_max_num_queries):
    receive(answer(given, YA10001="accepted", YA10002="学时不符"))
    with django_assert_max_num_queries(9):
        handover.reconciliation(fresh(given.period))


# Doors


OF_HR = ["hr", "auditor"]


@pytest.mark.parametrize("name", EVERYBODY)
def test_hr_and_the_auditor_of_the_county_open_the_pages_and_nobody_else(client, cast, given, receive, name):
    receive(answer(given, YA10001="学时不符"))
    late = by_hand.calculation(given.period, cast, purpose="supplement", hours="21.5", digest="b")
    client.force_login(getattr(cast, name))
    pages = [
        reverse("hand_over_desk", args=[given.period_id]),
        reverse("hand_over", args=[given.pk]),
        reverse("supplement", args=[late.pk]),
        reverse("refusal", args=[ReplyRow.objects.get().pk]),
    ]
    assert [client.get(page).status_code for page in pages] == [200 if name in OF_HR else 404] * len(pages)
    files = [reverse(door, args=[given.pk]) for door in ("hand_over_package", "hand_over_rows")]
    assert [client.post(file, {"purpose": "evaluation"}).status_code for file in files] == [200 if name in OF_HR else 404] * 2
    assert ReadingOfOthers.objects.exists() == (name in OF_HR)


@pytest.mark.parametrize("door", ["hand_over_package", "hand_over_rows"])
def test_what_was_handed_over_leaves_as_a_file_for_a_purpose_that_is_kept(client, cast, given, door):
    client.force_login(cast.hr)
    file = reverse(door, args=[given.pk])
    assert client.get(file).status_code == 405
    page = client.get(reverse("hand_over", args=[given.pk])).text
    assert '<select name="purpose"' in page and 'name="more"' in page
    for wrong in ({}, {"purpose": " "}, {"purpose": "x"}, {"purpose": "other", "more": " "}):
        asked = client.post(file, wrong, follow=True)
        assert "文件作何用途" in asked.content.decode() and not ReadingOfOthers.objects.filter(kind="export").exists()
    assert client.post(file, {"purpose": "evaluation", "more": "送县考评办"}).status_code == 200
    assert ReadingOfOthers.objects.get(kind="export").filters["purpose"] == "年度考评：送县考评办"


def test_only_a_row_that_was_sent_back_leads_to_its_refusal(client, cast, given, receive):
    document = json.loads(answer(given, YA10001="学时不符", YA10002="accepted"))
    document["rows"][1]["reason"] = "已核对"
    receive(json.dumps(document).encode())
    client.force_login(cast.hr)
    page = client.get(reverse("hand_over", args=[given.pk]), {"show": "all"}).text
    led = {row.key: reverse("refusal", args=[row.pk]) in page for row in ReplyRow.objects.all()}
    assert led == {"P:YA10001": True, "P:YA10002": False} and "已核对" in page


def test_the_auditor_looks_and_changes_nothing(client, cast, frozen, receiver):
    client.force_login(cast.auditor)
    page = client.get(reverse("hand_over_desk", args=[frozen.period_id])).content.decode()
    assert "<form" not in page.split("<main")[1].split("</main")[0]
    give = reverse("hand_over_give", args=[frozen.period_id, receiver.pk, frozen.pk])
    response = client.post(give, follow=True)
    assert client.get(give).status_code == 404 and not HandOver.objects.exists() and "只有" in response.content.decode()


def test_what_is_handed_over_to_whom_is_named_before_it_is_given(client, cast, frozen, receiver):
    client.force_login(cast.hr)
    give = reverse("hand_over_give", args=[frozen.period_id, receiver.pk, frozen.pk])
    desk = client.get(reverse("hand_over_desk", args=[frozen.period_id])).text
    assert give in desk and f'action="{give}"' not in desk
    asked = client.get(give).text
    assert all(words in asked for words in (receiver.name, PUBLIC, "定案", ">3<")) and not HandOver.objects.exists()
    client.post(give)
    assert client.get(give).url == reverse("hand_over", args=[HandOver.objects.get().pk])


def test_hr_goes_the_whole_way_by_the_pages(client, cast, frozen):
    client.force_login(cast.hr)
    desk = reverse("hand_over_desk", args=[frozen.period_id])
    refused = client.post(desk, {"name": "县考评办", "public_key": "x"})
    assert refused.status_code == 422 and "县考评办" in refused.content.decode()
    client.post(desk, {"name": "县考评办", "public_key": PUBLIC})
    receiver = Receiver.objects.get()
    give = reverse("hand_over_give", args=[frozen.period_id, receiver.pk, frozen.pk])
    given = client.post(give)
    made = HandOver.objects.get()
    assert given.url == reverse("hand_over", args=[made.pk])
    document = answer(made, YA10001="学时不符", YA10002="accepted", bureau="accepted")

    def send(signature):
        return client.post(given.url, {"document": SimpleUploadedFile("a.json", document), "signature": signature})

    wrong = send(signed(document, Ed25519PrivateKey.generate()))
    assert wrong.status_code == 422 and not ReplyRow.objects.exists()
    assert send(signed(document)).status_code == 302
    row = ReplyRow.objects.get(verdict="refused")
    page = reverse("refusal", args=[row.pk])
    assert client.post(page, {"words": " "}).status_code == 422
    client.post(page, {"words": "与登记册核对无误"})
    assert "0" in client.get(desk).content.decode() and left(made) == 0
    told = client.get(page).content.decode()
    assert "与登记册核对无误" in told and '<dd class="nums">期初在册</dd>' in told  # no code of a program


def test_the_receiver_answers_by_the_api_and_again_without_harm(client, cast, given):
    until = NOON + timedelta(days=365)
    _token, key = tokens.create(owner=cast.hr, name="考评办", scopes=[ApiToken.Scope.REPLIES], unit=cast.county, expires_at=until)
    document = answer(given, YA10001="accepted", YA10002="学时不符")

    def send(body=document, signature=None, name=given.name, token=key, asked=""):
        return client.post(
            f"/api/v1/hand-overs/{name}/replies{asked}",
            body,
            content_type="application/json",
            headers={"authorization": f"Bearer {token}", "x-signature": signature or signed(body)},
        )

    strange = send(asked="?dry_run=1")  # it would be taken for a trial, and is none
    assert strange.status_code == 422 and strange.json()["code"] == "parameters" and not ReplyRow.objects.exists()
    first, second = send(), send()
    assert first.status_code == 200 and first.json() == second.json()
    assert (first.json()["accepted"], first.json()["refused"], first.json()["open"]) == (1, 1, 2)
    unknown = send(answer(given, DY10001="accepted"))
    assert unknown.status_code == 422 and unknown.json()["errors"][0]["row"] == 1
    assert send(signature=signed(b"another")).json()["code"] == "signature"
    unsigned = client.post(
        f"/api/v1/hand-overs/{given.name}/replies", document, content_type="application/json", headers={"authorization": f"Bearer {key}"}
    ).json()
    assert unsigned["errors"] == [{"field": "X-Signature", "code": "missing", "detail": "此项必填，未提供。"}]
    assert send(name="532325-2026-9").status_code == 404
    _token, foreign = tokens.create(
        owner=cast.other_hr, name="别县", scopes=[ApiToken.Scope.REPLIES], unit=cast.other_county, expires_at=until
    )
    assert send(token=foreign).status_code == 404
    _token, narrow = tokens.create(owner=cast.hr, name="只读", scopes=[ApiToken.Scope.COMPLETIONS], unit=cast.county, expires_at=until)
    assert send(token=narrow).status_code == 403


def test_a_receiver_pulls_what_was_given_and_answers_it_by_the_api_alone(client, cast, given, frozen, receiver, receive):
    late = by_hand.calculation(frozen.period, cast, purpose="supplement", hours="21.5", digest="b")
    with connection.cursor() as cursor:  # who is not counted any more
        cursor.execute("DELETE FROM evaluation_personline WHERE calculation_id = %s AND employee_number = 'YA10002'", [late.pk])
    more = handover.hand_over(calculation=late, receiver=receiver, by=cast.hr, at=LATER)

    def token(owner, unit):
        until = NOON + timedelta(days=365)
        return tokens.create(owner=owner, name="考评办", scopes=[ApiToken.Scope.RESULTS], unit=unit, expires_at=until)[1]

    def pull(path, key, **wanted):
        return client.get(f"/api/v1/{path}", wanted, headers={"authorization": f"Bearer {key}"})

    key = token(cast.hr, cast.county)
    listed = pull("hand-overs", key).json()["items"]
    assert [(one["name"], one["package"], one["rows"], one["purpose"]) for one in listed] == [
        (given.name, given.package_sha256, 3, "freeze"),
        (more.name, more.package_sha256, more.rows, "supplement"),
    ]
    for one in (given, more):
        found, going = [], {}
        while going is not None:
            page = pull(f"hand-overs/{one.name}/rows", key, limit=1, **going).json()
            found += page["items"]
            going = {"cursor": page["next_cursor"]} if page["has_more"] else None
        assert {row["key"] for row in found} == lines.keys_of(one.calculation) and len(found) == one.rows
        held = lines.of_keys(one.calculation, lines.keys_of(one.calculation))
        assert all(row["columns"].keys() == held[row["key"]].columns.keys() for row in found if row["columns"])
        body = json.dumps(
            {"hand_over": one.name, "package": one.package_sha256, "rows": [{"key": row["key"], "verdict": "accepted"} for row in found]}
        ).encode()
        receive(body, to=one)
    hours = {row["key"]: row["columns"] and Decimal(row["columns"]["hours"]) for row in found if row["key"][0] == "P"}
    assert hours == {"P:YA10001": Decimal("21.5"), "P:YA10002": None}
    assert left(given) == 0 and ReadingOfOthers.objects.filter(kind="api", what="rows of a hand-over").exists()

    for narrow in (token(cast.hr, cast.bureau), token(cast.other_hr, cast.other_county)):
        assert pull("hand-overs", narrow).json()["items"] == []
        assert pull(f"hand-overs/{given.name}/rows", narrow).status_code == 404
    other = pull(f"hand-overs/{given.name}/rows", key, limit=1).json()["next_cursor"]
    assert pull(f"hand-overs/{more.name}/rows", key, cursor=other).json()["code"] == "cursor"
