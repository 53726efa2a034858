"""The shape of the code, held by tests."""

import re
import subprocess
import sys
from pathlib import Path

from django.apps import apps
from django.db.models import ForeignKey

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ["core", "people", "courses", "quizzes", "certificates", "evaluation", "home"]  # lowest first


def test_apps_only_look_down():
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout[-3000:]


def test_what_may_fail_after_a_commit_has_a_name():
    """Django logs a robust callback that failed by its `__qualname__`, which a `partial` has not: the request would fail instead."""
    given = re.compile(r"on_commit\(\s*partial\(.*robust=True")
    wrong = [str(path.relative_to(ROOT)) for label in LAYERS for path in (ROOT / label).rglob("*.py") if given.search(path.read_text())]
    assert wrong == []


def test_no_foreign_key_points_up():
    up = []
    for label in LAYERS:
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.get_fields():
                if isinstance(field, ForeignKey) and field.related_model._meta.app_label in LAYERS:
                    target = field.related_model._meta.app_label
                    if LAYERS.index(target) > LAYERS.index(label):
                        up.append(f"{model._meta.label}.{field.name} -> {target}")

    assert up == []


def test_no_learner_record_dies_with_what_it_points_at():
    """Records hang on PROTECT (or are copies); only conveniences and parts of a draft may cascade."""
    may_cascade = {
        "courses.LessonPlace.enrolment",  # a convenience
        "courses.DutyRule.course",  # rewritten at each publication
        "people.ActivationCode.person",  # a one-time code
        "quizzes.DrawRule.quiz",  # part of the quiz's own form
        "quizzes.PaperItem.paper",  # part of a draft; what was sat is copied
        "quizzes.Presence.attempt",  # what a page last said of itself: a state
        "evaluation.DownloadPart.download",  # there while the file is being written
        "evaluation.ExportChoice.person",  # what somebody chose last in a form
        "courses.CataloguePage.page_ptr",
        "courses.CoursePage.page_ptr",
        "courses.LessonPage.page_ptr",
        "courses.ReviewTask.task_ptr",
        "certificates.KindReview.task_ptr",
        "home.HomePage.page_ptr",
    }
    cascading = set()
    for label in LAYERS:
        for model in apps.get_app_config(label).get_models():
            for field in model._meta.local_fields:
                if field.is_relation and field.remote_field.on_delete.__name__ == "CASCADE":
                    cascading.add(f"{model._meta.label}.{field.name}")

    assert cascading <= may_cascade


def test_no_module_is_called_utils_or_helpers():
    forbidden = {"utils.py", "helpers.py", "managers.py", "common.py"}
    found = [
        str(path.relative_to(ROOT)) for label in [*LAYERS, "config"] for path in (ROOT / label).rglob("*.py") if path.name in forbidden
    ]

    assert found == []


def test_rules_import_no_database_and_no_clock():
    import ast

    files = [ROOT / label / "rules.py" for label in LAYERS if (ROOT / label / "rules.py").exists()]
    files += [
        ROOT / "certificates" / "merkle.py",
        ROOT / "evaluation" / "periods" / "rules.py",
        ROOT / "quizzes" / "statistics.py",
        *(ROOT / "quizzes" / "kinds").glob("*.py"),
        *(ROOT / "quizzes" / "formats").rglob("*.py"),
    ]
    assert len(files) > 8
    forbidden = ("django.db", "django.utils.timezone", "core.clock", "core.models", "time")
    found = []
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            found += [f"{path.relative_to(ROOT)}: {name}" for name in names if name in forbidden or name.startswith("django.db.")]

    assert found == []
