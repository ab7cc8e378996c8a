"""Words: what a page says of what it shows."""

ERRORS = {
    "classification": "the right place, the wrong class",
    "localization": "the right class, not close enough",
    "both": "near an object, yet neither its class nor its place",
    "duplicate": "an object that a surer prediction has found",
    "background": "nothing is there",
    "missed": "an object that nothing found",
    "not found": "an object that no right prediction found; a wrong one is near",
}
OUTCOMES = {
    "kept": "left as predicted",
    "edited": "moved, reshaped, or given other attributes",
    "relabelled": "given another class",
    "deleted": "taken away",
    "added": "drawn by a person where nothing was predicted",
}
SLIPS = {
    "tiny": "a side below 3 pixels, or a line that is shorter",
    "outside": "reaches over the image's edge",
    "duplicate": "two of one class in one place (IoU from 0.9)",
    "inverted": "corners the wrong way round",
    "empty": "nothing is drawn on the image",
    "unlikely size": "far from its class's usual size",
}
STAGES = {
    "waiting": "found, in no batch yet",
    "quarantined": "set aside with a reason",
    "batched": "in a batch, not in CVAT yet",
    "in CVAT": "its task has data",
    "annotated": "predictions are drawn",
    "in review": "people have it",
    "accepted": "its job is finished",
    "released": "in the newest version",
}
FIGURES = {"precision": "precision", "recall": "recall", "f1": "F1"}
ALL = {"micro": "all classes", "macro": "mean of classes"}
SIZES = {
    "small": "below 32 × 32 pixels",
    "medium": "up to 96 × 96 pixels",
    "large": "above",
}
