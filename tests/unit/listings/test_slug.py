"""Slugs in the letters of an address, whatever script a title is written in."""

# ruff: noqa: RUF001 - look-alike letters of two scripts are what is tested

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listings.domain.slug import LONGEST, last_resort, numbered_stem, slug_for, slug_from

_UUID = UUID("0f3fb0e6-1111-4222-8333-444455556666")


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Samsung Galaxy S21 (128GB)", "samsung-galaxy-s21-128gb"),  # other characters are dropped
        ("  Two   blanks\tand a tab ", "two-blanks-and-a-tab"),  # runs of blanks are one hyphen
        ("a - b -- c_d – e", "a-b-c-d-e"),  # so are hyphens, underscores and dashes
        ("Стол дубовый", "stol-dubovyy"),  # Russian
        ("Щётка для обуви, съёмная", "schetka-dlya-obuvi-semnaya"),  # hard sign is silent, ё is e
        ("Кућа на брду", "kuca-na-brdu"),  # ћ makes it Serbian
        ("Шешир и љубав", "sesir-i-ljubav"),  # ... in which ш is s
        ("Шкаф", "shkaf"),  # without such a letter it is Russian
        ("Ђорђе Џонсон", "djordje-dzonson"),  # capitals of Serbian
        ("Čačak, Žabalj, Šid, Đurđevo, Ćuprija", "cacak-zabalj-sid-djurdjevo-cuprija"),  # Serbian Latin
        ("Café Äpfel Łódź straße", "cafe-apfel-lodz-strasse"),  # other marks
        ("C\u030cas", "cas"),  # a mark that stands on its own
        ("①② ﬁne", "12-fine"),  # compatibility forms
        ("手机 13", "13"),  # what is left of a mixed title
        ("手机", ""),  # nothing to use
        ("هاتف", ""),
        ("🎸🎸🎸", ""),
        ("---", ""),
    ],
)
def test_a_title_is_spelt_in_ascii(title, slug):
    assert slug_from(title) == slug


@given(st.text(max_size=300))
def test_any_title_gives_a_slug_of_the_right_form(title):
    slug = slug_for(title, _UUID)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= LONGEST


def test_a_title_without_usable_letters_is_named_by_its_uuid():
    assert slug_for("🎸🎸🎸", _UUID) == "listing-0f3fb0e6"


@given(st.text(max_size=300), st.integers(1, 10**9 - 1))
def test_numbered_slugs_keep_to_the_limit(title, number):
    slug = slug_for(title, _UUID)
    assert len(f"{numbered_stem(slug)}-{number}") <= LONGEST
    assert len(last_resort(slug, _UUID)) <= LONGEST
