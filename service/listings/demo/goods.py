"""What is sold in the demo catalog: one row per kind of thing, its makes, prices and who sells it.

Prices are in euros, and makes stand from the dearest to the cheapest. `sellers` has a letter per listing made of each make: c for people (c2c), b for shops' products
(b2c), s for offers of a storefront. `versions` are the variants a shop's product comes in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from listings.demo.categories import Name


@dataclass(frozen=True, slots=True)
class Goods:
    """One kind of thing in one category."""

    category: str
    name: Name
    makes: tuple[str, ...]
    low: int
    high: int
    sellers: str
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    versions: dict[str, tuple[str, ...]] = field(default_factory=dict)


def _goods(
    category: str,
    sr: str,
    ru: str,
    en: str,
    makes: str,
    prices: tuple[int, int],
    sellers: str,
    **more: dict[str, str],
) -> Goods:
    def split(table: dict[str, str]) -> dict[str, tuple[str, ...]]:
        return {key: tuple(values.split("|")) for key, values in table.items()}

    return Goods(
        category, Name(en, ru, sr), tuple(makes.split("|")), *prices, sellers,
        split(more.get("attributes", {})), split(more.get("versions", {})),
    )  # fmt: skip


_USED: Final = {"condition": "new|like new|used"}
_COLOURS: Final = {"color": "black|white|blue|red"}

GOODS: Final = (
    _goods("phones", "Telefon", "Смартфон", "Phone", "Samsung Galaxy S23|Apple iPhone 13|Google Pixel 7|Xiaomi Redmi Note 12",
           (140, 720), "ccb", attributes={**_USED, "memory": "128 GB|256 GB"}, versions={"color": "black|white|green", "memory": "128 GB|256 GB"}),
    _goods("laptops", "Laptop", "Ноутбук", "Laptop", "Dell XPS 13|Apple MacBook Air M1|HP ProBook 450|Lenovo ThinkPad T480",
           (260, 1100), "ccb", attributes={**_USED, "ram": "8 GB|16 GB|32 GB", "screen": '13"|14"|15.6"'}),
    _goods("tv-audio", "Televizor", "Телевизор", "TV set", "LG OLED 55|Samsung QLED 50|Philips Ambilight 43",
           (190, 990), "cb", attributes={**_USED, "screen": '43"|50"|55"'}),
    _goods("tv-audio", "Slušalice", "Наушники", "Headphones", "Sony WH-1000XM4|JBL Tune 770|Sennheiser HD 560",
           (45, 290), "cb", attributes=_USED, versions=_COLOURS),
    _goods("cameras", "Fotoaparat", "Фотоаппарат", "Camera", "Sony A6400|Nikon D5600|Canon EOS 250D|Zenit-E",
           (60, 820), "cc", attributes={**_USED, "lens": "18-55 mm|50 mm|none"}),
    _goods("cars", "Automobil", "Автомобиль", "Car", "VW Golf 7|Škoda Octavia 1.6 TDI|Opel Astra J|Fiat Punto 1.2|Zastava Jugo 55",
           (850, 14500), "cc", attributes={"year": "1988|2009|2014|2017|2019", "fuel": "petrol|diesel|LPG", "mileage": "98000 km|142000 km|210000 km"}),
    _goods("motorcycles", "Motocikl", "Мотоцикл", "Motorcycle", "Yamaha MT-07|Honda CB500X|Tomos APN 6",
           (600, 6400), "c", attributes={"year": "1986|2016|2021", "mileage": "12000 km|31000 km"}),
    _goods("car-parts", "Zimske gume", "Зимние шины", "Winter tyres", "Michelin Alpin 6|Continental WinterContact|Tigar Winter",
           (35, 120), "cb", attributes={**_USED, "season": "winter"}, versions={"size": "195/65 R15|205/55 R16|225/45 R17"}),
    _goods("flats-for-sale", "Prodajem stan", "Продаю квартиру", "Flat for sale", "Novi Beograd 71 m²|Vračar 54 m²|Zvezdara 46 m²|Liman 32 m²",
           (62000, 245000), "cs", attributes={"rooms": "1.5|2|3", "floor": "2|4|7", "heating": "central|electric|gas"}),
    _goods("flats-to-let", "Izdajem stan", "Сдаю квартиру", "Flat to let", "Dorćol 65 m²|Podbara 48 m²|Medijana 35 m²",
           (280, 900), "cs", attributes={"rooms": "1|2|2.5", "furnished": "yes|no", "pets": "yes|no"}),
    _goods("land", "Plac", "Участок", "Plot", "Fruška gora 8 ari|Zlatibor 5 ari|Avala 11 ari", (9000, 48000), "c", attributes={"access": "asphalt|gravel", "water": "yes|no"}),
    _goods("furniture", "Ugaona garnitura", "Угловой диван", "Corner sofa", "Forma Ideale Lotos|IKEA Friheten|Simpo Bali",
           (180, 890), "cb", attributes={**_USED, "color": "grey|beige|blue"}),
    _goods("furniture", "Radni sto", "Письменный стол", "Desk", "hrast 140x70|IKEA Micke|bukva 120x60", (40, 260), "cb", attributes=_USED),
    _goods("kitchen", "Set šerpi", "Набор кастрюль", "Cookware set", "Metalac 5|Tefal Ingenio|Tramontina", (35, 190), "cb", attributes={"material": "enamel|steel"}),
    _goods("garden", "Kosačica", "Газонокосилка", "Lawn mower", "Honda HRG 416|Villager 1804|Bosch Rotak 32", (70, 480), "cs", attributes={**_USED, "drive": "petrol|electric"}),
    _goods("washing-machines", "Veš mašina", "Стиральная машина", "Washing machine", "Gorenje WNEI74|Bosch Serie 4|Beko WUE", (120, 520), "cb", attributes={**_USED, "load": "7 kg|8 kg"}),
    _goods("refrigerators", "Frižider", "Холодильник", "Refrigerator", "Samsung RB34|Gorenje NRK6192|Obodin Cetinje", (60, 690), "cb", attributes={**_USED, "energy": "A|C|E"}),
    _goods("coffee-machines", "Aparat za kafu", "Кофемашина", "Coffee machine", "DeLonghi Magnifica|Philips 2200|Krups Essential", (110, 430), "bs", attributes={"pressure": "15 bar"}, versions={"color": "black|silver"}),
    _goods("womens-clothing", "Haljina", "Платье", "Dress", "ručni rad, lan|Mona|Zara", (15, 120), "cb", attributes={"material": "cotton|linen|viscose"}, versions={"size": "S|M|L", "color": "red|black"}),
    _goods("mens-clothing", "Jakna", "Куртка", "Jacket", "The North Face|Columbia|Jack Wolfskin", (30, 210), "cb", attributes=_USED, versions={"size": "M|L|XL"}),
    _goods("shoes", "Patike", "Кроссовки", "Trainers", "Nike Air Max 90|Adidas Gazelle|Salomon XA Pro|Rang", (25, 150), "cb", attributes=_USED, versions={"size": "41|42|43|44"}),
    _goods("bags", "Kožna torba", "Кожаная сумка", "Leather bag", "Furla Metropolis|Mona Classic|ručni rad, smeđa", (35, 240), "cs", attributes={"material": "leather"}),
    _goods("toys", "Lego kocke", "Конструктор Лего", "Lego set", "Technic 42151|City 60337|Duplo 10913", (15, 160), "cb", attributes={"age": "2+|6+|9+"}),
    _goods("prams", "Kolica za bebe", "Детская коляска", "Pram", "Cybex Priam|Chicco Trio|Bebetto", (80, 620), "cc", attributes=_USED),
    _goods("kids-clothing", "Zimski kombinezon", "Зимний комбинезон", "Snowsuit", "Reima|Lupilu|Decathlon", (12, 75), "cb", attributes=_USED, versions={"size": "86|98|110"}),
    _goods("bicycles", "Bicikl", "Велосипед", "Bicycle", "Scott Aspect 950|Trek Marlin 5|Polar Mirage|Capriolo Oasis 28|Rog Partizan",
           (70, 780), "ccb", attributes={**_USED, "frame": '17"|19"|21"', "gears": "1|18|21|24"}),
    _goods("camping", "Šator", "Палатка", "Tent", "Quechua 4 osobe|Coleman Darwin 3|Vango Banshee 200", (40, 260), "cb", attributes={"persons": "2|3|4"}),
    _goods("winter-sports", "Skije", "Лыжи", "Skis", "Rossignol React 6|Elan Amphibio|Atomic Redster", (60, 390), "cc", attributes={**_USED, "length": "160 cm|167 cm|174 cm"}),
    _goods("fiction", "Knjiga", "Книга", "Book", "Ivo Andrić: Na Drini ćuprija|Мастер и Маргарита|Meša Selimović: Derviš i smrt|Преступление и наказание",
           (3, 25), "cb", attributes={"cover": "hard|soft"}),
    _goods("textbooks", "Udžbenik", "Учебник", "Textbook", "matematika 7|русский язык для иностранцев|English File B2", (4, 30), "cb", attributes=_USED),
    _goods("guitars", "Gitara", "Гитара", "Guitar", "Fender Stratocaster|Ibanez RG370|Yamaha C40|Урал 650", (60, 950), "cs", attributes={**_USED, "strings": "6|7"}),
    _goods("keyboards", "Klavijatura", "Синтезатор", "Keyboard", "Korg Pa700|Yamaha PSR-E373|Roland FP-10", (120, 990), "c", attributes=_USED),
    _goods("accordions", "Harmonika", "Аккордеон", "Accordion", "Melodija Mengeš|Weltmeister 96|Тула 209", (150, 1800), "c", attributes={**_USED, "bass": "80|96|120"}),
    _goods("pet-food", "Hrana za pse", "Корм для собак", "Dog food", "Royal Canin Maxi|Purina Pro Plan|Brit Care", (18, 75), "b", versions={"weight": "3 kg|12 kg"}),
    _goods("aquaristics", "Akvarijum", "Аквариум", "Aquarium", "Juwel Rio 125|Aquael 54|180 l sa postoljem", (40, 320), "cs", attributes={"volume": "54 l|125 l|180 l"}),
    _goods("perfumes", "Parfem", "Духи", "Perfume", "Chanel Chance|Lacoste Essential|Novaya Zarya Kuznetsky Most", (20, 130), "cb", versions={"volume": "30 ml|50 ml|100 ml"}),
    _goods("skin-care", "Krema za lice", "Крем для лица", "Face cream", "La Roche-Posay|Nivea Q10|Чистая линия", (5, 45), "bs", attributes={"volume": "50 ml"}),
    _goods("power-tools", "Bušilica", "Дрель", "Drill", "Makita HP1640|Bosch GSB 13|Iskra Perles", (35, 210), "cb", attributes={**_USED, "power": "600 W|750 W"}),
    _goods("building-materials", "Cigla", "Кирпич", "Brick", "Nexe Klima 25|fasadna crvena|старая, ручной формовки", (1, 4), "bs", attributes={"unit": "piece"}),
    _goods("tractors", "Traktor", "Трактор", "Tractor", "МТЗ Беларус 82|Rakovica 65|IMT 539", (2800, 17500), "c", attributes={"year": "1984|1996|2011", "hours": "2100|6400"}),
    _goods("seedlings", "Sadnice maline", "Саженцы малины", "Raspberry seedlings", "Vilamet|Polana|Heritage", (1, 3), "bs", attributes={"minimum": "10|50"}),
    _goods("honey", "Med", "Мёд", "Honey", "bagremov 1 kg|livadski 1 kg|липовый 0,5 кг|šumski 900 g", (6, 14), "cbs", attributes={"year": "2025|2026"}),
    _goods("preserves", "Ajvar", "Айвар", "Ajvar", "domaći, ljuti|domaći, blagi|leskovački", (4, 9), "cs", attributes={"jar": "370 g|720 g"}),
    _goods("coins", "Kovanica", "Монета", "Coin", "dukat 1915|5 dinara 1904|рубль 1924|10 dinara 1931", (5, 480), "cc", attributes={"metal": "silver|gold|copper"}),
    _goods("paintings", "Ulje na platnu", "Картина маслом", "Oil painting", "Pejzaž sa Fruške gore|Осенний Белград|Mrtva priroda", (60, 900), "cs", attributes={"size": "40x60|60x80"}),
    _goods("repairs", "Popravka", "Ремонт", "Repair", "veš mašina|телефоны и планшеты|bicikli", (10, 60), "cs", attributes={"visit": "yes|no"}),
    _goods("lessons", "Časovi", "Уроки", "Lessons", "srpski za strance|русский язык|matematika|gitara", (8, 30), "cs", attributes={"online": "yes|no"}),
    _goods("transport", "Prevoz stvari", "Грузоперевозки", "Removals", "kombi do 1,5 t|kamion do 5 t|по городу и области", (20, 150), "cs", attributes={"loading": "yes|no"}),
    _goods("office-supplies", "Papir A4", "Бумага A4", "A4 paper", "Maestro|Navigator|SvetoCopy", (4, 9), "b", versions={"pack": "500|2500"}),
    _goods("shop-equipment", "Fiskalna kasa", "Онлайн-касса", "Cash register", "Galeb|Атол 91Ф|Casio SE-S100", (60, 340), "cs", attributes=_USED),
)  # fmt: skip
