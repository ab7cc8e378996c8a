"""A snapshot as one page that needs nothing else, and its charts as pictures: what Matplotlib is loaded for."""

from markupsafe import Markup

from include.evaluation.snapshot import Snapshot
from include.pages.addresses import Addresses
from include.pages.charts import Chart
from include.pages.plots import svg
from include.pages.render import rendered
from include.pages.view import View


def report(snapshot: Snapshot, annotator: str | None = None, addresses: Addresses | None = None) -> str:
    """The quality page with pictures in place of scripts: it opens from a file. Raises KeyError where the snapshot has
    no such annotator version."""
    view = View.of(snapshot, annotator)
    return rendered("report.html", view=view, addresses=addresses or Addresses(), standalone=True, plot=_plot)


def plots(snapshot: Snapshot, annotator: str | None = None) -> dict[str, str]:
    """The charts of a version as SVG, by their ids. Raises KeyError where the snapshot has no such version."""
    return {chart.id: svg(chart) for chart in View.of(snapshot, annotator).charts}


def _plot(chart: Chart) -> Markup:
    return Markup(svg(chart))  # matplotlib escapes texts
