"""The demo catalog's categories: 18 roots and their children, named in English, Russian and Serbian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Name:
    """One name in three languages."""

    en: str
    ru: str
    sr: str


@dataclass(frozen=True, slots=True)
class Root:
    """A category at the top and, by slug, the ones below it."""

    slug: str
    icon: str
    name: Name
    children: dict[str, Name]


ROOTS: Final = (
    Root("electronics", "smartphone", Name("Electronics", "Электроника", "Elektronika"), {
        "phones": Name("Phones", "Телефоны", "Mobilni telefoni"),
        "laptops": Name("Laptops", "Ноутбуки", "Laptopovi"),
        "tv-audio": Name("TV and audio", "ТВ и аудио", "TV i audio"),
        "cameras": Name("Cameras", "Фотоаппараты", "Fotoaparati"),
    }),
    Root("vehicles", "car", Name("Vehicles", "Транспорт", "Vozila"), {
        "cars": Name("Cars", "Автомобили", "Automobili"),
        "motorcycles": Name("Motorcycles", "Мотоциклы", "Motocikli"),
        "car-parts": Name("Parts and tyres", "Запчасти и шины", "Delovi i gume"),
    }),
    Root("real-estate", "building", Name("Real estate", "Недвижимость", "Nekretnine"), {
        "flats-for-sale": Name("Flats for sale", "Продажа квартир", "Prodaja stanova"),
        "flats-to-let": Name("Flats to let", "Аренда квартир", "Izdavanje stanova"),
        "land": Name("Land", "Земельные участки", "Placevi"),
    }),
    Root("home-garden", "sofa", Name("Home and garden", "Дом и сад", "Kuća i bašta"), {
        "furniture": Name("Furniture", "Мебель", "Nameštaj"),
        "kitchen": Name("Kitchen", "Кухня", "Kuhinja"),
        "garden": Name("Garden", "Сад", "Bašta"),
    }),
    Root("appliances", "washing-machine", Name("Appliances", "Бытовая техника", "Bela tehnika"), {
        "washing-machines": Name("Washing machines", "Стиральные машины", "Veš mašine"),
        "refrigerators": Name("Refrigerators", "Холодильники", "Frižideri"),
        "coffee-machines": Name("Coffee machines", "Кофемашины", "Aparati za kafu"),
    }),
    Root("fashion", "shirt", Name("Fashion", "Одежда и обувь", "Odeća i obuća"), {
        "womens-clothing": Name("Women's clothing", "Женская одежда", "Ženska odeća"),
        "mens-clothing": Name("Men's clothing", "Мужская одежда", "Muška odeća"),
        "shoes": Name("Shoes", "Обувь", "Obuća"),
        "bags": Name("Bags", "Сумки", "Torbe"),
    }),
    Root("kids", "baby", Name("Children", "Детские товары", "Dečje stvari"), {
        "toys": Name("Toys", "Игрушки", "Igračke"),
        "prams": Name("Prams", "Коляски", "Kolica"),
        "kids-clothing": Name("Children's clothing", "Детская одежда", "Dečja odeća"),
    }),
    Root("sport", "bicycle", Name("Sport and leisure", "Спорт и отдых", "Sport i rekreacija"), {
        "bicycles": Name("Bicycles", "Велосипеды", "Bicikli"),
        "camping": Name("Camping", "Туризм", "Kampovanje"),
        "winter-sports": Name("Winter sports", "Зимние виды спорта", "Zimski sportovi"),
    }),
    Root("books", "book", Name("Books and magazines", "Книги и журналы", "Knjige i časopisi"), {
        "fiction": Name("Fiction", "Художественная литература", "Beletristika"),
        "textbooks": Name("Textbooks", "Учебники", "Udžbenici"),
    }),
    Root("music", "guitar", Name("Musical instruments", "Музыкальные инструменты", "Muzički instrumenti"), {
        "guitars": Name("Guitars", "Гитары", "Gitare"),
        "keyboards": Name("Keyboards", "Клавишные", "Klavijature"),
        "accordions": Name("Accordions", "Аккордеоны", "Harmonike"),
    }),
    Root("pets", "paw", Name("Pets", "Животные", "Kućni ljubimci"), {
        "pet-food": Name("Pet food", "Корм для животных", "Hrana za ljubimce"),
        "aquaristics": Name("Aquaristics", "Аквариумистика", "Akvaristika"),
    }),
    Root("beauty", "sparkles", Name("Beauty and health", "Красота и здоровье", "Lepota i zdravlje"), {
        "perfumes": Name("Perfumes", "Парфюмерия", "Parfemi"),
        "skin-care": Name("Skin care", "Уход за кожей", "Nega kože"),
    }),
    Root("tools", "hammer", Name("Tools and building", "Инструменты и стройка", "Alati i gradnja"), {
        "power-tools": Name("Power tools", "Электроинструмент", "Električni alat"),
        "building-materials": Name("Building materials", "Стройматериалы", "Građevinski materijal"),
    }),
    Root("agriculture", "tractor", Name("Agriculture", "Сельское хозяйство", "Poljoprivreda"), {
        "tractors": Name("Tractors", "Тракторы", "Traktori"),
        "seedlings": Name("Seedlings", "Саженцы", "Sadnice"),
    }),
    Root("food", "apple", Name("Food and drink", "Продукты питания", "Hrana i piće"), {
        "honey": Name("Honey", "Мёд", "Med"),
        "preserves": Name("Preserves", "Домашние заготовки", "Zimnica"),
    }),
    Root("antiques", "vase", Name("Antiques and art", "Антиквариат и искусство", "Antikviteti i umetnost"), {
        "coins": Name("Coins", "Монеты", "Numizmatika"),
        "paintings": Name("Paintings", "Картины", "Slike"),
    }),
    Root("services", "wrench", Name("Services", "Услуги", "Usluge"), {
        "repairs": Name("Repairs", "Ремонт", "Popravke"),
        "lessons": Name("Lessons", "Репетиторы", "Časovi"),
        "transport": Name("Transport", "Перевозки", "Prevoz"),
    }),
    Root("office", "printer", Name("Business and office", "Бизнес и офис", "Posao i kancelarija"), {
        "office-supplies": Name("Office supplies", "Канцтовары", "Kancelarijski materijal"),
        "shop-equipment": Name("Shop equipment", "Торговое оборудование", "Oprema za radnje"),
    }),
)  # fmt: skip
