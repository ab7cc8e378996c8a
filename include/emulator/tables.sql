CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    email TEXT NOT NULL,
    password TEXT NOT NULL,
    is_admin INTEGER NOT NULL,
    last_login TEXT,
    date_joined TEXT NOT NULL
);

-- What a login hands out: a session (with its CSRF token) or the key that login and register answer.
CREATE TABLE IF NOT EXISTS logins (
    digest TEXT PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    csrf TEXT
);

CREATE TABLE IF NOT EXISTS access_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    digest TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL,
    expiry_date TEXT,
    last_used_date TEXT,
    read_only INTEGER NOT NULL
);

CREATE TABLE IF NOT EXISTS cloud_storages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    owner_id INTEGER NOT NULL REFERENCES users,
    provider_type TEXT NOT NULL,
    resource TEXT NOT NULL,
    display_name TEXT NOT NULL,
    credentials_type TEXT NOT NULL,
    key TEXT NOT NULL,
    secret_key TEXT NOT NULL,
    specific_attributes TEXT NOT NULL,
    description TEXT NOT NULL,
    manifests TEXT NOT NULL,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    owner_id INTEGER NOT NULL REFERENCES users,
    assignee_id INTEGER REFERENCES users,
    assignee_updated_date TEXT,
    bug_tracker TEXT NOT NULL,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS projects_by_name ON projects (name);

CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    project_id INTEGER REFERENCES projects ON DELETE CASCADE,
    owner_id INTEGER NOT NULL REFERENCES users,
    assignee_id INTEGER REFERENCES users,
    assignee_updated_date TEXT,
    bug_tracker TEXT NOT NULL,
    subset TEXT NOT NULL,
    overlap INTEGER,
    segment_size INTEGER NOT NULL,
    consensus_replicas INTEGER NOT NULL DEFAULT 0,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tasks_by_project ON tasks (project_id, name);
CREATE INDEX IF NOT EXISTS tasks_by_name ON tasks (name);

-- A task's media. The row appears with the first byte; `size` is 0 until the request that reads it has finished.
CREATE TABLE IF NOT EXISTS data (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL UNIQUE REFERENCES tasks ON DELETE CASCADE,
    size INTEGER NOT NULL,
    chunk_size INTEGER NOT NULL,
    image_quality INTEGER NOT NULL,
    cloud_storage_id INTEGER REFERENCES cloud_storages ON DELETE SET NULL,
    storage TEXT NOT NULL,
    deleted_frames TEXT NOT NULL,
    chunks_updated_date TEXT NOT NULL
);

-- Files that clients sent, in the order of arrival; each lies whole in the task's folder of uploads.
CREATE TABLE IF NOT EXISTS uploads (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    name TEXT NOT NULL,
    UNIQUE (task_id, name)
);

CREATE TABLE IF NOT EXISTS frames (
    data_id INTEGER NOT NULL REFERENCES data ON DELETE CASCADE,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    PRIMARY KEY (data_id, number)
) WITHOUT ROWID;

-- `included_frames`, a list as JSON, is a ground truth's alone; `parent_id` that of a consensus replica.
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    type TEXT NOT NULL DEFAULT 'annotation',
    parent_id INTEGER REFERENCES jobs ON DELETE CASCADE,
    included_frames TEXT,
    start_frame INTEGER NOT NULL,
    stop_frame INTEGER NOT NULL,
    stage TEXT NOT NULL DEFAULT 'annotation',
    state TEXT NOT NULL DEFAULT 'new',
    status TEXT NOT NULL DEFAULT 'annotation',
    assignee_id INTEGER REFERENCES users,
    assignee_updated_date TEXT,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_task ON jobs (task_id);
CREATE INDEX IF NOT EXISTS jobs_by_assignee ON jobs (assignee_id);
CREATE INDEX IF NOT EXISTS jobs_by_parent ON jobs (parent_id);
CREATE UNIQUE INDEX IF NOT EXISTS one_ground_truth_a_task ON jobs (task_id) WHERE type = 'ground_truth';

-- `summary` and `data` as JSON, as they are answered.
CREATE TABLE IF NOT EXISTS quality_reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
    job_id INTEGER REFERENCES jobs ON DELETE CASCADE,
    parent_id INTEGER REFERENCES quality_reports ON DELETE CASCADE,
    summary TEXT NOT NULL,
    data TEXT NOT NULL,
    created_date TEXT NOT NULL,
    target_last_updated TEXT NOT NULL,
    gt_last_updated TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS quality_reports_by_task ON quality_reports (task_id);
