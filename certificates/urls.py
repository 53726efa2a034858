from django.urls import path

from certificates import ledger_views, verify, views

urlpatterns = [
    path("certificates/", views.my_certificates, name="my_certificates"),
    path("certificates/issued/", views.certificates_issued, name="certificates_issued"),
    path("certificates/<str:number>.pdf", views.certificate_file, {"kind": "pdf"}, name="certificate_pdf"),
    path("certificates/<str:number>.png", views.certificate_file, {"kind": "png"}, name="certificate_image"),
    path("certificates/<str:number>.proof.json", ledger_views.certificate_proof, name="certificate_proof"),
    path("certificates/<str:number>/", views.certificate, name="certificate"),
    path("certificates/<str:number>/revoke/", views.certificate_revoke, name="certificate_revoke"),
    path("ledger/", ledger_views.ledger_page, name="ledger"),
    path("ledger/check_proof.py", ledger_views.ledger_program, name="ledger_program"),
    path("ledger/latest.json", ledger_views.ledger_latest, name="ledger_latest"),
    path("ledger/<str:day>.json", ledger_views.ledger_root, name="ledger_root"),
    path("verify/", verify.verify, name="verify"),
    path("verify/<str:number>.json", verify.verify_json, name="verify_json"),
    path("verify/<str:number>/", verify.verify_number, name="verify_number"),
]
