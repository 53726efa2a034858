"""The only writer of the kinds that a county awards, and of their versions."""

from datetime import datetime

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.translation import gettext as _

from certificates import rules
from certificates.models import CertificateKind, TemplateVersion
from certificates.permissions import rulers_of_kinds
from core.errors import Refused
from people.models import Person, Unit
from people.rules import is_county_code

EDITORS = "证书管理"

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
    """Let those who rule a county's kinds into the Wagtail admin, and only them by this group. Set-based."""
    group, made = Group.objects.get_or_create(name=EDITORS)
    if made:
        group.permissions.add(Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin"))
    holders = set(Person.objects.filter(pk__in=rulers_of_kinds(), is_active=True).values_list("pk", flat=True))
    members = set(group.user_set.values_list("pk", flat=True))
    group.user_set.add(*(holders - members))
    group.user_set.remove(*(members - holders))


def version_in_force(kind: CertificateKind, *, at: datetime, by: Person | None = None) -> TemplateVersion:
    """The version that certificates issued now are printed in: the newest, or a new one where the kind's design has changed.

    One query where nothing has changed; else the kind is locked. To be called inside a transaction.
    """
    content = kind.design()
    digest = rules.digest(content)
    newest = _newest_version(kind)
    if newest is not None and newest.digest == digest:
        return newest
    CertificateKind.objects.select_for_update(of=("self",), no_key=True).get(pk=kind.pk)
    newest = _newest_version(kind)
    if newest is not None and newest.digest == digest:
        return newest
    number = newest.number + 1 if newest else 1
    return TemplateVersion.objects.create(kind=kind, number=number, content=content, digest=digest, by=by, at=at)


def _newest_version(kind: CertificateKind) -> TemplateVersion | None:
    return TemplateVersion.objects.filter(kind=kind).order_by("-number").first()
