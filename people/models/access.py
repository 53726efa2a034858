"""Who may do what, where: roles by unit, tokens for programs, codes for a first sign-in."""

from datetime import datetime

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.lookups import StartsWith
from django.utils.translation import gettext_lazy as _

from core.models import Fact
from people.models.person import Person
from people.models.unit import Unit, record_names


class Role(models.TextChoices):
    """Every member of staff is a learner without a grant; the others are granted over a unit's subtree."""

    LEARNER = "learner", _("Learner")
    TRAINER = "trainer", _("Trainer")
    REVIEWER = "reviewer", _("Reviewer")
    LIAISON = "liaison", _("Liaison")
    LEADER = "leader", _("Leader")
    HR = "hr", _("HR")
    ADMINISTRATOR = "administrator", _("Administrator")
    AUDITOR = "auditor", _("Auditor")


class RoleGrantQuerySet(models.QuerySet):
    def visible_to(self, user) -> "RoleGrantQuerySet":
        """One's own, and those over units that one's roles reach as they reach what was learned there."""
        from people.permissions import records_q

        return self.filter(records_q(user))


class RoleGrant(models.Model):
    """A role over a unit and everything below it, from when to when. Closed, never deleted.

    A grant with `from_duty` follows that duty: it is opened and closed with it.
    """

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="role_grants", verbose_name=_("person"))
    role = models.CharField(_("role"), max_length=16, choices=[c for c in Role.choices if c[0] != Role.LEARNER])
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    from_duty = models.CharField(max_length=16, blank=True)
    granted_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to"), null=True, blank=True)

    objects = RoleGrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("role grant")
        verbose_name_plural = _("role grants")
        constraints = [
            models.UniqueConstraint(fields=["person", "role", "unit"], condition=Q(ends_on=None), name="role_open_once"),
        ]

    def __str__(self) -> str:
        """The role and the unit, a section with its organ: one query for the organ's name, so lists give their own `place`."""
        return f"{self.get_role_display()} · {record_names([self.unit])[self.unit_id]}"


class ApiTokenQuerySet(models.QuerySet):
    def visible_to(self, user) -> "ApiTokenQuerySet":
        """One's own, and those over units that one's HR or auditor role reaches."""
        from people.permissions import api_access_q

        return self.filter(api_access_q(user))

    def with_reach(self) -> "ApiTokenQuerySet":
        """Each with `is_held`: whether its owner may hold it now."""
        over = RoleGrant.objects.filter(person=OuterRef("owner"), role=Role.HR, ends_on=None)
        over = over.filter(StartsWith(OuterRef("unit__path"), F("unit__path")))
        return self.annotate(is_held=Q(Q(owner__is_superuser=True) | Exists(over), owner__is_active=True))


class ApiToken(models.Model):
    """A program's key. Only its digest is kept; the key itself is shown once, when it is made."""

    class State(models.TextChoices):
        VALID = "valid", _("Valid")
        ASLEEP = "asleep", _("Not in force: its owner is not HR there")
        EXPIRED = "expired", _("Expired")
        REVOKED = "revoked", _("Revoked")

    class Scope(models.TextChoices):
        COMPLETIONS = "completions", _("Read completions")
        CERTIFICATES = "certificates:check", _("Ask whether a person holds a certificate")
        REPLIES = "evaluation:reply", _("Answer what was handed over")
        CERTIFICATE_RECORDS = "certificates", _("Read certificates")
        HOURS = "hours", _("Read entries of hours")
        PEOPLE = "people", _("Read who serves where")
        STRUCTURE = "structure", _("Read units and courses")
        RESULTS = "results", _("Read periods and published results")

    owner = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="record_tokens", verbose_name=_("owner"))
    name = models.CharField(_("name"), max_length=80)
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(_("scopes"), default=list)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+", verbose_name=_("unit"))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(_("expires at"))
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    form_key = models.CharField(max_length=40, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints = [
            models.UniqueConstraint(fields=["owner", "form_key"], condition=~Q(form_key=""), name="token_once_per_form"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def state_at(self, at: datetime) -> "ApiToken.State":
        """What it is worth; of a token that was read `with_reach`."""
        if self.revoked_at is not None:
            return self.State.REVOKED
        if self.expires_at <= at:
            return self.State.EXPIRED
        return self.State.VALID if self.is_held else self.State.ASLEEP  # type: ignore[attr-defined]

    @property
    def scope_labels(self) -> list[str]:
        return [str(self.Scope(scope).label) for scope in self.scopes if scope in self.Scope.values]


class ActivationCode(models.Model):
    """A one-time code with which a person who never signed in sets a password. Only its digest is kept."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="activation_codes")
    digest = models.CharField(max_length=64)
    created_by = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.person} · {self.expires_at:%Y-%m-%d}"


class ReadingOfOthers(Fact):
    """Somebody read or exported other people's records, or handed over or changed the account of another.

    Who, what, how many, with which filter. Written by the door that shows or does it; searched by the auditor alone, except
    what was done to accounts (`ACCOUNT`), which administrators read and the person concerned is told. Both units are those
    of that day: whoever moves takes no trace along.
    """

    class Kind(models.TextChoices):
        READ = "read", _("Read")
        EXPORT = "export", _("Exported")
        API = "api", _("Pulled by API")
        ACCOUNT = "account", _("Account")

    reader = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+", verbose_name=_("reader"))
    reader_unit = models.ForeignKey(
        Unit, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("unit of the reader")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    what = models.CharField(_("what"), max_length=60)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("unit"))
    subject = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("about"))
    filters = models.JSONField(_("filter"), default=dict)
    rows = models.PositiveIntegerField(_("rows"), null=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    at = models.DateTimeField(_("when"), db_index=True)

    class Meta:
        verbose_name = _("reading of others' records")
        verbose_name_plural = _("readings of others' records")
        ordering = ["-at"]
