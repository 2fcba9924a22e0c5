from django.urls import path

from giftcards.api.sales import SellView
from giftcards.api.views import CardsView, PoolsView, PoolView

urlpatterns = [
    path("pools/", PoolsView.as_view(), name="api-pools"),
    path("pools/<uuid:pool_id>/", PoolView.as_view(), name="api-pool"),
    path("pools/<uuid:pool_id>/cards/", CardsView.as_view(), name="api-pool-cards"),
    path("pools/<uuid:pool_id>/sell/", SellView.as_view(), name="api-pool-sell"),
]
