"""What was given without a sitting holds in the round that it was given in, as it was meant; no longer in every later one."""

from django.db import migrations
from django.db.models import Q


def hang(apps, _schema_editor):
    Allowance, Enrolment = apps.get_model("quizzes", "Allowance"), apps.get_model("courses", "Enrolment")
    EditionRequirement = apps.get_model("courses", "EditionRequirement")
    for one in Allowance._base_manager.filter(sitting=None, enrolment=None).select_related("quiz"):
        asks = EditionRequirement._base_manager.filter(kind="quiz", key=one.quiz.key).values("edition")
        own = Q(edition__in=asks) | Q(course__county=one.quiz.county_id, course__code=one.quiz.course_code)
        rounds = Enrolment._base_manager.filter(own, person=one.person_id).order_by("-enrolled_at", "-pk")
        begun = rounds.filter(enrolled_at__lte=one.at)
        # Of several that had begun, one that was under way; given before any had begun it stays for the first.
        found = begun.filter(Q(completion=None) | Q(completion__completed_at__gt=one.at)).first() or begun.first()
        if found is not None:
            Allowance._base_manager.filter(pk=one.pk).update(enrolment=found)


class Migration(migrations.Migration):
    dependencies = [("quizzes", "0015_allowances_of_a_round")]

    operations = [migrations.RunPython(hang, migrations.RunPython.noop)]
