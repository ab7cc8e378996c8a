"""An annotator that forgot to foretell its own version."""

from include.annotators.rapidocr_text import RapidOcrText


class HalfForetold(RapidOcrText):
    """RapidOCR under another version."""

    version = "mine"
