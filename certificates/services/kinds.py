"""The only writer of the kinds that a county awards, and of their versions."""

from datetime import datetime

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.models import Revision, Workflow, WorkflowContentType, WorkflowTask

from certificates import rules
from certificates.models import CertificateKind, KindReview, TemplateVersion
from certificates.permissions import counties_of, rulers_of_kinds
from core import fonts, foureyes
from core.errors import Refused
from core.reconcile import Gap
from core.typesetting import texts_in
from people.models import Person, Unit
from people.rules import is_county_code

EDITORS = "证书管理"
REVIEW = "证书模板审批"

DEFAULT_KINDS = [
    # key, title, category digits, wording
    ("training", "培训合格证书", "01", "{name}同志参加“{course}”培训，完成全部学习内容，计{hours}学时，考核成绩{score}，准予合格。"),
    (
        "basic",
        "政务公开基础合格证明",
        "02",
        "{name}同志参加政务公开基础培训“{course}”，完成全部学习内容，计{hours}学时，考核成绩{score}，准予合格。",
    ),
    (
        "compiler",
        "标准目录编制合格证明",
        "03",
        "{name}同志参加基层政务公开标准目录编制培训“{course}”，计{hours}学时，考核成绩{score}，准予合格。",
    ),
    (
        "leader",
        "领导干部政务公开培训合格证明",
        "04",
        "{name}同志参加领导干部政务公开专题培训“{course}”，计{hours}学时，考核成绩{score}，准予合格。",
    ),
    ("backbone", "标准编制骨干合格证明", "05", "{name}同志完成标准编制骨干培训“{course}”，计{hours}学时，考核成绩{score}，准予合格。"),
    ("publisher", "网上信息发布员合格证明", "06", "{name}同志完成网上信息发布培训“{course}”，计{hours}学时，考核成绩{score}，准予合格。"),
]


@transaction.atomic
def ensure_kinds(county: Unit) -> list[CertificateKind]:
    """The kinds that every county starts with; those that stand are left as the county made them.

    Raises:
        Refused: the county's code is not six digits ("county_code"), so it could issue nothing.
    """
    if not is_county_code(county.code):
        raise Refused(
            _("%(county)s has the code %(code)s. A county needs a code of six digits (GB/T 2260): it is part of each certificate number.")
            % {"county": county.name, "code": county.code},
            code="county_code",
        )
    kinds = []
    for key, title, category, wording in DEFAULT_KINDS:
        kind, _made = CertificateKind.objects.get_or_create(
            county=county, key=key, defaults={"title": title, "category": category, "wording": wording, "issuer": county.name}
        )
        kinds.append(kind)
    sync_editors()
    return kinds


