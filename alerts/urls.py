from django.urls import path

from alerts.views.status import status_page

urlpatterns = [path("status/", status_page, name="status")]
