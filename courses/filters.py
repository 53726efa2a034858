"""What the filters of Wagtail's lists offer: people and workflows of one's own counties alone, like the rows that they narrow."""

from django.db.models import Q, QuerySet
from django.forms import Form, ModelChoiceField
from wagtail.admin.filters import WagtailFilterSet
from wagtail.models import Task, Workflow

from courses.permissions import catalogues_of
from people.models import Person
from people.permissions import grants_of


def offered(choices: QuerySet, user) -> QuerySet:
    """Those of these choices that belong to a county on whose catalogue the user works, or holds a role; what is neither people nor workflows stays.

    So do workflows of a kind of thing: all counties have them in common.
    """
    if user.is_superuser or choices.model not in (Person, Workflow, Task):
        return choices
    catalogues = [catalogue.pk for catalogue in catalogues_of(user)]
    if choices.model is Workflow:
        return choices.filter(Q(workflow_pages__page__in=catalogues) | Q(workflow_content_types__isnull=False)).distinct()
    if choices.model is Task:
        bound = Q(workflow_tasks__workflow__workflow_pages__page__in=catalogues)
        return choices.filter(bound | Q(workflow_tasks__workflow__workflow_content_types__isnull=False)).distinct()
    inside = Q(pk=user.pk)
    for path in {catalogue.county.path for catalogue in catalogues_of(user)} | {grant.unit.county_path for grant in grants_of(user)}:
        inside |= Q(unit__path__startswith=path)
    return choices.filter(inside)


def narrow() -> None:
    """Have every filter of Wagtail's admin offer `offered`. Wagtail has no hook for it: it names each user of the site that ever wrote."""
    whole = WagtailFilterSet.form

    def form(self) -> Form:
        made = whole.fget(self)
        if self.request is not None and not hasattr(self, "_is_narrowed"):
            self._is_narrowed = True
            for field in made.fields.values():
                if isinstance(field, ModelChoiceField) and field.queryset is not None:
                    field.queryset = offered(field.queryset, self.request.user)
        return made

    WagtailFilterSet.form = property(form)
