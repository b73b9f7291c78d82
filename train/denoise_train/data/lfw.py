"""Read a folder of Labeled Faces in the Wild as scikit-learn lays it out: NAME/NAME_0001.jpg."""

import glob
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from denoise_stream import SourceError
from denoise_stream.errors import first_line, needs_extra

FACES_PER_PERSON = 70
"""Pictures that a person must have, which with a scale of 0.4 leaves 1,288 faces of 50 x 37: scikit-learn's example."""

PLACES = ("", "lfw_funneled", "lfw", "lfw_home/lfw_funneled", "lfw_home/lfw")
"""Where the people's folders may lie below the folder that is given; funneled, which is aligned, comes first."""

SIDE = 250
FACE = (slice(70, 195), slice(78, 172))
"""Size of a picture, and the part of it that scikit-learn keeps: the face."""


def read_lfw(folder: Path, faces_per_person: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the faces of all people with enough pictures.

    Parameters
    ----------
    folder
        ``lfw_funneled``, ``lfw_home``, or the folder that holds it.
    faces_per_person
        Pictures that a person must have.

    Returns
    -------
    Grey faces, uint8 ``(count, 125, 94)``, and the number of the person on each, ``(count,)``; people and pictures are
    in the order of their names.

    Raises
    ------
    SourceError
        If there are no such people, or a picture cannot be read.
    """
    with needs_extra("reading JPEG pictures", "images"):
        from PIL import Image

    people = _people(folder)
    chosen = [files for files in people.values() if len(files) >= faces_per_person]
    if len(chosen) < 2:
        name, most = max(people.items(), key=lambda person: len(person[1]))
        raise SourceError(
            f"{len(chosen)} of {len(people)} people in {folder} have {faces_per_person} pictures or more ({name} has "
            f"the most, {len(most)}); needed: 2 people; ask for fewer pictures with --set data.faces_per_person=N"
        )

    def face(path: Path) -> NDArray[np.uint8]:
        try:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("L"))
        except Exception as error:  # what Pillow raises for broken files is not documented
            raise SourceError(f"cannot read {path}: {first_line(error)}") from error
        if pixels.shape != (SIDE, SIDE):
            raise SourceError(
                f"{path} has {pixels.shape[1]} x {pixels.shape[0]} pixels; needed: {SIDE} x {SIDE}, as published"
            )
        return pixels[FACE]

    faces = np.stack([face(path) for files in chosen for path in files])
    return faces, np.repeat(np.arange(len(chosen)), [len(files) for files in chosen])


def _people(folder: Path) -> dict[str, list[Path]]:
    """Find each person's pictures."""
    for place in PLACES:
        people = {
            person.name: sorted(person.glob(f"{glob.escape(person.name)}_[0-9]*.jpg"))
            for person in sorted((folder / place).glob("*/"))
        }
        if any(people.values()):
            return {name: files for name, files in people.items() if files}
    raise SourceError(
        f"{folder} holds no NAME/NAME_0001.jpg; needed: the folder lfw_home of scikit-learn's Labeled Faces in the Wild"
    )
