"""A catalog of realistic size and words, written in seconds: for performance checks and benchmarks.

    await seed(dsn)                      100,000 listings in three languages
    await seed(dsn, listings=10_000)     a tenth of it

The same call writes the same catalog: everything derives from row numbers. Few words are very common and many
rare, as in life, so that searches for both can be measured.
"""

# ruff: noqa: RUF001 - three scripts are what it is for

from __future__ import annotations

import asyncpg

# The n-th word of a list is chosen in proportion to 1/(n + 4), roughly: the first ones are the common words.
_NOUNS = {
    "ru": "велосипед телефон диван ноутбук стол кроватка куртка холодильник гитара самокат фотоаппарат шкаф "
    "кресло телевизор пылесос коляска лыжи палатка книга лампа монитор принтер чайник ковёр зеркало",
    "sr": "бицикл телефон кауч лаптоп сто креветац јакна фрижидер гитара тротинет фотоапарат ормар "
    "фотеља телевизор усисивач колица скије шатор књига лампа монитор штампач чајник тепих огледало",
    "sr-Latn": "bicikl telefon kauč laptop sto krevetac jakna frižider gitara trotinet fotoaparat ormar "
    "fotelja televizor usisivač kolica skije šator knjiga lampa monitor štampač čajnik tepih ogledalo",
    "en": "bicycle phone sofa laptop table cot jacket refrigerator guitar scooter camera wardrobe "
    "armchair television vacuum stroller skis tent book lamp monitor printer kettle carpet mirror",
}
_ADJECTIVES = {
    "ru": "новый красный чёрный детский горный немецкий складной кожаный электрический старинный",
    "sr": "нов црвени црни дечји брдски немачки склопиви кожни електрични старински",
    "sr-Latn": "nov crveni crni dečji brdski nemački sklopivi kožni električni starinski",
    "en": "new red black children's mountain german folding leather electric antique",
}
_BRANDS = (
    "Trek Samsung Ikea Lenovo Bosch Yamaha Apple Xiaomi Canon Gorenje Nike Kross Capriolo Tesla Sony Makita "
    "Philips Decathlon Adidas Asus"
)
_DESCRIPTIONS = {
    "ru": "Продаю в отличном состоянии, пользовались один сезон. Возможна доставка по городу, торг уместен. "
    "Все вопросы по телефону.",
    "sr": "Продајем у одличном стању, коришћено једну сезону. Могућа достава у граду, договор око цене. "
    "За сва питања позовите Ђорђа.",
    "sr-Latn": "Prodajem u odličnom stanju, korišćeno jednu sezonu. Moguća dostava u gradu, dogovor oko cene. "
    "Za sva pitanja pozovite Đorđa.",
    "en": "Selling in excellent condition, used for one season. Delivery in town is possible, price negotiable. "
    "Call for any question.",
}
_CITIES = ["Београд", "Нови Сад", "Niš", "Kragujevac", "Subotica", "Zemun", "Čačak", "Pančevo"]

# Each word is chosen by a hash of the row's number and a salt: spread evenly, and the same at every run.
_HELPERS = """
CREATE FUNCTION pg_temp.chance(number bigint, salt int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
    $$ SELECT (hashint8extended(number, salt) & 1048575) / 1048576.0 $$;
CREATE FUNCTION pg_temp.common_first(words text[], number bigint, salt int) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT words[1 + floor(4 * ((cardinality(words) / 4.0 + 1) ^ pg_temp.chance(number, salt) - 1))::int] $$;
"""

