"""A county's shelf in Wagtail: its page, who may write and who may approve."""

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _
from wagtail.coreutils import get_supported_content_language_variant
from wagtail.documents import get_document_model
from wagtail.images import get_image_model
from wagtail.models import (
    Collection,
    CollectionViewRestriction,
    GroupApprovalTask,
    GroupCollectionPermission,
    GroupPagePermission,
    Locale,
    Page,
    Site,
    Workflow,
    WorkflowPage,
    WorkflowTask,
)

from courses.models import CataloguePage
from people.models import Person, Role, Unit

TRAINER_MAY = ("add_page", "change_page")
REVIEWER_MAY = ("add_page", "change_page", "publish_page", "bulk_delete_page", "lock_page", "unlock_page")


@transaction.atomic
def open_catalogue(*, county: Unit, by=None) -> CataloguePage:
    """The county's catalogue page with everything that writing below it needs; made once, completed when called again.

    Locks the county. Trainers of the county may write and submit, reviewers publish; a collection
    of its own keeps images and files inside the county and behind sign-in; the workflow sends what
    trainers submit to the reviewers.
    """
    county = Unit.objects.select_for_update(no_key=True).get(pk=county.pk)
    catalogue = CataloguePage.objects.filter(county=county).first()
    if catalogue is None:
        catalogue = CataloguePage(
            title=_("Courses of %(county)s") % {"county": county.label}, slug=slugify(f"catalogue-{county.code}"), county=county
        )
        _shelf().add_child(instance=catalogue)
    trainers, reviewers = _group(county, Role.TRAINER), _group(county, Role.REVIEWER)
    _allow_pages(catalogue, trainers, TRAINER_MAY)
    _allow_pages(catalogue, reviewers, REVIEWER_MAY)
    collection = collection_of(county)
    for group in (trainers, reviewers):
        _allow_admin(group)
        _allow_collection(collection, group)
    _workflow(county, catalogue, reviewers)
    sync_members(county=county)
    return catalogue


@transaction.atomic
def sync_members(*, county: Unit) -> None:
    """Make the members of the county's author and reviewer groups those who hold the roles there now. Four queries and the changes."""
    for role in (Role.TRAINER, Role.REVIEWER):
        group = Group.objects.filter(name=_group_name(county, role)).first()
        if group is None:
            continue
        holders = set(
            Person.objects.filter(
                is_active=True, role_grants__role=role, role_grants__ends_on=None, role_grants__unit__path__startswith=county.county_path
            ).values_list("pk", flat=True)
        )
        members = set(group.user_set.values_list("pk", flat=True))
        group.user_set.add(*(holders - members))
        group.user_set.remove(*(members - holders))


def catalogue_of(county: Unit) -> CataloguePage | None:
    return CataloguePage.objects.filter(county=county).first()


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


def _group_name(county: Unit, role: str) -> str:
    kind = {"trainer": "教员", "reviewer": "审核"}[str(role)]
    return f"{kind} · {county.label}（{county.code}）"


def _group(county: Unit, role: str) -> Group:
    return Group.objects.get_or_create(name=_group_name(county, role))[0]


def _allow_pages(page: Page, group: Group, codenames) -> None:
    for codename in codenames:
        permission = Permission.objects.get(content_type__app_label="wagtailcore", content_type__model="page", codename=codename)
        GroupPagePermission.objects.get_or_create(group=group, page=page, permission=permission)


def _allow_admin(group: Group) -> None:
    group.permissions.add(Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin"))


def collection_name(county: Unit) -> str:
    return f"{county.label}（{county.code}）"


def collection_of(county: Unit) -> Collection:
    """Where the county keeps its images and files, behind sign-in; made if there is none yet."""
    name = collection_name(county)
    root = Collection.get_first_root_node() or Collection.add_root(name="Root")
    collection = root.get_children().filter(name=name).first() or root.add_child(name=name)
    CollectionViewRestriction.objects.get_or_create(collection=collection, restriction_type=CollectionViewRestriction.LOGIN)
    return collection


def _allow_collection(collection: Collection, group: Group) -> None:
    for model in (get_image_model(), get_document_model()):
        meta = model._meta
        for action in ("add", "change", "choose"):
            permission = Permission.objects.get(
                content_type__app_label=meta.app_label, content_type__model=meta.model_name, codename=f"{action}_{meta.model_name}"
            )
            GroupCollectionPermission.objects.get_or_create(group=group, collection=collection, permission=permission)


def _workflow(county: Unit, catalogue: CataloguePage, reviewers: Group) -> None:
    name = f"课程审核 · {county.label}（{county.code}）"
    workflow, _made = Workflow.objects.get_or_create(name=name)
    task = GroupApprovalTask.objects.filter(name=name).first()
    if task is None:
        task = GroupApprovalTask.objects.create(name=name)
    task.groups.add(reviewers)
    WorkflowTask.objects.get_or_create(workflow=workflow, task=task, defaults={"sort_order": 0})
    WorkflowPage.objects.get_or_create(page=catalogue, defaults={"workflow": workflow})
