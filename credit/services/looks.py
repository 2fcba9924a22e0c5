"""How a client's pages look, and where they may be embedded: set here, served from our origin."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from alerts.errors import ValidationFailedError
from alerts.scope import EVERYTHING, seeing
from alerts.transactions import transaction_required
from credit.models import Client, ClientLook
from credit.services.audit import record_event
from credit.services.colours import shades_of
from credit.services.logos import Logo

_HOST: Final = re.compile(
    r"(?=.{1,253}(:|$))([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)"
    r"(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*(:[0-9]{1,5})?"
)
_MAX_ORIGINS: Final = 10
_LOCAL: Final = frozenset({"localhost", "127.0.0.1"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a page needs to know of a client's look; the digests are "" for what it has not got."""

    client_id: UUID
    colour: str = ""
    sheet_digest: str = ""
    logo_digest: str = ""
    logo_width: int = 0
    logo_height: int = 0


@seeing(EVERYTHING)
def find_look(client_id: UUID) -> Look:
    """Return a client's look, an empty one where nobody has set any."""
    rows = ClientLook.objects.filter(pk=client_id).values_list(
        "colour", "logo_digest", "logo_width", "logo_height"
    )
    for colour, logo_digest, width, height in rows:
        return Look(
            client_id=client_id,
            colour=colour,
            sheet_digest=digest_of_sheet(sheet_of(colour)) if colour else "",
            logo_digest=logo_digest,
            logo_width=width,
            logo_height=height,
        )
    return Look(client_id=client_id)


@seeing(EVERYTHING)
def find_sheet(client_id: UUID) -> str:
    """Return a client's stylesheet of one line, "" where it has no colour of its own."""
    for colour in ClientLook.objects.filter(pk=client_id).values_list("colour", flat=True):
        return sheet_of(colour) if colour else ""
    return ""


@seeing(EVERYTHING)
def find_logo(client_id: UUID, digest: str) -> bytes | None:
    """Return a client's logo, None where it is not (any more) the one of this digest."""
    if not digest:
        return None
    rows = ClientLook.objects.filter(pk=client_id, logo_digest=digest)
    for logo in rows.values_list("logo", flat=True):
        return bytes(logo) if logo else None
    return None


@seeing(EVERYTHING)
def find_embed_origins(client_id: UUID) -> list[str] | None:
    """Return where an active client's form may be embedded, None for no such client."""
    rows = ClientLook.objects.filter(
        pk=client_id, client__is_active=True, client__agency__is_active=True
    )
    for origins in rows.values_list("embed_origins", flat=True):
        return list(origins)
    return None


@seeing(EVERYTHING)
@transaction_required
def change_look(
    *,
    client: Client,
    colour: str,
    logo: Logo | None,
    drops_logo: bool,
    embed_origins: list[str],
    actor: str,
    now: datetime,
) -> None:
    """Keep how a client's pages look and where they may be embedded, if anything of it changes.

    :param colour: as ``read_colour`` returns it, ``""`` for ours.
    :param logo: a new one; None keeps the one there is, unless ``drops_logo``.
    """
    look = ClientLook.objects.filter(pk=client.pk).order_by("pk").first()
    look = look or ClientLook(client=client, colour="", logo_digest="")
    before = _facts_of(look)
    look.colour, look.embed_origins = colour, embed_origins
    if logo is not None:
        look.logo, look.logo_digest = logo.png, logo.digest
        look.logo_width, look.logo_height = logo.width, logo.height
    elif drops_logo:
        look.logo, look.logo_digest, look.logo_width, look.logo_height = None, "", 0, 0
    after = _facts_of(look)
    if after == before:
        return
    look.save()
    record_event(
        actor=actor,
        action="look.changed",
        object_kind="client",
        object_id=client.pk,
        now=now,
        before={name: value for name, value in before.items() if value != after[name]},
        after={name: value for name, value in after.items() if value != before[name]},
        owner=client,
    )


def sheet_of(colour: str) -> str:
    """Return the stylesheet that gives the pages a client's colour."""
    shades = shades_of(colour)
    return f":root{{--brand:{shades.light};--brand-dark:{shades.dark}}}"


def digest_of_sheet(sheet: str) -> str:
    """Return what names a stylesheet in its address, so that it can be kept for good."""
    return hashlib.sha256(sheet.encode()).hexdigest()[:16]


def read_origins(text: str) -> list[str]:
    """Return the origins from lines of web addresses, each once.

    A path is dropped: a web site frames us as a whole. Only ``https``, except on one's own
    machine, since what frames a form over ``http`` can be anybody on the way.

    :raises ValidationFailedError: a line is no such address (GC-012, ``embed_origins``).
    """
    origins: list[str] = []
    for line in text.split():
        origin = _origin_of(line)
        if origin is None:
            raise _refusal(
                f"“{line[:80]}” is not the address of a web site. Write it as in the browser: "
                "https://www.example.com."
            )
        if origin not in origins:
            origins.append(origin)
    if len(origins) > _MAX_ORIGINS:
        raise _refusal(f"Name {_MAX_ORIGINS} web sites at most.")
    return origins


def _facts_of(look: ClientLook) -> dict[str, object]:
    return {
        "colour": look.colour,
        "logo": look.logo_digest,
        "embed_origins": list(look.embed_origins),
    }


def _origin_of(line: str) -> str | None:
    try:
        parts = urlsplit(line.strip().lower())
    except ValueError:
        return None
    if not _HOST.fullmatch(parts.netloc):
        return None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    return f"{parts.scheme}://{parts.netloc}" if is_safe else None


def _refusal(words: str) -> ValidationFailedError:
    return ValidationFailedError(errors={"embed_origins": [words]})
