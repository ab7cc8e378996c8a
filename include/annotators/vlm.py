"""Vision-language models as annotators: boxes or a caption, asked for in words. They give no scores."""

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from string import Template
from typing import Annotated, Any, ClassVar, Literal, Self

import cvat_sdk.auto_annotation as cvataa
import cvat_sdk.models as models
import PIL.Image
from pydantic import BeforeValidator, Field, model_validator

from include.annotators.endpoint import ModelServerUnavailable
from include.annotators.networks import ModelError
from include.annotators.registry import AnnotatorUnavailable
from include.annotators.vlm_answers import Space, UnreadableAnswer, read_boxes, read_caption
from include.annotators.vlm_chat import Chat, ChatSettings, Schema

log = logging.getLogger(__name__)

_REVISION = 2  # another one whenever an answer is read otherwise than before
_PROMPTS = Path(__file__).parent / "prompts"
_WORDS = {"labels", "coordinates"}  # what a template may have filled in
_BLANK = PIL.Image.new("RGB", (64, 64), "gray")
_CAPTION = 0  # the id of the caption's attribute


def _described(value: Any) -> Any:
    return dict.fromkeys(value, "") if isinstance(value, list | tuple) else value


class Settings(ChatSettings):
    """What a project may set."""

    task: Literal["boxes", "caption"] = Field("boxes", description="What is asked for: boxes, or a caption.")
    labels: Annotated[dict[str, str], BeforeValidator(_described)] = Field(
        min_length=1,
        description="The labels, as a list, or with what the model is told of each; for a caption, the tag's label.",
    )
    attribute: str = Field("caption", min_length=1, description="The text attribute of the tag that holds a caption.")
    coordinates: Space | None = Field(
        None, description="What the model's coordinates count: pixels (of the picture as sent), 0-1000 or 0-1."
    )
    prompt: Path | None = Field(
        None,
        description="A file with a question of your own, $labels and $coordinates in it; else the bundled one.",
    )
    max_side: int = Field(1024, ge=28, description="Larger pictures are sent with their longer side of so many pixels.")
    side_multiple: int = Field(
        1, ge=1, description="Sides are sent as multiples of this. Qwen2.5-VL: 28, or its pixels are not those sent."
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.task == "boxes" and self.coordinates is None:
            raise ValueError(f"coordinates must say what this model's count: {', '.join(Space)}")
        if self.task == "caption" and len(self.labels) > 1:
            raise ValueError("a caption needs one label: that of its tag")
        if self.side_multiple > self.max_side:
            raise ValueError("side_multiple must not be more than max_side")
        return self

    def digest(self) -> str:
        """8 digits of the SHA-256 of what changes answers, the prompt aside."""
        cost = {"url", "token_env", "token_header", "timeout_seconds", "concurrency", "images_a_minute", "prompt"}
        return hashlib.sha256(self.model_dump_json(exclude=cost).encode()).hexdigest()[:8]


class Vlm:
    """A DetectionFunction that asks a model at an OpenAI-compatible endpoint.

    Rectangles inside the picture, or a tag whose text attribute is the caption. Settings as in Settings; others raise
    ValueError. A picture is at fault only if the endpoint answers about a blank one: otherwise AnnotatorUnavailable is
    raised, which costs no image.
    """

    scored: ClassVar[bool] = False  # every score is 1 and says nothing: what it finds is for people

    def __init__(self, **settings: object) -> None:
        self._settings = stated = Settings.model_validate(settings)
        self._template = _template(stated)
        self._labels = tuple(stated.labels)
        self._chat = Chat(stated)
        self._schema = _boxes_schema(self._labels) if stated.task == "boxes" else _CAPTION_SCHEMA
        self._asked: dict[int, tuple[PIL.Image.Image, Future[list[Any]]]] = {}

    @property
    def version(self) -> str:
        """The model's name, how answers are read, 8 digits of the prompt's SHA-256, 8 of that of the settings that
        change answers."""
        model = re.sub(r"[^A-Za-z0-9._-]+", "-", self._settings.model)[:80]
        prompt = hashlib.sha256(self._template.template.encode()).hexdigest()[:8]
        return f"{model}-{_REVISION}-{prompt}-{self._settings.digest()}"

    @property
    def spec(self) -> cvataa.DetectionFunctionSpec:
        if self._settings.task == "boxes":
            labels = [cvataa.label_spec(name, id_, type="rectangle") for id_, name in enumerate(self._labels)]
        else:
            text = cvataa.text_attribute_spec(self._settings.attribute, _CAPTION)
            labels = [cvataa.label_spec(self._labels[0], 0, type="tag", attributes=[text])]
        return cvataa.DetectionFunctionSpec(labels=labels)

    @property
    def batch_size(self) -> int:
        """How many pictures it asks about at once."""
        return self._settings.concurrency

    def detect(self, context: cvataa.DetectionFunctionContext, image: PIL.Image.Image) -> list[Any]:  # noqa: ARG002
        """What is on a picture. Raises UnreadableAnswer and ModelError where it is the picture's fault."""
        if id(image) in self._asked:  # in a batch in which another picture failed: an answer costs money
            return self._asked.pop(id(image))[1].result()
        return self._found(image)

    def detect_batch(self, images: Sequence[PIL.Image.Image]) -> list[list[Any]]:
        """What is on each picture. Where one fails, the others' answers are kept for `detect`."""
        with ThreadPoolExecutor(self.batch_size) as pool:
            futures = [pool.submit(self._found, image) for image in images]
        self._asked = {id(image): (image, future) for image, future in zip(images, futures, strict=True)}
        found = [future.result() for future in futures]
        self._asked = {}
        return found

    def _found(self, image: PIL.Image.Image) -> list[Any]:
        sent = _resized(image, self._settings)
        text = self._text(sent)
        if self._settings.coordinates is None or self._settings.task == "caption":
            value = models.AttributeValRequest(spec_id=_CAPTION, value=read_caption(text))
            return [cvataa.tag(0, attributes=[value])]
        boxes = read_boxes(text, self._labels, self._settings.coordinates.extent(sent.size), image.size)
        if boxes.dropped or not boxes.whole:
            left_out = ", ".join(f"{count} {what}" for what, count in sorted(boxes.dropped.items())) or "nothing"
            log.warning("left out of an answer: %s%s", left_out, "" if boxes.whole else "; it has no end")
        return [cvataa.rectangle(self._labels.index(label), list(box), score=1.0) for label, box in boxes.found]

    def _text(self, sent: PIL.Image.Image) -> str:
        try:
            return self._ask(sent)
        except ModelError:
            self._check_endpoint()
            raise
        except ModelServerUnavailable:
            self._check_endpoint()
        try:
            return self._ask(sent)
        except ModelServerUnavailable as error:
            raise ModelError(f"the endpoint answers about a blank picture, and not about this one: {error}") from error

    def _check_endpoint(self) -> None:
        """See that a blank picture is answered about. Raises AnnotatorUnavailable."""
        try:
            self._ask(_BLANK)
        except ModelError as error:
            raise AnnotatorUnavailable(f"{error} (about a blank picture, too)") from error
        except UnreadableAnswer:
            return

    def _ask(self, sent: PIL.Image.Image) -> str:
        reply = self._chat.ask(_question(self._template, self._settings, sent.size), sent, self._schema)
        if reply.cut and self._settings.task == "caption":
            raise UnreadableAnswer("the caption was cut off: allow the model more (parameters: max_tokens)")
        return reply.text


def _resized(image: PIL.Image.Image, settings: Settings) -> PIL.Image.Image:
    scale = min(1.0, settings.max_side / max(image.size))
    each, most = settings.side_multiple, settings.max_side // settings.side_multiple
    size = tuple(each * min(max(round(side * scale / each), 1), most) for side in image.size)
    return image if size == image.size else image.resize((size[0], size[1]), PIL.Image.Resampling.LANCZOS)


def _template(settings: Settings) -> Template:
    """The question, not filled in. Raises ValueError where it cannot be."""
    path = settings.prompt or _PROMPTS / f"{settings.task}.txt"
    try:
        template = Template(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the prompt {path} cannot be read: {error}") from error
    if not template.is_valid() or (unknown := set(template.get_identifiers()) - _WORDS):
        wrong = f"nothing is known to fill in for ${min(unknown)}" if template.is_valid() else "a $ stands alone ($$)"
        raise ValueError(f"the prompt {path} is wrong: {wrong}; known are ${' and $'.join(sorted(_WORDS))}")
    return template


def _question(template: Template, settings: Settings, sent: tuple[int, int]) -> str:
    listed = "\n".join(f"- {name}: {told}" if told else f"- {name}" for name, told in settings.labels.items())
    width, height = sent
    coordinates = {
        Space.PIXELS: f"pixels of the picture, which is {width} wide and {height} high",
        Space.THOUSAND: "relative to the picture: 0 to 1000 over its width, and 0 to 1000 over its height",
        Space.ONE: "relative to the picture: 0 to 1 over its width, and 0 to 1 over its height",
        None: "",
    }
    return template.substitute(labels=listed, coordinates=coordinates[settings.coordinates])


def _boxes_schema(labels: Sequence[str]) -> Schema:
    corners = ("x1", "y1", "x2", "y2")
    one = _object({"label": {"type": "string", "enum": list(labels)}, **{name: {"type": "number"} for name in corners}})
    return _object({"objects": {"type": "array", "items": one}})


def _object(properties: Mapping[str, Any]) -> Schema:
    """An object of all these properties, in the part of JSON Schema that servers know."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_CAPTION_SCHEMA = _object({"caption": {"type": "string"}})
