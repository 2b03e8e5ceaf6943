"""What a Pages deployment answers, held against the provider's own asset server as its source has it."""

from __future__ import annotations

import pytest

from deploy.emulator.pages import site
from deploy.emulator.pages.rules import read_rules
from deploy.emulator.pages.site import FRESH, PRESERVED, WEEK, Answer, Asked, Preserved, Site

HOST = "site.pages.dev"


class Served:
    """Deployments of one project, one after the other; an asset's name is its path and the deployment's number."""

    def __init__(self) -> None:
        self.preserved, self.now, self.count, self.cold = Preserved(), 0.0, 0, False

    def deploy(self, *paths: str, headers: str = "", redirects: str = "") -> Served:
        self.count += 1
        files = {path: f"{path}@{self.count}" for path in paths}
        rules = read_rules(headers, redirects)
        self.site = Site(
            files, lambda _, path: f"type/of{path[-3:]}", rules, self.preserved, lambda: self.now, lambda _: self.cold
        )
        return self

    def ask(self, path: str, method: str = "GET", query: str = "", **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.site.answer(Asked(method, HOST, path, query, named))


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.mark.parametrize(
    ("path", "status", "leads"),
    [
        ("/", 200, "/index.html"),
        ("/index.html", 308, "/"),
        ("/index", 308, "/"),
        ("/index/", 308, "/"),
        ("/about", 200, "/about.html"),
        ("/about.html", 308, "/about"),
        ("/about/", 308, "/about"),
        ("/docs", 308, "/docs/"),
        ("/docs/", 200, "/docs/index.html"),
        ("/docs/index.html", 308, "/docs/"),
        ("/docs/index", 308, "/docs/"),
        ("/both.html", 200, "/both.html"),  # another file stands at the clean address
        ("/both", 200, "/both"),
        ("/app.js", 200, "/app.js"),
        ("/app.js/", 404, ""),
        ("/%C3%BC.txt", 200, "/ü.txt"),
        ("/%zz", 404, ""),
    ],
)
def test_addresses_are_clean(served: Served, path: str, status: int, leads: str) -> None:
    files = ["/index.html", "/404.html", "/about.html", "/docs/index.html", "/both", "/both.html", "/app.js", "/ü.txt"]
    answer = served.deploy(*files).ask(path, query="?a=b")
    assert answer.status == status
    if status == 308:
        assert answer.headers["location"] == f"{leads}?a=b"
    else:
        assert answer.asset == (f"{leads}@1" if leads else "/404.html@1")


def test_a_redirect_never_leads_to_another_host(served: Served) -> None:
    served.deploy("//evil.example/x.html", "/index.html")
    assert served.ask("//evil.example/x.html").headers["location"] == "/evil.example/x"


@pytest.mark.parametrize(
    ("files", "path", "status", "asset"),
    [
        (["/404.html", "/index.html"], "/no/such/thing", 404, "/404.html@1"),
        (["/404.html", "/docs/404.html"], "/docs/no/such", 404, "/docs/404.html@1"),
        (["/404.html", "/docs/404.html"], "/docsx/no", 404, "/404.html@1"),
        (["/docs/404.html", "/index.html"], "/no", 200, "/index.html@1"),  # a single-page app
        (["/index.html"], "/assets/gone.0123456789.js", 200, "/index.html@1"),
        (["/app.js"], "/no", 404, None),
    ],
)
def test_what_is_not_there_is_the_nearest_404_page_or_else_the_page_itself(
    served: Served, files: list[str], path: str, status: int, asset: str | None
) -> None:
    answer = served.deploy(*files).ask(path)
    assert (answer.status, answer.asset) == (status, asset)


def test_type_tag_and_cache_are_those_of_the_upload(served: Served) -> None:
    answer = served.deploy("/app.js").ask("/app.js")
    assert answer.headers == {
        "etag": '"/app.js@1"',
        "content-type": "type/of.js",
        "cache-control": FRESH,
        "access-control-allow-origin": "*",
        "referrer-policy": "strict-origin-when-cross-origin",
        "x-content-type-options": "nosniff",
    }
    assert "cache-control" not in served.ask("/app.js", range="bytes=0-1").headers
    for tag in (answer.headers["etag"], f"W/{answer.headers['etag']}"):
        known = served.ask("/app.js", if_none_match=tag)
        assert (known.status, known.asset, "content-type" in known.headers) == (304, None, False)
    assert served.ask("/app.js", if_none_match='"other"').status == 200


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405), ("PUT", 405), ("OPTIONS", 405)])
def test_files_are_only_read(served: Served, method: str, status: int) -> None:
    assert served.deploy("/index.html").ask("/", method).status == status


def test_the_rules_of_a_path_are_those_of_its_404_too(served: Served) -> None:
    headers = "/assets/*\n  Cache-Control: immutable\n"
    served.deploy("/404.html", "/assets/a.js", headers=headers)
    for path in ("/assets/a.js", "/assets/gone.js"):
        assert served.ask(path).headers["cache-control"] == "immutable"
    assert "cache-control" not in served.ask("/gone.js").headers


