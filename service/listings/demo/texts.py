"""Titles and descriptions of demo listings in the scripts that people here write in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

    from listings.demo.categories import Name

LANGUAGES: Final = ("sr", "ru", "en", "sr-cyrl")

# By who offers what, and language: how a description begins and how it ends.
_OPENINGS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "person": {
        "sr": ("U odličnom stanju, kao na slikama.", "Malo korišćeno, sve ispravno.",
               "Kupljeno prošle godine, sa računom.", "Prodajem jer mi više ne treba."),
        "ru": ("В отличном состоянии, всё как на фото.", "Почти не использовали, полностью исправно.",
               "Куплено в прошлом году, есть чек.", "Продаю, потому что больше не нужно."),
        "en": ("In excellent condition, as in the pictures.", "Hardly used, everything works.",
               "Bought last year, with the receipt.", "Selling because I no longer need it."),
    },
    "shop": {
        "sr": ("Novo, sa fabričkom garancijom.", "Na stanju, isporuka u roku od dva dana."),
        "ru": ("Новый товар с гарантией производителя.", "В наличии, доставка за два дня."),
        "en": ("New, with the maker's warranty.", "In stock, delivered within two days."),
    },
    "service": {
        "sr": ("Dugogodišnje iskustvo i dobre preporuke.", "Brzo, uredno i po dogovoru."),
        "ru": ("Большой опыт и хорошие отзывы.", "Быстро, аккуратно и по договорённости."),
        "en": ("Many years of experience, good references.", "Quick, tidy and as agreed."),
    },
    "estate": {
        "sr": ("Uknjiženo, odmah useljivo.", "Miran kraj, blizu prevoza."),
        "ru": ("Документы в порядке, можно въезжать сразу.", "Тихий район, рядом транспорт."),
        "en": ("Papers in order, free at once.", "A quiet area close to transport."),
    },
}  # fmt: skip
_CLOSINGS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "goods": {
        "sr": ("Lično preuzimanje ili slanje kurirskom službom.", "Cena nije fiksna, javite se porukom.",
               "Može i zamena uz doplatu."),
        "ru": ("Самовывоз или доставка курьером.", "Возможен торг, пишите в сообщения.",
               "Возможен обмен с доплатой."),
        "en": ("Pick it up or have it sent by courier.", "The price is negotiable, write to me.",
               "Exchange is possible."),
    },
    "other": {
        "sr": ("Pozovite ili pišite, odgovaram istog dana.",),
        "ru": ("Звоните или пишите, отвечаю в тот же день.",),
        "en": ("Call or write, I answer the same day.",),
    },
}  # fmt: skip

_PAIRS: Final = {"lj": "љ", "nj": "њ", "dž": "џ"}
_LETTERS: Final = dict(
    zip("abcčćdđefghijklmnoprsštuvzž", "абцчћдђефгхијклмнопрсштувзж", strict=True)
)  # q, w, x, y are in no Serbian word


def written(name: Name, make: str, language: str) -> str:
    """A title: what it is in the language, then its make as the maker writes it."""
    noun = {"sr": name.sr, "ru": name.ru, "en": name.en, "sr-cyrl": in_cyrillic(name.sr)}[language]
    return f"{noun} {make}"


def described(random: Random, language: str, city: str, kind: str) -> str:
    """Two sentences and a place; `kind` is person, shop, service or estate."""
    plain = "sr" if language == "sr-cyrl" else language
    closings = _CLOSINGS["goods" if kind in ("person", "shop") else "other"]
    text = f"{random.choice(_OPENINGS[kind][plain])} {random.choice(closings[plain])} {city}."
    return in_cyrillic(text) if language == "sr-cyrl" else text


def in_cyrillic(text: str) -> str:
    """Serbian Latin in Cyrillic, letter by letter, capitals kept."""
    result = []
    position = 0
    while position < len(text):
        pair = text[position : position + 2]
        cyrillic = _PAIRS.get(pair.lower())
        if cyrillic is None:
            pair = text[position]
            cyrillic = _LETTERS.get(pair.lower(), pair)
        result.append(cyrillic.upper() if pair[0].isupper() else cyrillic)
        position += len(pair)
    return "".join(result)
