from django.urls import path

from giftcards.api.brands import BrandsView
from giftcards.api.sales import SellView
from giftcards.api.views import CardsView, PoolsView, PoolView

urlpatterns = [
    path("brands/", BrandsView.as_view(), name="api-brands"),
    path("pools/", PoolsView.as_view(), name="api-pools"),
    path("pools/<uuid:pool_id>/", PoolView.as_view(), name="api-pool"),
    path("pools/<uuid:pool_id>/cards/", CardsView.as_view(), name="api-pool-cards"),
    path("pools/<uuid:pool_id>/sell/", SellView.as_view(), name="api-pool-sell"),
]