def test_headers_of_several_rules_are_joined_and_taken_away(served: Served) -> None:
    headers = """
# everywhere
/*
  X-All: 1
  X-All: 2
  Access-Control-Allow-Origin: https://a.example
/docs/:name
  X-All: 3
  X-Name: is :name
  ! Access-Control-Allow-Origin
https://other.example/*
  X-Other: yes
https://:which.pages.dev/*
  X-Which: :which
"""
    served.deploy("/docs/a.js", "/b.js", headers=headers)
    found = served.ask("/docs/a.js").headers
    assert (found["x-all"], found["x-name"], found["x-which"]) == ("1, 2, 3", "is a.js", "site")
    assert "access-control-allow-origin" not in found
    assert "x-other" not in found
    plain = served.ask("/b.js").headers
    assert (plain["x-all"], plain["access-control-allow-origin"]) == ("1, 2", "https://a.example")


@pytest.mark.parametrize(
    ("path", "query", "status", "location"),
    [
        ("/old/a/b", "", 301, "/new/a/b"),
        ("/old/a", "?x=1", 301, "/new/a?x=1"),
        ("/exact", "?x=1", 302, "/there?y=2"),
        ("/users/7", "", 308, "https://x.example/u/7"),
        ("/late", "", 302, "/from-pattern"),  # a pattern stands before the exact line
        ("/shown/7", "", 200, ""),
        ("/app.js", "", 303, "/index.html"),  # before files
    ],
)
def test_redirects(served: Served, path: str, query: str, status: int, location: str) -> None:
    redirects = """
/exact /there?y=2
/app.js /index.html 303 # inline
/old/* /new/:splat 301
/users/:id https://x.example/u/:id 308
/la* /from-pattern
/late /exactly
/shown/* /shown.txt 200
"""
    answer = served.deploy("/app.js", "/shown.txt", "/404.html", redirects=redirects).ask(path, query=query)
    assert (answer.status, answer.headers.get("location", "")) == (status, location)
    if status == 200:
        assert answer.asset == "/shown.txt@1"


@pytest.mark.parametrize(
    "line",
    [
        "/only-one",
        "/a /b 302 /c",
        "/a /b 404",
        "/a /b soon",
        "/a ftp://x/",
        "/* /index.html 200",
        "/ /index",
        "https://x.example/a /b",
        "/a https://x.example/ 200",
        "/*/* /b",
        "/:a/:a /b",
        "/" + "a" * 2001 + " /b",
    ],
)
def test_bad_lines_of_redirects_are_ignored_and_told(line: str) -> None:
    rules = read_rules("", f"{line}\n/good /there\n/good /elsewhere\n")
    assert [told.rpartition(": ")[0].partition(":")[0] for told in rules.ignored] == ["_redirects", "_redirects"]
    assert rules.ignored[0].startswith("_redirects:1: ")
    assert rules.redirect_for(HOST, "/good") == ("/there", 302)
    assert (list(rules.exact), rules.redirects) == (["/good"], [])


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("  X-Early: before any path\n/a\n  X: 1\n", "_headers:1"),
        ("/a\n  X: 1\n  no colon\n", "_headers:3"),
        ("/a\n  X: 1\n  Two Words: 1\n", "_headers:3"),
        ("/a\n  X: 1\n  Empty:\n", "_headers:3"),
        ("/a\n  X: 1\nhttp://x.example/b\n  Y: 1\n", "_headers:3"),
        ("/a\n  X: 1\nhttps://x.example:80/b\n", "_headers:3"),
        ("/a\n  X: 1\n/b\n", "_headers: no headers for /b"),
        ("/a\n  X: 1\n/*/*\n  Y: 1\n", "_headers: /*/*"),
        ("/a\n  X: 1\n  Long: " + "x" * 2001 + "\n", "_headers:3"),
        ("/a\n  X: 1\n" + "".join(f"/b{n}\n  Y: 1\n" for n in range(100)), "_headers:201"),
    ],
)
def test_bad_lines_of_headers_are_ignored_and_told(text: str, ignored: str) -> None:
    rules = read_rules(text, "")
    assert rules.ignored[0].startswith(ignored)
    assert [dict(rule.headers) for rule in rules.headers_for(HOST, "/a")] == [{"x": "1"}]
    assert list(rules.headers_for(HOST, "/elsewhere")) == []


def test_what_was_served_lately_is_served_for_a_week_by_the_same_address(served: Served) -> None:
    served.deploy("/404.html", "/old.js", "/never-asked.js")
    served.ask("/old.js")
    served.ask("/never-asked.js", "HEAD")
    served.deploy("/404.html", "/new.js", headers="/*\n  X-Release: 2\n")
    kept = served.ask("/old.js")
    assert (kept.status, kept.asset, kept.headers["content-type"]) == (200, "/old.js@1", "type/of.js")
    assert (kept.headers["cache-control"], kept.headers["x-robots-tag"]) == (PRESERVED, "noindex")
    assert kept.headers["x-release"] == "2"
    for path, query in (("/never-asked.js", ""), ("/old.js", "?again")):
        assert served.ask(path, query=query).status == 404
    assert served.ask("/old.js", "HEAD").status == 404
    served.cold = True
    assert served.ask("/old.js").status == 404
    served.cold, served.now = False, WEEK
    assert served.ask("/old.js").status == 404


def test_no_more_addresses_are_preserved_than_have_room(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MOST_PRESERVED", 2)
    served.deploy("/a.js", "/b.js", "/c.js")
    for path in ("/a.js", "/b.js", "/a.js", "/c.js"):
        served.ask(path)
    served.deploy("/404.html")
    assert [served.ask(path).status for path in ("/a.js", "/b.js", "/c.js")] == [200, 404, 200]


def test_the_page_that_stands_for_what_is_missing_is_not_preserved(served: Served) -> None:
    served.deploy("/index.html").ask("/lost")
    served.deploy("/404.html")
    assert served.ask("/lost").status == 404
