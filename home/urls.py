from django.urls import path

from home import views

urlpatterns = [
    path("", views.front, name="home"),
    path("display/", views.display, name="display"),
    path("my/", views.my_learning, name="my_learning"),
    path("dashboard/", views.dashboard, name="dashboard"),
    path("dashboard/<int:pk>/remind/", views.remind, name="remind"),
    path("system/", views.system_state, name="system"),
    path("search/", views.search, name="search"),
]
