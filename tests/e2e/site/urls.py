from articles import views
from django.contrib import admin
from django.urls import path, re_path
from django.views.static import serve

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.home),
    path("seen/", views.seen),
    path("moved/", views.moved),
    path("cookie/", views.cookie),
    re_path(r"^media/(?P<path>.*)$", views.media(serve)),
]
