"""docker-compose.yaml, the Dockerfile and the env example, checked as far as files alone can be."""

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from deploy.compose import COMPOSE, ROOT, VARIABLE, ComposeError, Service, read_compose, strings, substitute
from deploy.environment import EXAMPLE, read_variables, with_secrets
from deploy.image import copies

VARIABLES = read_variables(with_secrets(EXAMPLE.read_text())) | {
    "CVAT_URL": "https://cvat.example.org",
    "CVAT_TOKEN": "a-token",
}
SERVICES = read_compose(VARIABLES)
AIRFLOW = [service for service in SERVICES.values() if "AIRFLOW_HOME" in service.environment]
LONG_RUNNING = [service for service in SERVICES.values() if service.name != "init"]
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|_KEY$")


def uses() -> Iterator[re.Match[str]]:
    """Every use of a variable in the file and in monitoring's, their comments left out."""
    for path in (COMPOSE, ROOT / "deploy/monitoring/compose.yaml"):
        for text in strings(yaml.safe_load(path.read_text())):
            yield from (found for found in VARIABLE.finditer(text) if found["name"])


def airflow_settings() -> dict[str, str]:
    return {name: value for s in AIRFLOW for name, value in s.environment.items() if name.startswith("AIRFLOW__")}


def connections() -> dict[str, str]:
    prefix = "AIRFLOW_CONN_"
    return {
        name.removeprefix(prefix).lower(): value
        for service in AIRFLOW
        for name, value in service.environment.items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_what_a_service_waits_for_can_come_true(service: Service) -> None:
    for name, condition in service.needs.items():
        needed = SERVICES[name]
        if condition == "service_healthy":
            assert needed.health
        else:
            assert condition == "service_completed_successfully"
            assert needed.restart == "no"


@pytest.mark.parametrize("service", LONG_RUNNING, ids=lambda service: service.name)
def test_what_runs_for_long_is_watched_and_restarted(service: Service) -> None:
    assert service.health
    assert service.restart == "unless-stopped"


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_a_mounted_path_exists_and_a_volume_is_declared(service: Service) -> None:
    volumes = yaml.safe_load(COMPOSE.read_text())["volumes"]
    for mount in service.mounts:
        assert (ROOT / mount.source).exists() if mount.source.startswith(".") else mount.source in volumes


def test_every_variable_is_in_the_example() -> None:
    assert {use["name"] for use in uses()} <= set(VARIABLES)


def test_every_variable_of_the_example_is_used() -> None:
    used = {use["name"] for use in uses()} | {"COMPOSE_PROFILES"}  # that one is Docker's own
    assert set(VARIABLES) <= used


def test_no_secret_has_a_default() -> None:
    assert [use[0] for use in uses() if SECRET.search(use["name"]) and use["rule"] != ":?"] == []


def test_the_example_holds_no_secret() -> None:
    given = read_variables(EXAMPLE.read_text())
    secrets = {name: value for name, value in given.items() if SECRET.search(name)}
    assert set(secrets.values()) <= {"", "<random>", "<fernet>"}


def test_every_secret_is_filled_in_with_one_of_its_own() -> None:
    filled = [value for name, value in VARIABLES.items() if SECRET.search(name)]
    assert len(set(filled)) == len(filled)
    assert not any("<" in value for value in filled)


def test_the_file_cannot_be_used_without_its_secrets() -> None:
    with pytest.raises(ComposeError, match="_PASSWORD is not set"):
        read_compose(VARIABLES | {"REDIS_PASSWORD": "", "POSTGRES_PASSWORD": ""})


@pytest.mark.parametrize("image", sorted({s.image for s in SERVICES.values()}))
def test_images_have_exact_tags(image: str) -> None:
    assert re.fullmatch(r"[a-z/.-]+:\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?", image)


def test_the_dockerfile_builds_on_an_exact_tag() -> None:
    images = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert images
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", image) for image in images)


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.name)
def test_ports_listen_on_loopback_by_default(service: Service) -> None:
    assert all(port.startswith("127.0.0.1:") for port in service.ports)


def test_every_setting_is_one_of_airflows_own() -> None:
    from airflow.configuration import conf
    from airflow.providers_manager import ProvidersManager

    ProvidersManager().initialize_providers_configuration()
    known = conf.configuration_description
    for name in airflow_settings():
        section, option = name.removeprefix("AIRFLOW__").lower().split("__")
        assert section == "labelcycle" or option in known[section]["options"], name


def test_the_projects_folder_is_where_the_projects_are_mounted() -> None:
    folder = airflow_settings()["AIRFLOW__LABELCYCLE__PROJECTS_FOLDER"]
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker"):
        assert folder in {mount.target for mount in SERVICES[name].mounts}


def test_the_connections_of_the_example_project_are_there() -> None:
    project = yaml.safe_load((ROOT / "include/projects/example.yaml").read_text())
    named = {project[part]["connection"] for part in ("images", "cvat", "release", "ledger", "mlflow")}
    assert named <= set(connections())


