import pytest

from include.clients.versions.errors import BucketRefusedError, RepositoryRefusedError, VersionsError, error_of

# Left: what DVC 3.67 (s3fs 2026.9; moto and rclone as servers), git 2.39 and GitHub wrote.
RECORDED = [
    ('ERROR: unexpected error - Could not connect to the endpoint URL: "http://127.0.0.1:9/data"', "endpoint"),
    (
        "ERROR: unexpected error - The specified bucket does not exist: An error occurred (NoSuchBucket) when calling "
        "the ListObjectsV2 operation: The specified bucket does not exist",
        "Make the bucket",
    ),
    (
        "ERROR: unexpected error - Forbidden: An error occurred (403) when calling the HeadObject operation: Forbidden",
        "access key",
    ),
    ("ERROR: unexpected error - Unable to locate credentials", "access key"),
    ("! [remote rejected] main -> main (pre-receive hook declined)", "server's rules"),
    ("git@github.com: Permission denied (publickey). / fatal: Could not read from remote repository", "ssh key"),
    ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", "credential helper"),
    ("fatal: 'typo.git' does not appear to be a git repository", "git URL"),
    ("`git init` failed: there is no program 'git'", "Install git"),
]


@pytest.mark.parametrize(("problem", "word"), RECORDED)
def test_what_to_do_about_it(problem: str, word: str) -> None:
    assert word in str(error_of(problem)).removeprefix(problem)


def test_an_unknown_problem_gets_no_advice() -> None:
    assert str(error_of("fatal: bad object HEAD")) == "fatal: bad object HEAD"


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        ("fatal: 'typo.git' does not appear to be a git repository", RepositoryRefusedError),
        (
            "fatal: repository 'https://github.com/o/r/' not found",
            RepositoryRefusedError,
        ),
        ("fatal: Authentication failed for 'https://git.example.com/r/'", RepositoryRefusedError),
        (
            "ssh: connect to host git port 9: Connection refused / fatal: Could not read from remote",
            VersionsError,
        ),
        ("fatal: unable to access 'https://no.invalid/r/': Could not resolve host: no.invalid", VersionsError),
        ("ERROR: unexpected error - Forbidden: An error occurred (403)", BucketRefusedError),
        ("fatal: write error: No space left on device", VersionsError),
    ],
)
def test_what_another_try_cannot_mend_has_a_kind_of_its_own(problem: str, kind: type[VersionsError]) -> None:
    assert type(error_of(problem)) is kind
