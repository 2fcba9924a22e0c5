"""Who and what the examples of tills on the OpenAPI page are about."""

from __future__ import annotations

from typing import Final

CLIENT: Final = "3d9a1c7e-2b4f-4d8a-8e6c-5a7b9c0d1e03"
CUSTOMER: Final = "c1a2b3d4-5e6f-4a7b-8c9d-0e1f2a3b4c05"
SESSION: Final = "d4c3b2a1-6f5e-4b7a-9d8c-1f0e2b3a4c06"
CHECKOUT_ID: Final = "6a1d0c2e-4b5f-4d3c-9e8a-7f6b5c4d3e21"
AT: Final = "2026-03-02T15:30:00Z"
