"""The formats that CVAT 2.73 lists: name, kinds of files, dimension."""

from typing import Any

_Row = tuple[str, str, str]

_IMPORTERS: tuple[_Row, ...] = (  # in the order of its list
    ("Generic TSV 1.0", "TSV", "1d"),
    ("CamVid 1.0", "ZIP", "2d"),
    ("Cityscapes 1.0", "ZIP", "2d"),
    ("COCO 1.0", "JSON, ZIP", "2d"),
    ("COCO Keypoints 1.0", "JSON, ZIP", "2d"),
    ("CVAT 1.1", "XML, ZIP", "2d"),
    ("Datumaro 1.0", "JSON, ZIP", "2d"),
    ("Datumaro 3D 1.0", "JSON, ZIP", "3d"),
    ("ICDAR Recognition 1.0", "ZIP", "2d"),
    ("ICDAR Localization 1.0", "ZIP", "2d"),
    ("ICDAR Segmentation 1.0", "ZIP", "2d"),
    ("ImageNet 1.0", "ZIP", "2d"),
    ("KITTI 1.0", "ZIP", "2d"),
    ("LabelMe 3.0", "ZIP", "2d"),
    ("LFW 1.0", "ZIP", "2d"),
    ("Market-1501 1.0", "ZIP", "2d"),
    ("Segmentation mask 1.1", "ZIP", "2d"),
    ("MOT 1.1", "ZIP", "2d"),
    ("MOTS PNG 1.0", "ZIP", "2d"),
    ("Open Images V6 1.0", "ZIP", "2d"),
    ("PASCAL VOC 1.1", "ZIP", "2d"),
    ("Sly Point Cloud Format 1.0", "ZIP", "3d"),
    ("Kitti Raw Format 1.0", "ZIP, XML", "3d"),
    ("VGGFace2 1.0", "ZIP", "2d"),
    ("WiderFace 1.0", "ZIP", "2d"),
    ("YOLO 1.1", "ZIP", "2d"),
    ("Ultralytics YOLO Detection 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Segmentation 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Oriented Bounding Boxes 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Pose 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Classification 1.0", "ZIP", "2d"),
)

_EXPORTERS: tuple[_Row, ...] = (  # likewise
    ("Generic TSV 1.0", "TSV", "1d"),
    ("CamVid 1.0", "ZIP", "2d"),
    ("Cityscapes 1.0", "ZIP", "2d"),
    ("COCO 1.0", "ZIP", "2d"),
    ("COCO Keypoints 1.0", "ZIP", "2d"),
    ("CVAT for video 1.1", "ZIP", "2d"),
    ("CVAT for images 1.1", "ZIP", "2d"),
    ("Datumaro 1.0", "ZIP", "2d"),
    ("Datumaro 3D 1.0", "ZIP", "3d"),
    ("ICDAR Recognition 1.0", "ZIP", "2d"),
    ("ICDAR Localization 1.0", "ZIP", "2d"),
    ("ICDAR Segmentation 1.0", "ZIP", "2d"),
    ("ImageNet 1.0", "ZIP", "2d"),
    ("KITTI 1.0", "ZIP", "2d"),
    ("LabelMe 3.0", "ZIP", "2d"),
    ("LFW 1.0", "ZIP", "2d"),
    ("Market-1501 1.0", "ZIP", "2d"),
    ("Segmentation mask 1.1", "ZIP", "2d"),
    ("MOT 1.1", "ZIP", "2d"),
    ("MOTS PNG 1.0", "ZIP", "2d"),
    ("Open Images V6 1.0", "ZIP", "2d"),
    ("PASCAL VOC 1.1", "ZIP", "2d"),
    ("Sly Point Cloud Format 1.0", "ZIP", "3d"),
    ("Kitti Raw Format 1.0", "ZIP", "3d"),
    ("VGGFace2 1.0", "ZIP", "2d"),
    ("WiderFace 1.0", "ZIP", "2d"),
    ("YOLO 1.1", "ZIP", "2d"),
    ("Ultralytics YOLO Detection 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Detection Track 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Oriented Bounding Boxes 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Segmentation 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Pose 1.0", "ZIP", "2d"),
    ("Ultralytics YOLO Classification 1.0", "ZIP", "2d"),
)

IMPORTED = frozenset(name for name, _, _ in _IMPORTERS)
EXPORTED = frozenset(name for name, _, _ in _EXPORTERS)


def listed() -> dict[str, Any]:
    """The answer of `/api/server/annotation/formats`."""
    return {"importers": [_shown(row) for row in _IMPORTERS], "exporters": [_shown(row) for row in _EXPORTERS]}


def _shown(row: _Row) -> dict[str, Any]:
    name, files, dimension = row
    version = name.rpartition(" ")[2]
    return {"name": name, "ext": files, "version": version, "enabled": True, "dimension": dimension}
