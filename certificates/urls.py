from django.urls import path

from certificates import badge_views, views
from certificates.verify import views as verify

urlpatterns = [
    path("certificates/", views.my_certificates, name="my_certificates"),
    path("certificates/issued/", views.certificates_issued, name="certificates_issued"),
    path(".well-known/did.json", badge_views.issuer_document, name="issuer_document"),
    path("certificates/status/<slug:purpose>/<int:block>.json", badge_views.status_list, name="status_list"),
    path("certificates/<str:number>.badge.json", badge_views.certificate_badge, name="certificate_badge"),
    path("certificates/<str:number>.pdf", views.certificate_file, {"kind": "pdf"}, name="certificate_pdf"),
    path("certificates/<str:number>.png", views.certificate_file, {"kind": "png"}, name="certificate_image"),
    path("certificates/<str:number>/", views.certificate, name="certificate"),
    path("certificates/<str:number>/revoke/", views.certificate_revoke, name="certificate_revoke"),
    path("verify/", verify.verify, name="verify"),
    path("verify/file/", verify.verify_file, name="verify_file"),
    path("verify/file.json", verify.verify_file_json, name="verify_file_json"),
    path("verify/pass/", verify.verify_pass, name="verify_pass"),
    path("verify/<str:number>.json", verify.verify_json, name="verify_json"),
    path("verify/<str:number>/", verify.verify_number, name="verify_number"),
]
