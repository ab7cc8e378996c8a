"""What Airflow is told about Labelcycle as a provider: its connection types and their forms."""

from typing import Any

_TEXT = {"type": ["string", "null"]}


def get_provider_info() -> dict[str, Any]:
    """Airflow's provider manifest (its schema: airflow/provider.yaml.schema.json). The keys of `conn-fields` are kept
    in a connection's extra."""
    return {
        "package-name": "labelcycle",
        "name": "Labelcycle",
        "description": "The labeling lifecycle of image datasets.",
        "connection-types": [_CVAT, _LEDGER, _GIT, _MLFLOW],
        "extra-links": ["labelcycle.links.cvat.OpenInCvat"],
    }


_CVAT = {
    "connection-type": "cvat",
    "hook-name": "CVAT",
    "hook-class-name": "labelcycle.hooks.cvat.CvatHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {"host": "URL", "login": "User", "password": "Password or token"},
        "placeholders": {
            "host": "https://cvat.example.com",
            "login": "empty with a personal access token",
            "password": "the user's password, or a personal access token that may write",
        },
    },
    "conn-fields": {
        "organization": {"label": "Organization", "description": "Its short name (slug), if any.", "schema": _TEXT},
        "verify_tls": {
            "label": "Verify TLS",
            "description": "Whether the server's certificate is checked.",
            "schema": {"type": ["boolean", "null"], "default": True},
        },
    },
}

_LEDGER = {
    "connection-type": "labelcycle_ledger",
    "hook-name": "Labelcycle ledger",
    "hook-class-name": "labelcycle.hooks.ledger.LedgerHook",
    "ui-field-behaviour": {
        "hidden-fields": [],
        "relabeling": {"schema": "Database"},
        "placeholders": {
            "host": "PostgreSQL's host; for trials an absolute path: a SQLite file",
            "port": "5432",
            "schema": "labelcycle",
        },
    },
    "conn-fields": {
        "sslmode": {
            "label": "SSL mode",
            "description": "libpq's sslmode, for PostgreSQL.",
            "schema": {
                "type": ["string", "null"],
                "enum": [None, "disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
            },
        },
    },
}

_GIT = {
    "connection-type": "labelcycle_git",
    "hook-name": "Labelcycle dataset repository",
    "hook-class-name": "labelcycle.hooks.repository.RepositoryHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port", "login", "password"],
        "relabeling": {"host": "Git URL"},
        "placeholders": {"host": "git@git.example.com:team/datasets.git"},
    },
    "conn-fields": {
        "branch": {"label": "Branch", "description": "Where versions are committed: main, if empty.", "schema": _TEXT},
        "author_name": {"label": "Author", "description": "Who commits: Labelcycle, if empty.", "schema": _TEXT},
        "author_email": {"label": "Author's e-mail", "description": "The committer's address.", "schema": _TEXT},
    },
}

_MLFLOW = {
    "connection-type": "mlflow",
    "hook-name": "MLflow",
    "hook-class-name": "labelcycle.hooks.mlflow.MlflowHook",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "port"],
        "relabeling": {"host": "Tracking URI", "login": "User", "password": "Password or token"},
        "placeholders": {
            "host": "https://mlflow.example.com",
            "login": "empty with a token, or where nobody is asked",
        },
    },
    "conn-fields": {
        "artifacts": {
            "label": "Artifacts",
            "description": "A URI or an absolute path for the artifacts of new experiments, where MLflow is no server.",
            "schema": _TEXT,
        },
        "pages": {
            "label": "Pages",
            "description": "The URL at which people open MLflow, where their browsers cannot reach the tracking URI.",
            "schema": _TEXT,
        },
    },
}
