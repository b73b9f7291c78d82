"""Patterns of names: stars, sets and what they leave out."""

import pytest

from denoise_stream.archive.folders.patterns import matcher


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
    ],
)
def test_patterns_mean_what_they_mean_elsewhere(pattern, names):
    every = ["a.wav", "b/c.wav", "b/[x].wav", "d/e/c.csv"]
    assert [name for name in every if matcher([pattern], [])(name)] == names
    assert [name for name in every if matcher([], [pattern])(name)] == [name for name in every if name not in names]
