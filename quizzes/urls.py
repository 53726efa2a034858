from django.urls import path, re_path

from quizzes import media, views

urlpatterns = [
    re_path(r"^quizzes/images/(?P<digest>[0-9a-f]{16})/$", media.bank_image, name="bank_image"),
    path("quizzes/<slug:key>/", views.quiz, name="quiz"),
    path("attempts/<int:pk>/", views.attempt, name="attempt"),
    path("attempts/<int:pk>/answers/", views.answer, name="attempt_answer"),
    path("attempts/<int:pk>/submit/", views.submit, name="attempt_submit"),
    path("attempts/<int:pk>/result/", views.result, name="attempt_result"),
]
