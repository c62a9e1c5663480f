"""Texts by part."""

from tidegate.preparation.texts import without_end


def test_the_ends_of_texts_are_held_out():
    assert without_end(["abcdefghij"], 0.2) == (("abcdefgh",), ("ij",))
    assert without_end(["abcd", "efgh"], 0.5) == (("abcd",), ("efgh",))
    assert without_end(["ab"], 0.0) == (("ab",), ())
