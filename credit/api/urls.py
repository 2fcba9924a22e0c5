from django.urls import path

from credit.api.views import (
    AccountsView,
    AccountView,
    AllocationsView,
    EntriesView,
    StatementView,
)

urlpatterns = [
    path("accounts/", AccountsView.as_view(), name="api-accounts"),
    path("accounts/<uuid:account_id>/", AccountView.as_view(), name="api-account"),
    path("accounts/<uuid:account_id>/entries/", EntriesView.as_view(), name="api-entries"),
    path("accounts/<uuid:account_id>/statement/", StatementView.as_view(), name="api-statement"),
    path("allocations/", AllocationsView.as_view(), name="api-allocations"),
]
