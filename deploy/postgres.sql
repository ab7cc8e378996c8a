-- Three databases, each with a user of its own. Postgres runs this once, on an empty data folder (psql, as superuser).
\getenv airflow_password AIRFLOW_DB_PASSWORD
\getenv ledger_password LEDGER_DB_PASSWORD
\getenv mlflow_password MLFLOW_DB_PASSWORD

CREATE USER airflow PASSWORD :'airflow_password';
CREATE USER ledger PASSWORD :'ledger_password';
CREATE USER mlflow PASSWORD :'mlflow_password';

CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE ledger OWNER ledger;
CREATE DATABASE mlflow OWNER mlflow;

REVOKE CONNECT ON DATABASE airflow, ledger, mlflow FROM PUBLIC;
