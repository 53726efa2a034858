"""Who writes where in Wagtail: below the catalogues that one's groups reach."""

from django.db.models import Q, QuerySet
from wagtail.models import Page
from wagtail.permission_policies.pages import PagePermissionPolicy

from courses.models import CataloguePage, Course

ACTIONS = {"add", "change", "publish"}


def own_catalogues(user) -> QuerySet:
    """The catalogues below which the user may write or publish."""
    reachable = PagePermissionPolicy().instances_user_has_any_permission_for(user, ACTIONS)
    return CataloguePage.objects.filter(pk__in=reachable.values("pk")).select_related("county").order_by("path")


def catalogues_of(user) -> list[CataloguePage]:
    """The same, read once and kept on the instance for the request: the admin's menu asks on every page."""
    if not hasattr(user, "_own_catalogues"):
        user._own_catalogues = list(own_catalogues(user))
    return user._own_catalogues


def within_own_catalogues(pages: QuerySet, user) -> QuerySet:
    """Pages that a chooser may offer: those in one's own catalogues, and the way down to them."""
    if user.is_superuser:
        return pages
    condition = Q(pk__in=[])
    for catalogue in catalogues_of(user):
        condition |= Q(path__startswith=catalogue.path)
        condition |= Q(pk__in=Page.objects.ancestor_of(catalogue).values("pk"))
    return pages.filter(condition)


def own_courses(user) -> QuerySet:
    """The courses whose statistics a trainer or reviewer may read: those of the counties they write for."""
    return Course.objects.filter(county__in=own_catalogues(user).values("county"))