def test_hooks_understand_the_connections() -> None:
    from airflow.sdk import Connection

    from labelcycle.hooks.cvat import access_of
    from labelcycle.hooks.ledger import url_of

    found = {name: Connection.from_json(value, conn_id=name) for name, value in connections().items()}
    cvat = access_of(found["cvat_default"])
    assert (cvat.url, cvat.token, cvat.username) == ("https://cvat.example.org", "a-token", None)
    ledger = url_of(found["labelcycle_ledger"])
    assert ledger.render_as_string(hide_password=False) == SERVICES["init"].environment["LABELCYCLE_LEDGER_URL"]
    assert found["mlflow_default"].host == "http://mlflow:5000"
    assert found["labelcycle_datasets"].host == SERVICES["init"].environment["DATASETS_REPOSITORY"]
    for name, endpoint in (("aws_default", "S3_ENDPOINT"), ("aws_for_cvat", "S3_ENDPOINT_FOR_CVAT")):
        assert found[name].conn_type == "aws"
        assert found[name].extra_dejson["endpoint_url"] == VARIABLES[endpoint]
        assert json.loads(connections()[name])["login"] == VARIABLES["S3_ACCESS_KEY"]
    assert found["aws_default"].extra_dejson["pages"] == "http://localhost:8333"  # what the host publishes to browsers


def test_a_user_and_password_for_cvat_are_understood_too() -> None:
    from airflow.sdk import Connection

    from labelcycle.hooks.cvat import access_of

    environment = read_compose(VARIABLES | {"CVAT_USERNAME": "labelcycle"})["worker"].environment
    access = access_of(Connection.from_json(environment["AIRFLOW_CONN_CVAT_DEFAULT"], conn_id="cvat_default"))
    assert (access.username, access.password, access.token) == ("labelcycle", "a-token", None)


@pytest.mark.parametrize("copy", copies(), ids=str)
def test_what_the_image_copies_exists_and_docker_may_see_it(copy: object) -> None:
    source = copy.source  # type: ignore[attr-defined]
    assert (ROOT / source).exists()
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    seen = [line[1:] for line in lines if line.startswith("!")]
    hidden = [line for line in lines if line[:1] not in ("", "!", "#", "*")]
    assert source in seen
    assert not any(fnmatch.fnmatch(source, pattern) for pattern in hidden)


def test_the_image_has_all_that_runs_in_it() -> None:
    targets = {str(copy.target) for copy in copies()}
    settings = airflow_settings()
    wanted = {settings["AIRFLOW__CORE__DAGS_FOLDER"], settings["AIRFLOW__CORE__PLUGINS_FOLDER"]}
    assert wanted | {"/opt/labelcycle/include", "/opt/labelcycle/deploy/init.py"} <= targets
    assert "/opt/labelcycle/deploy/postgres.sql" not in targets  # Postgres runs it, not we


def test_airflow_knows_the_commands_that_it_is_given() -> None:
    from airflow.cli.cli_parser import get_parser

    parser = get_parser()
    commands = [command for service in SERVICES.values() for command in (service.command, service.health)]
    given = [command[1:] for command in commands if command and command[0] == "airflow"]
    assert len(given) == 7
    for words in given:
        parser.parse_args(words)


def test_modules_that_are_run_exist() -> None:
    modules = [s.command[2] for s in SERVICES.values() if s.command[:2] == ("python", "-m")]
    assert modules == ["deploy.init"]
    assert all(find_spec(module) for module in modules)
    app = re.search(r"--app (\S+)\.app ", SERVICES["worker"].health[-1])
    assert app
    assert find_spec(app[1])


@pytest.mark.slow
def test_celery_and_airflows_provider_fit_together() -> None:
    """They once did not: a Celery that the provider allows had lost a name that it imports."""
    code = "import airflow.providers.celery.executors.celery_executor_utils"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_variables_are_replaced_as_docker_does() -> None:
    # the Compose specification, "Interpolation"
    assert substitute("a ${B:-c}${D:-e} $$F", {"B": "b", "D": ""}) == "a be $F"
    assert substitute("${D-e}${H-i}", {"D": ""}) == "i"
    with pytest.raises(ComposeError, match="G is not set"):
        substitute("${G:?}", {"G": ""})


def test_the_env_file_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "deploy"
    folder.mkdir()
    for name in ("__init__.py", "environment.py", "labelcycle.env.example"):
        (folder / name).write_bytes((ROOT / "deploy" / name).read_bytes())
    command = [sys.executable, "-m", "deploy.environment"]
    assert subprocess.run(command, cwd=tmp_path, check=False, timeout=30, capture_output=True).returncode == 0
    written = folder / "labelcycle.env"
    assert written.stat().st_mode & 0o777 == 0o600
    before = written.read_text()
    again = subprocess.run(command, cwd=tmp_path, check=False, timeout=30, capture_output=True, text=True)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    assert written.read_text() == before


def test_the_page_names_only_variables_that_there_are() -> None:
    page = (ROOT / "docs/deploy.md").read_text()
    names = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", page))
    assert names
    assert names <= set(VARIABLES) | {"SMOKESCREEN_OPTS"}
