from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from redemption.dashboard.frame import build_frame
from redemption.views.embedding import ORIGINS, address_in, embedded_client


def site(request: HttpRequest) -> dict[str, Any]:
    """What every page may print: who runs it and how to reach them.

    ``frame`` (who is signed in and where they can go) is looked up only by pages that draw it.
    """
    return {
        "company_name": settings.COMPANY_NAME,
        "support_phone": settings.SUPPORT_PHONE_NUMBER,
        "support_email": settings.SUPPORT_EMAIL,
        "is_sandbox": settings.SANDBOX,
        # Of the customers' form: another one where it is embedded.
        "form_url": address_in(request, "redeem"),
        "embed_client": embedded_client(request),
        "embed_origins": request.META.get(ORIGINS),
        "frame": SimpleLazyObject(lambda: build_frame(request)),
    }
