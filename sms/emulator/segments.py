"""How many SMS segments a text takes, which is what is billed."""

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("\f^{}\\[~]|€")
GSM_ALPHABET = GSM_BASIC | GSM_EXTENDED


def count_segments(body: str) -> int:
    """Return the number of segments of ``body``: GSM-7 when it fits the alphabet, else UCS-2."""
    if GSM_ALPHABET.issuperset(body):
        sizes = [2 if character in GSM_EXTENDED else 1 for character in body]
        alone, joined = 160, 153
    else:
        sizes = [2 if ord(character) > 0xFFFF else 1 for character in body]
        alone, joined = 70, 67
    if sum(sizes) <= alone:
        return 1
    segments, used = 1, 0
    for size in sizes:
        # An escape sequence or a surrogate pair never straddles two segments, so a plain
        # division by the segment's size would come out too low.
        if used + size > joined:
            segments, used = segments + 1, 0
        used += size
    return segments
