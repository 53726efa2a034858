"""Who works on the bank: trainers, reviewers and administrators, in their own county."""

from django.db.models import Q
from wagtail.permission_policies.base import BasePermissionPolicy

from people.models import Person, Role, Unit
from people.models.unit import within_paths
from people.permissions import has_role, paths_of
from quizzes.models.attempts import Attempt
from quizzes.models.bank import AUTHORS
from quizzes.models.sittings import ORGANISERS
from quizzes.services import lost_passes


def counties_of(user):
    """The counties whose bank the user works on."""
    if not user.is_authenticated:
        return Unit.objects.none()
    if user.is_superuser:
        return Unit.objects.counties()
    return Unit.objects.counties().filter(path__in={path[: Unit.steplen] for path in paths_of(user, AUTHORS)})


def counties_organised_by(user):
    """The counties whose exams the user sets up: HR and administrators of the whole county."""
    if not user.is_authenticated:
        return Unit.objects.none()
    if user.is_superuser:
        return Unit.objects.counties()
    return Unit.objects.counties().filter(path__in=paths_of(user, ORGANISERS))


def people_of_hr(user):
    """Those whom the user is HR for."""
    if user.is_superuser:
        return Person.objects.all()
    return Person.objects.filter(within_paths(paths_of(user, [Role.HR])))


def is_author(user) -> bool:
    return user.is_authenticated and has_role(user, *AUTHORS)


def holds_over(user, county: Unit, *roles: str) -> bool:
    """Whether one of these roles of the user reaches the whole county."""
    return user.is_authenticated and (user.is_superuser or county.path in paths_of(user, roles))


def names_markers(user, county: Unit) -> bool:
    """Whether they read who marked: markers are anonymous to each other, and to who oversees the bank."""
    return holds_over(user, county, Role.HR, Role.AUDITOR)


def may_take_pass(user, attempt: Attempt) -> bool:
    """Whether they are the HR who says that a pass may be lost: of the county whose quiz it is, unless it `counts_elsewhere`."""
    return holds_over(user, attempt.quiz.county, Role.HR) and not counts_elsewhere(attempt)


def counts_elsewhere(attempt: Attempt) -> bool:
    """Whether the course was completed with it in another county, by a guest or who moved there: HR there alone reverses that. Two queries."""
    done = lost_passes.hanging({attempt.enrolment_id}).get((attempt.enrolment_id, attempt.quiz.key))
    return lost_passes.lies_elsewhere(done, attempt)


class AuthorPolicy(BasePermissionPolicy):
    """Authors may add, change and view what belongs to their county. Nobody deletes: questions are put out of use."""

    ACTIONS = {"add", "change", "view"}

    def user_has_permission(self, user, action):
        return action in self.ACTIONS and is_author(user)

    def user_has_any_permission(self, user, actions):
        return bool(self.ACTIONS & set(actions)) and is_author(user)

    def user_has_permission_for_instance(self, user, action, instance):
        return self.user_has_any_permission_for_instance(user, [action], instance)

    def user_has_any_permission_for_instance(self, user, actions, instance):
        return self.user_has_any_permission(user, actions) and counties_of(user).filter(pk=instance.county_id).exists()

    def instances_user_has_any_permission_for(self, user, actions):
        return (
            self.model.objects.filter(county__in=counties_of(user))
            if self.user_has_any_permission(user, actions)
            else self.model.objects.none()
        )

    def users_with_any_permission(self, actions):
        if not self.ACTIONS & set(actions):
            return Person.objects.none()
        return Person.objects.filter(
            Q(is_superuser=True) | Q(role_grants__role__in=AUTHORS, role_grants__ends_on=None), is_active=True
        ).distinct()
