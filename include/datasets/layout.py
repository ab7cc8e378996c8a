"""Layout: where the formats with a file an image look for an image, and for what is said of it.

Both formats unpack into a folder of their own in which an image lies under its key: `images/<key>` for YOLO,
`JPEGImages/<key>` for Pascal VOC.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from include.projects.fields import Format

# XML 1.0 knows no other characters below the space, and the lists of images are read line by line.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\\ud800-\udfff\ufffe\uffff]")


def yolo_image(key: str) -> str:
    """Where YOLO has an image, in the folder of its `data.yaml`."""
    return f"images/{key}"


def yolo_labels(key: str) -> str:
    """Where YOLO looks for an image's labels: Ultralytics replaces the **last** folder `images` of the image's path
    with `labels`, also where that folder is the key's own, and the suffix with `.txt`."""
    before, _, after = f"/{yolo_image(key)}".rpartition("/images/")
    return f"{before}/labels/{_stem(after)}.txt".removeprefix("/")


def voc_name(key: str) -> str:
    """What Pascal VOC calls an image in `ImageSets/Main`: its key without the suffix."""
    return _stem(key)


def voc_annotation(key: str) -> str:
    """Where Pascal VOC has an image's annotation."""
    return f"Annotations/{voc_name(key)}.xml"


_FILES: Mapping[Format, Callable[[str], str]] = {"yolo": yolo_labels, "voc": voc_annotation}


def check_names(keys: Iterable[str], labels: Iterable[str], formats: Iterable[Format]) -> None:
    """Raise ValueError where a format cannot hold every image: one would be lost without a word.

    That is so where two keys differ in their suffixes alone, and where a key is no path on a disk, or, like a label,
    has a character that a line or XML cannot hold.
    """
    files = [(name, _FILES[name]) for name in formats if name in _FILES]
    if not files:
        return
    ordered = sorted(keys)
    for word in (*ordered, *labels):
        if _UNSAFE.search(word):
            raise ValueError(f"{word!r} has a character that {files[0][0]} cannot hold: {_ADVICE}")
    if wrong := [key for key in ordered if not {"", ".", ".."}.isdisjoint(key.split("/")) or key != key.strip()]:
        raise ValueError(f"{wrong[0]!r} is no path of a file, which {files[0][0]} needs: {_ADVICE}")
    for name, file_of in files:
        _check_files(name, file_of, ordered)


_ADVICE = "name it otherwise, or leave the format out of release.formats"


def _check_files(name: Format, file_of: Callable[[str], str], keys: Iterable[str]) -> None:
    by_file: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_file[file_of(key)].append(key)
    for file, sharing in by_file.items():
        if len(sharing) > 1:
            raise ValueError(f"{' and '.join(sharing)} would share the file {file} of {name}: {_ADVICE}")


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)
