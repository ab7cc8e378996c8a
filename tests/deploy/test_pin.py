"""Digests beside tags."""

from deploy.pin import FILES, pinned, tags

DIGEST = "sha256:" + "ab" * 32
TEXT = """services:
  ours:
    image: labelcycle:0.1.0
  redis:
    image: redis:7.2.14-alpine
"""


def test_a_digest_comes_beside_the_tag_and_our_own_image_has_none() -> None:
    wanted = TEXT.replace("redis:7.2.14-alpine", f"redis:7.2.14-alpine@{DIGEST}")
    assert pinned(TEXT, {"redis:7.2.14-alpine": DIGEST}) == wanted


def test_a_digest_is_replaced() -> None:
    old = pinned(TEXT, {"redis:7.2.14-alpine": "sha256:" + "00" * 32})
    assert pinned(old, {"redis:7.2.14-alpine": DIGEST}) == pinned(TEXT, {"redis:7.2.14-alpine": DIGEST})


def test_the_images_of_the_files_are_found() -> None:
    compose, monitoring, dockerfile = (tags(path.read_text()) for path in FILES)
    assert {tag.partition(":")[0] for tag in compose} == {"postgres", "redis", "chrislusf/seaweedfs"}
    assert {tag.partition(":")[0] for tag in monitoring} == {
        "prom/statsd-exporter",
        "prom/prometheus",
        "grafana/grafana",
    }
    assert {tag.partition(":")[0] for tag in dockerfile} == {"python"}
