from django.urls import path

from certificates import ladder_views, renewal_views, verify, views

urlpatterns = [
    path("certificates/", views.my_certificates, name="my_certificates"),
    path("certificates/issued/", views.certificates_issued, name="certificates_issued"),
    path("certificates/running-out/", renewal_views.running_out, name="certificates_running_out"),
    path("certificates/running-out.csv", renewal_views.running_out, {"kind": "csv"}, name="certificates_running_out_csv"),
    path("certificates/ladder/", ladder_views.my_ladder, name="certificate_ladder"),
    path("certificates/ladder/people/", ladder_views.ladder_people, name="ladder_people"),
    path("certificates/ladder/<int:kind_id>/", ladder_views.ladder_conditions, name="ladder_conditions"),
    path("certificates/ladder/<int:kind_id>/<int:person_id>/", ladder_views.ladder_person, name="ladder_person"),
    path("certificates/<str:number>.pdf", views.certificate_file, {"kind": "pdf"}, name="certificate_pdf"),
    path("certificates/<str:number>.png", views.certificate_file, {"kind": "png"}, name="certificate_image"),
    path("certificates/<str:number>/", views.certificate, name="certificate"),
    path("certificates/<str:number>/revoke/", views.certificate_revoke, name="certificate_revoke"),
    path("verify/", verify.verify, name="verify"),
    path("verify/<str:number>.json", verify.verify_json, name="verify_json"),
    path("verify/<str:number>/", verify.verify_number, name="verify_number"),
]
