"""People who do not exist: invented names, and numbers that are kept for fiction."""

from __future__ import annotations

from typing import Final

_FIRST_NAMES: Final = (
    "Ana", "Ben", "Carla", "Dev", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Kira",
    "Luis", "Maya", "Nils", "Olga", "Paulo", "Quinn", "Rosa", "Sami", "Tara", "Umar", "Vera",
    "Wes", "Yuki",
)  # fmt: skip
_LAST_NAMES: Final = (
    "Abara", "Brookfield", "Castellan", "Dunmore", "Ekwall", "Fairweather", "Garnett", "Holloway",
    "Ivers", "Juarez", "Kessler", "Lindqvist", "Marlowe", "Nakata", "Okoro", "Pemberton", "Quist",
    "Rosewood", "Santoro",
)  # fmt: skip
# Area code, city, state and postal code. In every area 555-0100 to 555-0199 are fiction's.
_AREAS: Final = (
    ("202", "Washington", "DC", "20001"),
    ("312", "Chicago", "IL", "60601"),
    ("415", "San Francisco", "CA", "94102"),
    ("617", "Boston", "MA", "02108"),
    ("713", "Houston", "TX", "77002"),
)

HEADER: Final = "first_name,last_name,phone,email,city,region,postal_code,country,external_crm_id"


def recipient_row(number: int, *, crm_id: str) -> str:
    """Return the CSV row of the person with this number; the first 456 have names of their own."""
    first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
    last = _LAST_NAMES[number % len(_LAST_NAMES)]
    area, city, state, postal_code = _AREAS[number // 100 % len(_AREAS)]
    phone = f"+1 {area} 555 01{number % 100:02d}"
    email = f"{first}.{last}@example.com".lower()
    return f"{first},{last},{phone},{email},{city},{state},{postal_code},US,{crm_id}"
