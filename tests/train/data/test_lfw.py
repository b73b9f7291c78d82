"""Faces from a folder of Labeled Faces in the Wild."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from denoise_stream import SourceError
from denoise_train.data.image_files import load_images
from denoise_train.splits import TEST, TRAINING, VALIDATION


@pytest.fixture
def lfw(tmp_path: Path) -> Path:
    """Lay out faces of three people as scikit-learn does: two with four pictures, one with two, beside other files."""
    for number, (name, count) in enumerate((("Ann_Bo", 4), ("Cy", 2), ("Di_[x]", 4))):
        folder = tmp_path / "lfw_home" / "lfw_funneled" / name
        folder.mkdir(parents=True)
        for picture in range(count):
            pixels = np.full((250, 250, 3), 250, np.uint8)
            pixels[70:195, 78:172] = 60 * (number + 1)
            Image.fromarray(pixels).save(folder / f"{name}_{picture + 1:04d}.jpg")
        (folder / "notes.txt").write_text("none")
    (tmp_path / "lfw_home" / "pairs.txt").write_text("10")
    return tmp_path


@pytest.mark.parametrize("place", [".", "lfw_home", "lfw_home/lfw_funneled"])
def test_folder_of_labeled_faces_is_read_as_scikit_learn_lays_it_out(lfw, place):
    splits = load_images("faces", lfw / place, (50, 37), 0, 4)
    rows = np.concatenate([splits[split].rows for split in (TRAINING, VALIDATION, TEST)])
    labels = np.concatenate([splits[split].labels for split in (TRAINING, VALIDATION, TEST)])
    assert rows.shape == (8, 1850)
    assert sorted(labels) == [0] * 4 + [1] * 4
    # Nothing is left of the bright frame round the faces, nor of who has two pictures.
    np.testing.assert_allclose(rows, np.where(labels, 180, 60)[:, None] / 255 * np.ones((1, 1850)), atol=0.02)


def test_folder_without_faces_or_with_others_is_refused_in_one_sentence(lfw, tmp_path):
    with pytest.raises(SourceError, match=r"0 of 3 people in \S+ have 70 pictures or more \(Ann_Bo has the most, 4\)"):
        load_images("faces", lfw, (50, 37), 0)
    with pytest.raises(SourceError, match=r"holds no NAME/NAME_0001.jpg; needed: the folder lfw_home"):
        load_images("faces", lfw / "lfw_home" / "lfw_funneled" / "Cy", (50, 37), 0)
    broken = lfw / "lfw_home" / "lfw_funneled" / "Cy" / "Cy_0002.jpg"
    Image.new("L", (64, 64)).save(broken)
    with pytest.raises(SourceError, match=r"Cy_0002.jpg has 64 x 64 pixels; needed: 250 x 250"):
        load_images("faces", lfw, (50, 37), 0, 2)
    broken.write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"^cannot read \S+Cy_0002.jpg: "):
        load_images("faces", lfw, (50, 37), 0, 2)
