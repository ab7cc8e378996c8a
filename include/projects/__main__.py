"""`python -m include.projects`: write the JSON schema of project files, by which editors complete and check them."""

import json
from pathlib import Path

from include.projects.model import Project

SCHEMA = Path(__file__).with_name("project.schema.json")


def schema() -> str:
    """The JSON schema (2020-12) of a project file, as the file holds it."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(head | Project.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
