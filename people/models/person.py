"""Staff. The user model is the staff member: people who never sign in are people too."""

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.text import mask_phone
from people.models.unit import Unit


class PersonQuerySet(models.QuerySet):
    def visible_to(self, user) -> "PersonQuerySet":
        """Oneself, and whoever serves now in a subtree that one's roles reach."""
        from people.permissions import people_q

        return self.filter(people_q(user))

    def serving(self) -> "PersonQuerySet":
        """Those whom training is expected of: on duty, with a unit."""
        return self.filter(status=Person.Status.ON_DUTY, unit__isnull=False)

    def within(self, unit: Unit) -> "PersonQuerySet":
        return self.filter(unit__path__startswith=unit.path)

    def having_duty(self, *duties: str) -> "PersonQuerySet":
        """Those who hold one of these duties now."""
        from people.models.posting import DutyAssignment

        return self.filter(pk__in=DutyAssignment.objects.filter(duty__in=duties, ends_on=None).values("posting__person"))


class PersonManager(BaseUserManager.from_queryset(PersonQuerySet)):
    def get_by_natural_key(self, employee_number):
        return self.get(employee_number=employee_number)

    def create_user(self, employee_number, password=None, **fields):
        person = self.model(employee_number=employee_number, **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, employee_number, password=None, **fields):
        return self.create_user(employee_number, password, is_superuser=True, **fields)


class Person(AbstractBaseUser, PermissionsMixin):
    """One member of staff, for as long as records about them stand.

    `unit` and `post_title` say where the person serves now; they are written by
    `people.services` alone and agree with the open main posting; of those who left or
    retired they say where they served last, so that their records stay findable. Absent on
    purpose: sex, identity-card number, birth date, face, home address — nothing here
    needs them (个人信息保护法 art. 6).
    """

    class StaffType(models.TextChoices):
        CIVIL_SERVANT = "civil_servant", _("Civil servant")
        REFERENCE = "reference", _("Managed as civil servant")
        INSTITUTION = "institution", _("Public institution staff")
        WORKER = "worker", _("Logistics worker")
        WELFARE = "welfare", _("Public-welfare post")
        SECONDED = "seconded", _("Seconded")
        EXTERNAL = "external", _("External")

    class Status(models.TextChoices):
        ON_DUTY = "on_duty", _("On duty")
        ON_LEAVE = "on_leave", _("On leave")
        LEFT = "left", _("Left")
        RETIRED = "retired", _("Retired")

    employee_number = models.CharField(
        _("employee number"),
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9_-]+$", _("Letters, digits, - and _ only."))],
    )
    name = models.CharField(pgettext_lazy("of a person", "name"), max_length=60)
    phone = models.CharField(_("phone"), max_length=30, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    staff_type = models.CharField(_("staff type"), max_length=16, choices=StaffType.choices, default=StaffType.CIVIL_SERVANT)
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.ON_DUTY)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, blank=True, related_name="people", verbose_name=_("unit"))
    post_title = models.CharField(_("post"), max_length=60, blank=True)
    is_active = models.BooleanField(_("may sign in"), default=True)
    date_joined = models.DateTimeField(auto_now_add=True)

    objects = PersonManager()

    USERNAME_FIELD = "employee_number"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["employee_number"]

    def __str__(self) -> str:
        return f"{self.name}（{self.employee_number}）"

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name

    @property
    def first_name(self) -> str:
        """How Wagtail's side bar calls the person."""
        return self.name

    @property
    def masked_phone(self) -> str:
        return mask_phone(self.phone)

    @cached_property
    def current_duties(self) -> list[str]:
        """The duties held now. One query the first time on each instance."""
        from people.models.posting import DutyAssignment

        held = DutyAssignment.objects.filter(posting__person=self, ends_on=None).values_list("duty", flat=True)
        return sorted(set(held))