CREATE INDEX IF NOT EXISTS quality_reports_by_job ON quality_reports (job_id);
CREATE INDEX IF NOT EXISTS quality_reports_by_parent ON quality_reports (parent_id);

CREATE TABLE IF NOT EXISTS quality_conflicts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    report_id INTEGER NOT NULL REFERENCES quality_reports ON DELETE CASCADE,
    frame INTEGER NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL,
    annotation_ids TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS quality_conflicts_by_report ON quality_conflicts (report_id);

-- Outlives what it is about, as in CVAT: asking for the request of a deleted task is a 400 of its own. `type` is an
-- action and a subject (`export:dataset`); `download` is the name of the file that a finished export hands out.
-- `progress` (percent) and `stopped` (asked to end early) are those of a function's run.
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    target TEXT NOT NULL,
    project_id INTEGER,
    task_id INTEGER,
    job_id INTEGER,
    format TEXT,
    owner_id INTEGER NOT NULL REFERENCES users,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    parameters TEXT NOT NULL,
    download TEXT,
    result_id INTEGER,
    progress INTEGER,
    stopped INTEGER NOT NULL DEFAULT 0,
    created_date TEXT NOT NULL,
    started_date TEXT,
    finished_date TEXT,
    expiry_date TEXT
);
CREATE INDEX IF NOT EXISTS requests_by_status ON requests (status);
CREATE INDEX IF NOT EXISTS requests_by_task ON requests (task_id);

-- Serverless functions that tests have registered, as JSON.
CREATE TABLE IF NOT EXISTS functions (id TEXT PRIMARY KEY, about TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS issues (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    frame INTEGER NOT NULL,
    position TEXT NOT NULL,
    owner_id INTEGER NOT NULL REFERENCES users,
    assignee_id INTEGER REFERENCES users,
    resolved INTEGER NOT NULL DEFAULT 0,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS issues_by_job ON issues (job_id);

CREATE TABLE IF NOT EXISTS comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issues ON DELETE CASCADE,
    owner_id INTEGER NOT NULL REFERENCES users,
    message TEXT NOT NULL,
    created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS comments_by_issue ON comments (issue_id);

CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER REFERENCES projects ON DELETE CASCADE,
    task_id INTEGER REFERENCES tasks ON DELETE CASCADE,
    parent_id INTEGER REFERENCES labels ON DELETE CASCADE,
    name TEXT NOT NULL,
    color TEXT NOT NULL,
    type TEXT NOT NULL,
    svg TEXT
);
CREATE INDEX IF NOT EXISTS labels_by_project ON labels (project_id);
CREATE INDEX IF NOT EXISTS labels_by_task ON labels (task_id);
CREATE INDEX IF NOT EXISTS labels_by_parent ON labels (parent_id);

CREATE TABLE IF NOT EXISTS attributes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    label_id INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
    name TEXT NOT NULL,
    mutable INTEGER NOT NULL,
    input_type TEXT NOT NULL,
    default_value TEXT NOT NULL,
    choices TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attributes_by_label ON attributes (label_id);

-- Annotations take their ids from `counters`, many at once; skeleton elements and tracked shapes, which live inside
-- `rest`, do so too. `rest` holds what nothing is looked up by, as JSON: points, attribute values, a track's shapes, ...
CREATE TABLE IF NOT EXISTS tags (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    label_id INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
    frame INTEGER NOT NULL,
    rest BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS tags_by_job ON tags (job_id, frame);
CREATE INDEX IF NOT EXISTS tags_by_label ON tags (label_id);

CREATE TABLE IF NOT EXISTS shapes (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    label_id INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
    frame INTEGER NOT NULL,
    rest BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS shapes_by_job ON shapes (job_id, frame);
CREATE INDEX IF NOT EXISTS shapes_by_label ON shapes (label_id);

CREATE TABLE IF NOT EXISTS tracks (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    label_id INTEGER NOT NULL REFERENCES labels ON DELETE CASCADE,
    frame INTEGER NOT NULL,
    rest BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS tracks_by_job ON tracks (job_id, frame);
CREATE INDEX IF NOT EXISTS tracks_by_label ON tracks (label_id);

CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, last INTEGER NOT NULL);
INSERT OR IGNORE INTO counters VALUES ('tags', 0), ('shapes', 0), ('tracks', 0), ('tracked_shapes', 0);
