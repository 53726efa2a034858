from django.urls import path, re_path

from quizzes import media, organising, views, watching

urlpatterns = [
    re_path(r"^quizzes/images/(?P<digest>[0-9a-f]{16})/$", media.bank_image, name="bank_image"),
    path("quizzes/<slug:key>/", views.quiz, name="quiz"),
    path("attempts/<int:pk>/", views.attempt, name="attempt"),
    path("attempts/<int:pk>/answers/", views.answer, name="attempt_answer"),
    path("attempts/<int:pk>/submit/", views.submit, name="attempt_submit"),
    path("attempts/<int:pk>/result/", views.result, name="attempt_result"),
    path("sittings/manage/", organising.sitting_list, name="sittings_manage"),
    path("sittings/manage/new/", organising.sitting_new, name="sitting_new"),
    path("sittings/manage/<int:pk>/", organising.sitting_manage, name="sitting_manage"),
    path("sittings/manage/<int:pk>/edit/", organising.sitting_edit, name="sitting_edit"),
    path("sittings/manage/<int:pk>/act/", organising.sitting_act, name="sitting_act"),
    path("sittings/manage/<int:pk>/candidates/", organising.sitting_candidates, name="sitting_candidates"),
    path("sittings/manage/<int:pk>/candidates/add/", organising.candidates_add, name="candidates_add"),
    path("sittings/manage/<int:pk>/candidates/put/", organising.candidates_put, name="candidates_put"),
    path("sittings/manage/<int:pk>/candidates.xlsx", organising.candidates_export, name="candidates_export"),
    path("sittings/manage/<int:pk>/rooms/", organising.sitting_rooms, name="sitting_rooms"),
    path("sittings/manage/<int:pk>/invigilators/", organising.sitting_invigilators, name="sitting_invigilators"),
    path("sittings/manage/<int:pk>/allowances/", organising.sitting_allowances, name="sitting_allowances"),
    path("people/<int:pk>/attempts/", organising.person_attempts, name="person_attempts"),
    path("sittings/<int:pk>/watch/", watching.sitting_watch, name="sitting_watch"),
    path("sittings/<int:pk>/watch/time/", watching.sitting_time, name="sitting_time"),
    path("sittings/<int:pk>/watch/slip/", watching.sitting_slip, name="sitting_slip"),
    path("sittings/<int:pk>/watch/<int:attempt_pk>/", watching.watch_one, name="watch_one"),
    path("sittings/<int:pk>/watch/<int:attempt_pk>/time/", watching.attempt_time, name="attempt_time"),
]
