"""A county's shelf in Wagtail: its page, who may write and who may approve."""

from collections import defaultdict
from datetime import datetime
from functools import partial

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import slugify
from django.utils.translation import gettext as _
from wagtail.coreutils import get_supported_content_language_variant
from wagtail.documents import get_document_model
from wagtail.images import get_image_model
from wagtail.models import (
    Collection,
    CollectionViewRestriction,
    GroupCollectionPermission,
    GroupPagePermission,
    Locale,
    Page,
    Site,
    Workflow,
    WorkflowPage,
    WorkflowTask,
)

from core.reconcile import Gap
from courses.models import AuthorGroup, CataloguePage, CountyCollection, ReviewTask
from people.models import Person, Role, RoleGrant, Unit

# Reviewers publish by approving (courses.pages.ReviewedPermissions); "publish_page" lets them withdraw.
# Administrators keep the authoring side in order and may write; reviewing takes the role of a reviewer.
PAGE_RIGHTS = {
    Role.TRAINER: ("add_page", "change_page"),
    Role.REVIEWER: ("add_page", "change_page", "publish_page", "bulk_delete_page", "lock_page", "unlock_page"),
    Role.ADMINISTRATOR: ("add_page", "change_page", "lock_page", "unlock_page"),
}
FILE_RIGHTS = ("add", "change", "choose")


@transaction.atomic
def open_catalogue(*, county: Unit, by=None) -> CataloguePage:
    """The county's catalogue page with everything that writing below it needs; made once, completed when called again.

    Locks the county. Trainers and administrators of the county may write and submit, reviewers approve; a
    collection of its own keeps images and files inside the county and behind sign-in; the workflow
    sends what is submitted to the reviewers.
    """
    county = Unit.objects.select_for_update(no_key=True).get(pk=county.pk)
    catalogue = CataloguePage.objects.filter(county=county).first()
    if catalogue is None:
        catalogue = CataloguePage(
            title=_("Courses of %(county)s") % {"county": county.label}, slug=slugify(f"catalogue-{county.code}"), county=county
        )
        _shelf().add_child(instance=catalogue)
    collection = collection_of(county)
    groups = {role: _group(county, role) for role in PAGE_RIGHTS}
    for role, group in groups.items():
        _allow_pages(catalogue, group, PAGE_RIGHTS[role])
        _allow_admin(group)
        _allow_collection(collection, group)
    _review(county, catalogue, groups[Role.REVIEWER])
    sync_members(county=county)
    return catalogue


@transaction.atomic
def sync_members(*, county: Unit) -> None:
    """Make the members of the county's groups those who hold the roles there now. Three queries a role and the changes.

    Whoever may not sign in stays a member while holding the role: sign-in comes back without a word to this app.
    """
    for author_group in AuthorGroup.objects.filter(county=county).select_related("group"):
        group = author_group.group
        holders = set(_open_grants().filter(role=author_group.role, unit__path__startswith=county.path).values_list("person", flat=True))
        members = set(group.user_set.values_list("pk", flat=True))
        group.user_set.add(*(holders - members))
        group.user_set.remove(*(members - holders))


def _open_grants() -> QuerySet[RoleGrant]:
    return RoleGrant.objects.filter(role__in=PAGE_RIGHTS, ends_on=None)


def gaps(at: datetime) -> list[Gap]:
    """Catalogues opened before there was a group for each role of the authoring side, and groups whose members are not who holds the role. Four queries."""
    groups = list(AuthorGroup.objects.select_related("county").order_by("county__path"))
    standing = {(each.county_id, each.role) for each in groups}
    lacking = [
        page.county
        for page in CataloguePage.objects.select_related("county")
        if any((page.county_id, role) not in standing for role in PAGE_RIGHTS)
    ]
    holders: dict[tuple[str, str], set[int]] = defaultdict(set)
    for role, path, person in _open_grants().values_list("role", "unit__path", "person"):
        holders[(path[: Unit.steplen], role)].add(person)
    members: dict[int, set[int]] = defaultdict(set)
    for group, person in Person.groups.through.objects.filter(group__in=[each.group_id for each in groups]).values_list("group", "person"):
        members[group].add(person)
    astray = {each.county for each in groups if members[each.group_id] != holders[(each.county.path, each.role)]} - set(lacking)
    return [
        *(Gap(f"authoring of {county.code}", partial(open_catalogue, county=county)) for county in lacking),
        *(Gap(f"authors of {county.code}", partial(sync_members, county=county)) for county in sorted(astray, key=lambda each: each.path)),
    ]


