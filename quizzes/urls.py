from django.urls import path

from quizzes import views

urlpatterns = [
    path("quizzes/<slug:key>/", views.quiz, name="quiz"),
    path("attempts/<int:pk>/", views.attempt, name="attempt"),
    path("attempts/<int:pk>/answers/", views.answer, name="attempt_answer"),
    path("attempts/<int:pk>/submit/", views.submit, name="attempt_submit"),
    path("attempts/<int:pk>/result/", views.result, name="attempt_result"),
]
