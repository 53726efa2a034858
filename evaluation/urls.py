"""Records, units, learning files. Included at the root."""

from django.urls import path

from evaluation import views

urlpatterns = [
    path("records/", views.record_list, name="records"),
    path("records/export.csv", views.record_export, {"kind": "csv"}, name="records_csv"),
    path("records/export.xlsx", views.record_export, {"kind": "xlsx"}, name="records_xlsx"),
    path("records/<int:pk>/reverse/", views.reverse_completion, name="reverse_completion"),
    path("records/units/", views.unit_table, name="records_units"),
    path("records/units/<int:pk>/", views.unit_people, name="records_unit"),
    path("people/<int:pk>/file/", views.learning_file, name="learning_file"),
    path("people/<int:pk>/hours/correct/", views.correct_hours, name="correct_hours"),
    path("my/file/", views.my_file, name="my_file"),
]
