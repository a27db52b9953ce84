"""Where the demo catalog's sellers live, and the storefronts among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class City:
    """A city with some of its streets; the position is its centre."""

    name: str
    postal_code: str
    latitude: float
    longitude: float
    streets: tuple[str, ...]


CITIES: Final = (
    City("Beograd", "11000", 44.8125, 20.4612, ("Knez Mihailova", "Bulevar kralja Aleksandra", "Njegoševa")),
    City("Novi Sad", "21000", 45.2551, 19.8452, ("Zmaj Jovina", "Bulevar oslobođenja", "Futoška")),
    City("Niš", "18000", 43.3209, 21.8958, ("Obrenovićeva", "Vožda Karađorđa", "Nikole Pašića")),
    City("Kragujevac", "34000", 44.0128, 20.9114, ("Kralja Petra I", "Lepenički bulevar")),
    City("Subotica", "24000", 46.1005, 19.6650, ("Korzo", "Matije Korvina", "Strossmajerova")),
    City("Zrenjanin", "23000", 45.3816, 20.3686, ("Kralja Aleksandra I", "Gimnazijska")),
    City("Čačak", "32000", 43.8914, 20.3497, ("Gradsko šetalište", "Kneza Miloša")),
    City("Pančevo", "26000", 44.8708, 20.6403, ("Vojvode Radomira Putnika", "Karađorđeva")),
)


@dataclass(frozen=True, slots=True)
class Shop:
    """A storefront and the root categories it sells in."""

    slug: str
    name: str
    description: str
    city: int
    roots: tuple[str, ...]


SHOPS: Final = (
    Shop("tehno-svet", "Tehno svet", "Telefoni, računari i bela tehnika sa garancijom od dve godine.", 0,
         ("electronics", "appliances", "office")),
    Shop("kuca-i-basta", "Kuća i bašta", "Nameštaj po meri, posuđe i sve za okućnicu.", 1, ("home-garden", "tools")),
    Shop("moda-dunav", "Moda Dunav", "Odeća i obuća domaćih proizvođača.", 1, ("fashion", "beauty")),
    Shop("mali-svet", "Mali svet", "Игрушки, коляски и одежда для детей. Доставка по всей Сербии.", 0, ("kids", "books")),
    Shop("planinar", "Planinar", "Bicycles, tents and everything else for the mountains. Service included.", 2,
         ("sport", "vehicles")),
    Shop("pcelinjak-maksimovic", "Pčelinjak Maksimović", "Med, ajvar i sadnice sa Fruške gore.", 5,
         ("food", "agriculture", "pets")),
    Shop("harmonija", "Harmonija", "Музыкальные инструменты, картины и уроки музыки.", 4, ("music", "antiques", "services")),
    Shop("nekretnine-sava", "Nekretnine Sava", "Stanovi u Beogradu i Novom Sadu, prodaja i izdavanje.", 0,
         ("real-estate",)),
)  # fmt: skip
