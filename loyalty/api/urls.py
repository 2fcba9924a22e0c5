from django.urls import path

from loyalty.api.checkouts import CheckoutsView, CheckoutView, QuotesView
from loyalty.api.customers import CustomersView, CustomerView, PointsView
from loyalty.api.reconciliation import ReconciliationView, ReplayItemView, ResolveItemView
from loyalty.api.refunds import RefundView
from loyalty.api.rewards import RewardsView
from loyalty.api.shop import (
    CloseView,
    SessionsView,
    SessionView,
    StockItemsView,
    StockItemView,
)

urlpatterns = [
    # First, since most requests are to this one.
    path("loyalty/checkouts/", CheckoutsView.as_view(), name="api-checkouts"),
    path("loyalty/checkouts/<uuid:checkout_id>/", CheckoutView.as_view(), name="api-checkout"),
    path("loyalty/checkouts/<uuid:checkout_id>/refund/", RefundView.as_view(), name="api-refund"),
    path("loyalty/quotes/", QuotesView.as_view(), name="api-quotes"),
    path("loyalty/customers/", CustomersView.as_view(), name="api-customers"),
    path("loyalty/customers/<uuid:customer_id>/", CustomerView.as_view(), name="api-customer"),
    path(
        "loyalty/customers/<uuid:customer_id>/transactions/",
        PointsView.as_view(),
        name="api-customer-transactions",
    ),
    path("loyalty/stock-items/", StockItemsView.as_view(), name="api-stock-items"),
    path(
        "loyalty/stock-items/<uuid:stock_item_id>/", StockItemView.as_view(), name="api-stock-item"
    ),
    path("loyalty/register-sessions/", SessionsView.as_view(), name="api-register-sessions"),
    path(
        "loyalty/register-sessions/<uuid:session_id>/",
        SessionView.as_view(),
        name="api-register-session",
    ),
    path(
        "loyalty/register-sessions/<uuid:session_id>/close/",
        CloseView.as_view(),
        name="api-register-session-close",
    ),
    path("loyalty/rewards/", RewardsView.as_view(), name="api-rewards"),
    path("loyalty/reconciliation/", ReconciliationView.as_view(), name="api-reconciliation"),
    path(
        "loyalty/reconciliation/<uuid:item_id>/replay/",
        ReplayItemView.as_view(),
        name="api-reconciliation-replay",
    ),
    path(
        "loyalty/reconciliation/<uuid:item_id>/resolve/",
        ResolveItemView.as_view(),
        name="api-reconciliation-resolve",
    ),
]
