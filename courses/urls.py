"""The learner's addresses. A lesson's slug may be Chinese, so it is a str, not a slug."""

from django.urls import path
from django.views.generic import RedirectView

from courses import media, views

urlpatterns = [
    # The name Wagtail sends strangers to who ask for a file of a closed collection.
    path("files/sign-in/", RedirectView.as_view(pattern_name="account_login", query_string=True), name="wagtailcore_login"),
    path("media/<path:path>", media.picture, name="picture"),  # MEDIA_URL
    path("courses/", views.course_list, name="course_list"),
    path("courses/<int:course_id>/", views.course, name="course"),
    path("courses/<int:course_id>/enrol/", views.course_enrol, name="course_enrol"),
    path("courses/<int:course_id>/<str:slug>/", views.lesson, name="lesson"),
    path("courses/<int:course_id>/<str:slug>/finish/", views.lesson_finish, name="lesson_finish"),
    path("courses/<int:course_id>/<str:slug>/place/", views.lesson_place, name="lesson_place"),
]