def _shelf() -> Page:
    """The page that catalogues stand below: the site's front page, made if there is none yet."""
    home = CataloguePage.allowed_parent_page_models()[0]
    front = home.objects.order_by("path").first()
    if front is None:
        Locale.objects.get_or_create(language_code=get_supported_content_language_variant(settings.LANGUAGE_CODE))
        root = Page.get_first_root_node() or Page.add_root(instance=Page(title="Root", slug="root"))
        front = root.add_child(instance=home(title=_("Home page"), slug="front"))
        site = Site.objects.filter(is_default_site=True).first()
        if site is None:
            Site.objects.create(hostname="localhost", root_page=front, is_default_site=True)
        elif not isinstance(site.root_page.specific, home):
            site.root_page = front
            site.save()
    return front


def _name(kind: str, county: Unit) -> str:
    """How a thing of the county is called when it is made; nothing is ever looked up by it."""
    return f"{kind} · {county.label}（{county.code}）"


def _group(county: Unit, role: Role) -> Group:
    kept = AuthorGroup.objects.filter(county=county, role=role).select_related("group").first()
    if kept is None:
        group, _made = Group.objects.get_or_create(name=_name(str(role.label), county))
        kept = AuthorGroup.objects.create(county=county, role=role, group=group)
    return kept.group


def _allow_pages(page: Page, group: Group, codenames) -> None:
    for codename in codenames:
        permission = Permission.objects.get(content_type__app_label="wagtailcore", content_type__model="page", codename=codename)
        GroupPagePermission.objects.get_or_create(group=group, page=page, permission=permission)


def _allow_admin(group: Group) -> None:
    group.permissions.add(Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin"))


def collection_of(county: Unit) -> Collection:
    """Where the county keeps its images and files, behind sign-in; made if there is none yet."""
    kept = CountyCollection.objects.filter(county=county).select_related("collection").first()
    if kept is None:
        root = Collection.get_first_root_node() or Collection.add_root(name="Root")
        collection = root.add_child(name=f"{county.label}（{county.code}）")
        kept = CountyCollection.objects.create(county=county, collection=collection)
    CollectionViewRestriction.objects.get_or_create(collection=kept.collection, restriction_type=CollectionViewRestriction.LOGIN)
    return kept.collection


def is_in_collection_of(county_path: str, collection: Collection) -> bool:
    """Whether a collection is that of the county whose tree begins with this path, or stands below it. One query."""
    above = Collection.objects.ancestor_of(collection, inclusive=True)
    return CountyCollection.objects.filter(county__path=county_path, collection__in=above).exists()


def _allow_collection(collection: Collection, group: Group) -> None:
    for model in (get_image_model(), get_document_model()):
        meta = model._meta
        for action in FILE_RIGHTS:
            permission = Permission.objects.get(
                content_type__app_label=meta.app_label, content_type__model=meta.model_name, codename=f"{action}_{meta.model_name}"
            )
            GroupCollectionPermission.objects.get_or_create(group=group, collection=collection, permission=permission)


def _review(county: Unit, catalogue: CataloguePage, reviewers: Group) -> None:
    """The workflow of the catalogue and everything below it: one review by the county's reviewers."""
    bound = WorkflowPage.objects.filter(page=catalogue).select_related("workflow").first()
    if bound is None:
        bound = WorkflowPage.objects.create(page=catalogue, workflow=Workflow.objects.create(name=_name("课程审核", county)))
    task = ReviewTask.objects.filter(workflow_tasks__workflow=bound.workflow).first()
    if task is None:
        task = ReviewTask.objects.create(name=_name("课程审核", county))
        WorkflowTask.objects.create(workflow=bound.workflow, task=task, sort_order=0)
    task.groups.add(reviewers)
