"""Patterns of names: stars, sets and exclusions."""

import random
import re

import pytest

from denoise_stream.archive.folders.patterns import matcher, whole_name


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.wav", ["a.wav", "b/c.wav", "b/[x].wav"]),
        ("b/*", ["b/c.wav", "b/[x].wav"]),
        ("**/c.*", ["b/c.wav", "d/e/c.csv"]),
        ("d/**", ["d/e/c.csv"]),
        ("b/[[]x[]].wav", ["b/[x].wav"]),
        ("?.wav", ["a.wav", "b/c.wav"]),
        ("[!a].wav", ["b/c.wav"]),
        ("[a-b].wav", ["a.wav"]),
        ("[--a].wav", ["a.wav"]),
    ],
)
def test_patterns_mean_what_they_mean_elsewhere(pattern, names):
    every = ["a.wav", "b/c.wav", "b/[x].wav", "d/e/c.csv"]
    assert [name for name in every if matcher([pattern], [])(name)] == names
    assert [name for name in every if matcher([], [pattern])(name)] == [name for name in every if name not in names]


@pytest.mark.parametrize("pattern", ["*.wav", "**", "b/*", "**/c*", "b/c?d.wav"])
def test_names_may_hold_the_ends_of_lines(pattern):
    assert matcher([pattern], [])("b/c\nd.wav")
    assert whole_name("b/**").fullmatch("b/c\nd.wav")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("[z-a]", r"the set \[z-a\]: a range in it ends before it begins"), ("x[]", r"the set \[\]: it is empty")],
)
def test_sets_without_characters_are_refused_in_words(pattern, words):
    with pytest.raises(ValueError, match=words):
        matcher([pattern], [])
    with pytest.raises(ValueError, match=words):
        matcher([], [pattern])


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("*a" * 30 + "b", "a" * 300, False),
        ("*a" * 30 + "*b", "a" * 300 + "b", True),
        ("*ab*ba*", "xabba", True),
        ("*ab*ba*", "xaba", False),
        ("*ab*b", "abab", True),
        ("a*?*c", "abc", True),
        ("a*?*c", "ac", False),
        ("*a*/*b*", "xa/yb", True),
        ("*a*/*b*", "xb/ya", False),
        ("*.[!.]*", "a.b", True),
        ("x[!a]y", "x/y", False),
        ("x[+-9]y", "x/y", False),
        ("*[/0]*b", "0/0b", False),
        ("*[+-9]*b", "0-b", True),
    ],
)
def test_stars_take_all_they_may_and_no_time(pattern, name, fits):
    assert (whole_name(pattern).fullmatch(name) is not None) == fits


@pytest.mark.parametrize("pattern", ["*" * 200 + "x", "*" * 200 + "/x", "**/" * 200 + "x", "a" + "*" * 201 + "x"])
def test_run_of_stars_is_one_wildcard(pattern):
    wanted = matcher([pattern], [])
    assert not wanted("a" * 100 + "/" + "b" * 100)
    assert wanted("a" * 100 + "/" + "b" * 100 + "/x")
    assert not wanted("a/" * 100 + "y")


@pytest.mark.parametrize("piece", ["**/a/", "**/*/", "**/*a*/", "**a", "**a*/", "**/?/", "*/**/"])
def test_many_wildcards_across_folders_take_no_time(piece):
    wanted = matcher([piece * 40 + "**x"], [])
    assert not wanted("a/" * 200)
    assert not wanted("a" * 400)
    assert wanted("a/" * 200 + "x")


def test_wildcards_match_what_trying_every_combination_matches():
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    rng, matches = random.Random(0), 0
    for _ in range(5000):
        pieces = rng.choices(["a", "b", "/", "*", "?", "/**/", "a**", "**/", "/**"], k=rng.randint(1, 6))
        pattern, name = "".join(pieces), "".join(rng.choices("ab/", k=rng.randint(1, 10)))
        tokens = re.findall(r"(?<![^/])\*\*+/|\*\*+|.", pattern)
        tried = "".join(meaning.get(re.sub(r"\*{3,}", "**", token), token) for token in tokens)
        found = whole_name(pattern).fullmatch(name) is not None
        assert found == (re.fullmatch(tried, name) is not None), (pattern, name)
        matches += found
    assert matches > 500
