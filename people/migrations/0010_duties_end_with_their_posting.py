"""A duty that an earlier roster had ended went on past a move that was reported later. It ends with its posting; where the same post
went on in a new stretch, the rest of it is held there."""

from datetime import timedelta

from django.db import migrations
from django.db.models import F, Q


def end_duties(apps, schema_editor):
    duties, postings = apps.get_model("people", "DutyAssignment").objects, apps.get_model("people", "Posting").objects
    too_long = Q(posting__ends_on__isnull=False) & (Q(ends_on=None) | Q(ends_on__gt=F("posting__ends_on")))
    while over := list(duties.filter(too_long).select_related("posting").order_by("pk")[:500]):
        cut, never, added = [], [], []
        people = {each.posting.person_id for each in over}
        mains = {(each.person_id, each.starts_on): each for each in postings.filter(person__in=people, is_main=True)}
        held = list(duties.filter(posting__in=[each.pk for each in mains.values()]))
        for each in over:
            was, until = each.posting, each.ends_on
            after = mains.get((was.person_id, was.ends_on + timedelta(days=1))) if was.is_main else None
            if after is not None and until is not None and (after.unit_id, after.title) == (was.unit_id, was.title):
                first = max(each.starts_on, after.starts_on)
                there = [one for one in [*held, *added] if one.posting_id == after.pk and one.duty == each.duty]
                if all(until < one.starts_on or (one.ends_on is not None and one.ends_on < first) for one in there):
                    added.append(type(each)(posting=after, duty=each.duty, starts_on=first, ends_on=until))
            each.ends_on = was.ends_on
            (never if each.starts_on > was.ends_on else cut).append(each)
        duties.bulk_update(cut, ["ends_on"])
        duties.filter(pk__in=[each.pk for each in never]).delete()
        duties.bulk_create(added)


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0009_unit_merged_into'),
    ]

    operations = [
        migrations.RunPython(end_duties, migrations.RunPython.noop),
    ]
