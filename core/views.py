"""Doors that belong to no app: health, errors."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render


def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """The process can serve: the database answers and no migration is waiting."""
    from django.db.migrations.executor import MigrationExecutor

    problems = {}
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            problems["migrations"] = "waiting"
    except Exception as error:
        problems["database"] = type(error).__name__
    return JsonResponse({"ready": not problems, **problems}, status=503 if problems else 200)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return render(request, "403_csrf.html", status=403)