_ROOTS = """
INSERT INTO categories (name, slug, level, is_active)
SELECT 'Root ' || n, 'big-root-' || n, 0, true FROM generate_series(1, least(18, $1::int)) AS n
RETURNING id
"""
_CHILDREN = """
INSERT INTO categories (name, slug, parent_id, level, is_active)
SELECT 'Category ' || n, 'big-' || n, ($2::int[])[1 + n % cardinality($2::int[])], 1, true
FROM generate_series(1, $1::int) AS n
RETURNING id
"""
_STOREFRONTS = """
INSERT INTO storefronts (user_id, slug, name) SELECT 1000 + n, 'big-shop-' || n, 'Shop ' || n
FROM generate_series(1, $1::int) AS n RETURNING id
"""
_LISTINGS = """
INSERT INTO listings (user_id, storefront_id, title, description, price, category_id, status, visibility,
                      quantity, sku, source_type, slug, created_at, updated_at, published_at)
SELECT CASE WHEN is_product THEN 1000 ELSE 1 + n % 5000 END,
       CASE WHEN is_product THEN ($6::bigint[])[1 + n % cardinality($6::bigint[])] END,
       initcap(left(word.adjective, 1)) || substr(word.adjective, 2) || ' ' || word.noun || ' ' || word.brand || ' '
           || chr(65 + (n % 26)::int) || (n % 977),
       word.noun || ' ' || word.brand || '. ' || ($4::text[])[language],
       round((5 + 2000 * pg_temp.chance(n, 4) ^ 3)::numeric, 2),
       ($5::bigint[])[1 + floor(cardinality($5::bigint[]) * pg_temp.chance(n, 5) ^ 2)::int],
       CASE WHEN pg_temp.chance(n, 6) < 0.9 THEN 'active' ELSE 'sold' END, 'public',
       1 + n % 9, CASE WHEN is_product THEN 'BIG-' || n END,
       CASE WHEN is_product THEN 'b2c' ELSE 'c2c' END, 'big-listing-' || n, moment, moment, moment
FROM generate_series($7::bigint, $8::bigint) AS n,
     LATERAL (SELECT n <= $9 AS is_product, 1 + floor(4 * pg_temp.chance(n, 1))::int AS language,
                     timestamptz '2026-01-01' + n * interval '3 minutes' AS moment) AS kind,
     LATERAL (SELECT pg_temp.common_first(string_to_array(($1::text[])[language], ' '), n, 2) AS noun,
                     pg_temp.common_first(string_to_array(($2::text[])[language], ' '), n, 3) AS adjective,
                     pg_temp.common_first($3::text[], n, 7) AS brand) AS word
"""
# As the service writes it when a product comes with stock: without it every product's stock drifts from its ledger.
_MOVEMENTS = """
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason, user_id)
SELECT id, 'opening', quantity, quantity, 0, quantity, 'seed', user_id
FROM listings WHERE slug LIKE 'big-listing-%' AND source_type = 'b2c'
"""
_IMAGES = """
INSERT INTO listing_images (listing_id, url, thumbnail_url, display_order, is_primary, width, height, mime_type)
SELECT id, 'https://images.example/' || id || '/' || place || '.jpg',
       'https://images.example/' || id || '/' || place || '-small.jpg', place, place = 0, 1200, 900, 'image/jpeg'
FROM listings, generate_series(0, $1::int - 1) AS place WHERE slug LIKE 'big-listing-%'
"""
_LOCATIONS = """
INSERT INTO listing_locations (listing_id, country, city)
SELECT id, 'RS', ($1::text[])[1 + id % cardinality($1::text[])] FROM listings WHERE slug LIKE 'big-listing-%'
"""

_ROWS_AT_ONCE = 20_000


async def seed(
    dsn: str,
    listings: int = 100_000,
    categories: int = 330,
    products: int = 20_000,
    storefronts: int = 20,
    images_per_listing: int = 3,
) -> None:
    """Write a catalog into a migrated database without one, and gather statistics of it.

    Of the listings, the oldest `products` are offered by storefronts, with their stock in the ledger. One in ten is
    sold, the rest active.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("SET synchronous_commit = off")
        await connection.execute(_HELPERS)
        roots = [row["id"] for row in await connection.fetch(_ROOTS, categories)]
        children = [row["id"] for row in await connection.fetch(_CHILDREN, categories - len(roots), roots)]
        shops = [row["id"] for row in await connection.fetch(_STOREFRONTS, storefronts)]
        for first in range(1, listings + 1, _ROWS_AT_ONCE):
            await connection.execute(
                _LISTINGS,
                list(_NOUNS.values()),
                list(_ADJECTIVES.values()),
                _BRANDS.split(),
                list(_DESCRIPTIONS.values()),
                children or roots,
                shops,
                first,
                min(first + _ROWS_AT_ONCE - 1, listings),
                min(products, listings) if shops else 0,
            )
        await connection.execute(_MOVEMENTS)
        if images_per_listing:
            await connection.execute(_IMAGES, images_per_listing)
        await connection.execute(_LOCATIONS, _CITIES)
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
