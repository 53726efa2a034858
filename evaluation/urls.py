"""Records, units, learning files. Included at the root."""

from django.urls import path

from evaluation import appeal_views, claim_views, indicator_views, period_views, views

urlpatterns = [
    path("records/", views.record_list, name="records"),
    path("records/export.csv", views.record_export, {"kind": "csv"}, name="records_csv"),
    path("records/export.xlsx", views.record_export, {"kind": "xlsx"}, name="records_xlsx"),
    path("records/<int:pk>/reverse/", views.reverse_completion, name="reverse_completion"),
    path("records/units/", views.unit_table, name="records_units"),
    path("records/units/<int:pk>/", views.unit_people, name="records_unit"),
    path("records/units/<int:pk>/people.csv", views.unit_people_export, {"kind": "csv"}, name="records_unit_csv"),
    path("records/units/<int:pk>/people.xlsx", views.unit_people_export, {"kind": "xlsx"}, name="records_unit_xlsx"),
    path("people/<int:pk>/file/", views.learning_file, name="learning_file"),
    path("people/<int:pk>/hours/correct/", views.correct_hours, name="correct_hours"),
    path("my/file/", views.my_file, name="my_file"),
    path("my/hours/", claim_views.my_claims, name="my_claims"),
    path("my/hours/new/", claim_views.file_claim, name="claim_new"),
    path("hours/claims/", claim_views.claim_list, name="claim_list"),
    path("hours/claims/<int:pk>/", claim_views.claim, name="claim"),
    path("hours/claims/<int:pk>/evidence/<int:position>/", claim_views.claim_evidence, name="claim_evidence"),
    path("evaluation/indicators/", indicator_views.indicator_list, name="indicator_list"),
    path("evaluation/indicators/<int:pk>/", indicator_views.indicator_version, name="indicator_version"),
    path("evaluation/indicators/<int:pk>/next/", indicator_views.indicator_next, name="indicator_next"),
    path("evaluation/indicators/<int:pk>/dry-run/", indicator_views.indicator_dry_run, name="indicator_dry_run"),
    path("evaluation/periods/<int:pk>/figures/", indicator_views.period_figures, name="period_figures"),
    path("evaluation/lines/<int:pk>/", indicator_views.unit_line, name="unit_line"),
    path("evaluation/", period_views.period_list, name="periods"),
    path("evaluation/new/", period_views.period_new, name="period_new"),
    path("evaluation/<int:pk>/", period_views.period, name="period"),
    path("evaluation/<int:pk>/publicity/", period_views.period_publicity, name="period_publicity"),
    path("evaluation/<int:pk>/package/", period_views.period_package, name="period_package"),
    path("evaluation/<int:pk>/chain/", period_views.period_chain, name="period_chain"),
    path("evaluation/<int:pk>/appeals/", appeal_views.appeal_list, name="appeals"),
    path("evaluation/<int:pk>/appeals/new/", appeal_views.appeal_new, name="appeal_new"),
    path("evaluation/appeals/<int:pk>/", appeal_views.appeal, name="appeal"),
    path("evaluation/appeals/<int:pk>/evidence/<int:position>/", appeal_views.appeal_evidence, name="appeal_evidence"),
    path("evaluation/reminders/<int:pk>/", period_views.reminder, name="reminder"),
    path("my/reminders/", period_views.my_reminders, name="my_reminders"),
]
