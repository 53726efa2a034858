"""What waits for somebody: answers to mark, re-markings and changes of certificates to decide. Nothing for who has no such role."""

from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import ngettext

from certificates.models import Proposal
from people.models import Person, Role
from people.permissions import has_role, paths_of
from quizzes.models import Remark
from quizzes.permissions import is_author
from quizzes.services import ratings


@dataclass(frozen=True)
class Work:
    words: str
    url: str


def for_person(person: Person) -> list[Work]:
    """No query for learners, three at most for others."""
    found = []
    if is_author(person) and (answers := ratings.waiting(person).count()):
        words = ngettext("%(count)d answer waits to be marked", "%(count)d answers wait to be marked", answers) % {"count": answers}
        found.append(Work(words, reverse("marking")))
    if has_role(person, Role.HR, Role.REVIEWER):
        open_ones = Remark.objects.filter(decision__isnull=True).exclude(by=person)
        if not person.is_superuser:
            open_ones = open_ones.filter(question__county__path__in=paths_of(person, (Role.HR, Role.REVIEWER)))
        if remarks := open_ones.count():
            words = ngettext("%(count)d re-marking waits for a decision", "%(count)d re-markings wait for a decision", remarks)
            found.append(Work(words % {"count": remarks}, reverse("remark_list")))
    if has_role(person, Role.HR) and (proposals := Proposal.objects.waiting_for(person).count()):
        words = ngettext(
            "%(count)d certificate waits for your confirmation", "%(count)d certificates wait for your confirmation", proposals
        )
        found.append(Work(words % {"count": proposals}, reverse("certificate_proposals")))
    return found
