from django.urls import path

from certificates import badge_views, batch_views, hr_views, ledger_views, views
from certificates.verify import views as verify

urlpatterns = [
    path("certificates/", views.my_certificates, name="my_certificates"),
    path("certificates/issued/", views.certificates_issued, name="certificates_issued"),
    path("certificates/batches/", batch_views.batch_list, name="certificate_batches"),
    path("certificates/batches/<int:pk>/", batch_views.batch, name="certificate_batch"),
    path("certificates/batches/<int:pk>/cancel/", batch_views.batch_cancel, name="certificate_batch_cancel"),
    path("certificates/batches/<int:pk>/package.zip", batch_views.batch_file, name="certificate_batch_file"),
    path(".well-known/did.json", badge_views.issuer_document, name="issuer_document"),
    path("certificates/status/<slug:purpose>/<int:block>.json", badge_views.status_list, name="status_list"),
    path("certificates/<str:number>.badge.json", badge_views.certificate_badge, name="certificate_badge"),
    path("certificates/proposals/", hr_views.certificate_proposals, name="certificate_proposals"),
    path("certificates/proposals/<int:pk>/", hr_views.certificate_proposal, name="certificate_proposal"),
    path("certificates/<str:number>.pdf", views.certificate_file, {"kind": "pdf"}, name="certificate_pdf"),
    path("certificates/<str:number>.png", views.certificate_file, {"kind": "png"}, name="certificate_image"),
    path("certificates/<str:number>.proof.json", ledger_views.certificate_proof, name="certificate_proof"),
    path("certificates/<str:number>/", views.certificate, name="certificate"),
    path("certificates/<str:number>/suspend/", hr_views.certificate_suspend, name="certificate_suspend"),
    path("certificates/<str:number>/restore/", hr_views.certificate_restore, name="certificate_restore"),
    path("certificates/<str:number>/revoke/", hr_views.certificate_revoke, name="certificate_revoke"),
    path("certificates/<str:number>/replace/", hr_views.certificate_replace, name="certificate_replace"),
    path("ledger/", ledger_views.ledger_page, name="ledger"),
    path("ledger/latest.json", ledger_views.ledger_latest, name="ledger_latest"),
    path("ledger/<str:day>.json", ledger_views.ledger_root, name="ledger_root"),
    path("verify/", verify.verify, name="verify"),
    path("verify/file/", verify.verify_file, name="verify_file"),
    path("verify/file.json", verify.verify_file_json, name="verify_file_json"),
    path("verify/pass/", verify.verify_pass, name="verify_pass"),
    path("verify/<str:number>.json", verify.verify_json, name="verify_json"),
    path("verify/<str:number>/", verify.verify_number, name="verify_number"),
]
