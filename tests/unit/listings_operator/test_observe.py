"""Which changes of an object are somebody's, and which are what controllers note beside it."""

from __future__ import annotations

import pytest

from listings_operator.observe import mark


def document(**changes):
    metadata = {"uid": "u", "resourceVersion": "1", "generation": 3, "labels": {"a": "1"}}
    return {"metadata": {**metadata, **changes}}


def test_a_status_that_a_controller_writes_is_no_change():
    assert mark(document()) == mark(document(resourceVersion="2", annotations={"revision": "4"}))


@pytest.mark.parametrize(
    "changes", [{"generation": 4}, {"labels": {}}, {"ownerReferences": [{"uid": "o"}]}, {"uid": "v"}]
)
def test_what_people_change_is_one(changes):
    assert mark(document()) != mark(document(**changes))


def test_where_the_server_counts_no_generations_every_write_is_one():
    def plain(version):
        return {"metadata": {"uid": "u", "resourceVersion": version}}

    assert mark(plain("1")) != mark(plain("2"))
