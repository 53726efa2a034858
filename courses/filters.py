"""What the filters of Wagtail's lists offer: people and workflows of one's own counties alone, like the rows that they narrow."""

from django.db.models import Q, QuerySet
from django.forms import Form, ModelChoiceField
from wagtail.admin.filters import WagtailFilterSet
from wagtail.models import Task, Workflow

from courses.permissions import catalogues_of
from people.models import Person


def offered(choices: QuerySet, user) -> QuerySet:
    """Those of these choices that belong to a county whose catalogue the user works on; what is neither people nor workflows stays."""
    if user.is_superuser or choices.model not in (Person, Workflow, Task):
        return choices
    catalogues = [catalogue.pk for catalogue in catalogues_of(user)]
    if choices.model is Workflow:
        return choices.filter(workflow_pages__page__in=catalogues)
    if choices.model is Task:
        return choices.filter(workflow_tasks__workflow__workflow_pages__page__in=catalogues).distinct()
    inside = Q(pk=user.pk)
    for catalogue in catalogues_of(user):
        inside |= Q(unit__path__startswith=catalogue.county.path)
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
