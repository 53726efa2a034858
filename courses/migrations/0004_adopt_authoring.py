"""What was found by its name until now — collection, groups, review — is bound to its county."""

from django.db import migrations

KINDS = {"trainer": "教员", "reviewer": "审核"}


def adopt(apps, schema_editor):
    model = apps.get_model
    for page in model("courses", "CataloguePage").objects.select_related("county"):
        county, end = page.county, f"（{page.county.code}）"
        collection = model("wagtailcore", "Collection").objects.filter(name__endswith=end).order_by("path").first()
        if collection:
            model("courses", "CountyCollection").objects.get_or_create(county=county, defaults={"collection": collection})
        for role, kind in KINDS.items():
            group = model("auth", "Group").objects.filter(name__startswith=f"{kind} · ", name__endswith=end).order_by("pk").first()
            if group:
                model("courses", "AuthorGroup").objects.get_or_create(county=county, role=role, defaults={"group": group})
        review_type, _made = model("contenttypes", "ContentType").objects.get_or_create(app_label="courses", model="reviewtask")
        for old in model("wagtailcore", "GroupApprovalTask").objects.filter(workflow_tasks__workflow__workflow_pages__page=page.pk):
            groups = list(old.groups.all())
            new = model("courses", "ReviewTask")(task_ptr_id=old.pk, name=old.name, active=old.active, content_type=review_type)
            new.save()
            new.groups.set(groups)
            old.groups.clear()
            old.delete(keep_parents=True)


class Migration(migrations.Migration):
    dependencies = [("courses", "0003_authoring"), ("contenttypes", "0002_remove_content_type_name")]

    operations = [migrations.RunPython(adopt, migrations.RunPython.noop)]
