"""The list of things that the model can draw."""

from __future__ import annotations

import collections

from training.emoji.sprites import plural_of, things


def test_there_are_at_least_four_hundred_different_things():
    assert len(things()) >= 400
    assert len({thing.code for thing in things()}) == len(things())


def test_no_two_things_share_a_name():
    owners = collections.defaultdict(set)
    for thing in things():
        for one, many in thing.names:
            owners[one].add(thing.code)
            owners[many].add(thing.code)
    assert {name: codes for name, codes in owners.items() if len(codes) > 1} == {}


def test_regular_plurals_follow_english_spelling():
    nouns = ("fox", "bush", "watch", "fairy", "donkey", "potato", "piano", "house")
    assert [plural_of(noun) for noun in nouns] == ["foxes", "bushes", "watches", "fairies", "donkeys", "potatoes", "pianos", "houses"]
