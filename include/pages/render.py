"""Pages of snapshots as HTML text. Names of labels, people and files are text: whatever they hold, they do nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from pydantic import TypeAdapter

from include.pages import formats, words
from include.pages.addresses import Addresses
from include.pages.charts import Chart
from include.pages.view import View, drawn, greatest, path

STATIC = Path(__file__).parent / "static"
_TEMPLATES = Path(__file__).parent / "templates"
_CHART: TypeAdapter[Chart] = TypeAdapter(Chart)


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """A project in the overview: its view where something has been measured, or why nothing can be read."""

    name: str
    view: View | None
    trouble: str | None = None


def quality_page(view: View, addresses: Addresses) -> str:
    """A project's page."""
    return rendered("quality.html", view=view, addresses=addresses, standalone=False)


def image_page(view: View, image_id: str, addresses: Addresses) -> str:
    """An image with what was predicted and what is final. Raises KeyError for one that the snapshot does not name."""
    return rendered("image.html", view=view, image_id=image_id, link=view.snapshot.links[image_id], addresses=addresses)


def overview_page(rows: Sequence[ProjectRow], addresses: Addresses) -> str:
    """All projects, a line each."""
    return rendered("overview.html", rows=rows, addresses=addresses)


def unmeasured_page(project: str, addresses: Addresses) -> str:
    """A project without a snapshot: what to do."""
    return rendered("unmeasured.html", project=project, addresses=addresses)


def notice_page(title: str, sentence: str, addresses: Addresses) -> str:
    """What went wrong, in a sentence."""
    return rendered("notice.html", title=title, sentence=sentence, addresses=addresses)


def version_of(name: str) -> str:
    """A static file's digest, in its address: browsers keep what does not change."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def rendered(template: str, **shown: object) -> str:
    """A template with what it shows."""
    return _environment().get_template(template).render(shown)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for form in (
        *(formats.figure, formats.signed, formats.percent, formats.count, formats.span, formats.minutes),
        *(formats.moment, formats.age, formats.file_name, formats.shorter),
    ):
        environment.filters[form.__name__] = form
    environment.filters.update(drawn=drawn, path=path)
    environment.globals.update(
        words=words, greatest=greatest, chart_data=_chart_data, style=_style, versioned=_versioned
    )
    return environment


def _chart_data(chart: Chart) -> object:
    return _CHART.dump_python(chart, mode="json")


def _style() -> Markup:
    return Markup((STATIC / "quality.css").read_text(encoding="utf-8"))


@pass_context
def _versioned(context: Context, name: str) -> str:
    addresses: Addresses = context["addresses"]
    return f"{addresses.static(name)}?{_known_version(name)}"


@cache
def _known_version(name: str) -> str:
    return version_of(name)