@transaction.atomic
def sync_editors() -> None:
    """Let those who rule a county's kinds into the Wagtail admin, and only them by this group. Set-based.

    Whoever may not sign in stays a member while holding the role: sign-in comes back without a word to this app.
    """
    group, made = Group.objects.get_or_create(name=EDITORS)
    if made:
        group.permissions.add(Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin"))
    open_review()
    holders = set(rulers_of_kinds().values_list("person", flat=True))
    members = set(group.user_set.values_list("pk", flat=True))
    group.user_set.add(*(holders - members))
    group.user_set.remove(*(members - holders))


def version_in_force(kind: CertificateKind, *, at: datetime) -> TemplateVersion:
    """The version that certificates issued now are printed in: the newest that was published; drafts are none.

    One query. A kind that the system made, or that stood before there were versions, gets its first one here,
    from the row, locked meanwhile. To be called inside a transaction.

    Raises:
        Refused: the kind was never published ("no_kind"), or somebody edited its version in the database ("altered").
    """
    newest = _newest_version(kind)
    if newest is not None:
        newest.require_as_approved()
        return newest
    live = CertificateKind.objects.select_for_update(of=("self",), no_key=True).get(pk=kind.pk)
    newest = _newest_version(live)
    if newest is not None:
        return newest
    if not live.live:
        raise Refused(
            _("The certificate “%(title)s” is a draft that nobody has approved yet.") % {"title": live.title},
            code="no_kind",
        )
    return _append(live, by=None, approved_by=None, at=at)


# ---- publication ----------------------------------------------------------------------------


def require_printable(kind: CertificateKind) -> None:
    """Let pass what is printed of every certificate of the kind.

    Raises:
        Refused: missing_glyph.
    """
    fonts.require_glyphs(texts_in(kind.design()))


def check_publication(*, kind: CertificateKind, revision: Revision, by: Person | None) -> Person | None:
    """Let a draft go live that one person submitted and another one, who rules the county's certificates, approved.

    Returns who submitted it; None where the system publishes (`by=None`), which goes without.

    Raises:
        Refused: incomplete; missing_glyph; not_approved; own_work; not_ruler.
    """
    draft = revision.as_object()
    require_printable(draft)
    try:
        draft.full_clean()
    except ValidationError as problem:
        raise Refused(" ".join(problem.messages), code="incomplete") from problem
    if by is None:
        return None
    approval = foureyes.approval_of(kind, revision)
    if approval is None:
        raise Refused(
            _("“%(title)s” goes live by approval only: submit it, and a second person publishes it by approving.") % {"title": draft.title},
            code="not_approved",
        )
    if by.pk in foureyes.hands_in(approval):
        raise Refused(
            _("“%(title)s” was submitted or last changed by you. A second person has to approve it.") % {"title": draft.title},
            code="own_work",
        )
    if not any(county.pk == kind.county_id for county in counties_of(by)):
        raise Refused(_("HR or an administrator of the county has to approve it."), code="not_ruler")
    return approval.workflow_state.requested_by or revision.user


@transaction.atomic
def publish(*, kind: CertificateKind, at: datetime) -> CertificateKind:
    """The system makes live what this kind in memory says, without a person: for loaders. Returns it as it stands then.

    Raises:
        Refused: incomplete; missing_glyph.
    """
    kind.publish(kind.save_revision(clean=False), at=at)
    return CertificateKind.objects.get(pk=kind.pk)


@transaction.atomic
def freeze(*, kind: CertificateKind, by: Person | None, approved_by: Person | None, at: datetime) -> TemplateVersion | None:
    """What has gone live becomes a version, unless its design is that of the version before. Locks the kind."""
    live = CertificateKind.objects.select_for_update(of=("self",), no_key=True).get(pk=kind.pk)
    if not live.live:
        return None
    newest = _newest_version(live)
    if newest is not None and newest.digest == rules.digest(live.design()):
        return newest
    return _append(live, by=by, approved_by=approved_by, at=at)


def open_review() -> Workflow:
    """The one workflow that templates of every county go through; made once, completed when called again."""
    content_type = ContentType.objects.get_for_model(CertificateKind)
    bound = WorkflowContentType.objects.filter(content_type=content_type).select_related("workflow").first()
    if bound is None:
        bound = WorkflowContentType.objects.create(content_type=content_type, workflow=Workflow.objects.create(name=REVIEW))
    if not KindReview.objects.filter(workflow_tasks__workflow=bound.workflow).exists():
        WorkflowTask.objects.create(workflow=bound.workflow, task=KindReview.objects.create(name=REVIEW), sort_order=0)
    return bound.workflow


def gaps_of_review(at: datetime) -> list[Gap]:
    """Kinds without a way to approve them, as after an update from a time before. Two queries."""
    if (
        not CertificateKind.objects.exists()
        or KindReview.objects.filter(
            active=True, workflow_tasks__workflow__workflow_content_types__content_type=ContentType.objects.get_for_model(CertificateKind)
        ).exists()
    ):
        return []
    return [Gap("approval of certificate templates", open_review)]


def gaps_of_editors(at: datetime) -> list[Gap]:
    """Where the group of those who rule kinds is not who does. Three queries."""
    members = set(Group.objects.filter(name=EDITORS).exclude(user=None).values_list("user", flat=True))
    if members == set(rulers_of_kinds().values_list("person", flat=True)) or not CertificateKind.objects.exists():
        return []
    return [Gap("editors of certificates", sync_editors)]


def _append(kind: CertificateKind, *, by: Person | None, approved_by: Person | None, at: datetime) -> TemplateVersion:
    newest, content = _newest_version(kind), kind.design()
    return TemplateVersion.objects.create(
        kind=kind,
        number=newest.number + 1 if newest else 1,
        content=content,
        digest=rules.digest(content),
        by=by,
        approved_by=approved_by,
        at=at,
    )


def _newest_version(kind: CertificateKind) -> TemplateVersion | None:
    return TemplateVersion.objects.filter(kind=kind).order_by("-number").first()
