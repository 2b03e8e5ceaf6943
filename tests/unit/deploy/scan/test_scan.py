"""A secret of each kind, in each place: found, named by file, line and kind, and never printed."""

from __future__ import annotations

import base64
import gzip
import inspect
import io
import itertools
import json
import os
import urllib.parse
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from deploy import rehearsals
from deploy.cli import secrets as verbs
from deploy.errors import ConfigurationError, UsageError
from deploy.events.bus import Bus
from deploy.ledger.app_secrets import AppSecret
from deploy.scan import not_secrets, search
from deploy.scan.scan import scan
from deploy.settings.comparison import comparison_key
from deploy.settings.environments import ROOT, environment_names
from deploy.settings.secrets import Secret
from tests.unit.deploy.scan.planted import FLY, IN_LINES, PLANTED, Clone, clone, drawn, gzipped, packed

TWO_LINES = f"first\nsecond {FLY} and more\n"
HIDDEN = drawn(40)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    for name in [name for name in os.environ if "TOKEN" in name or "COMPARISON" in name]:
        monkeypatch.delenv(name)
    return clone(tmp_path)


def test_nothing_is_found_where_nothing_is(place: Clone) -> None:
    place.layer({"opt/app/a.py": "print(1)\n"})
    place.write("dist/logs/a.log", "no secret here\n")
    assert place.told(commits=True) == set()


def test_each_kind_is_found_in_each_place(place: Clone) -> None:
    name = {kind: kind.replace(" ", "-") for kind in PLANTED}
    for kind, secret in PLANTED.items():
        text = f"first\n{secret}\n"
        place.write(f"config/{name[kind]}", text)
        place.write(f"dist/0123/site/staging/{name[kind]}", text)
        place.write(f"dist/logs/{name[kind]}.gz", gzipped(text))
        place.write(f".rehearsal/logs/machines/{name[kind]}", text)
        place.write(f"dist/browser/{name[kind]}", text)
    place.layer({f"opt/app/{name[kind]}": f"first\n{secret}\n" for kind, secret in PLANTED.items()})
    found = {(where, file.partition(":")[2] or file, kind) for where, file, line, kind in place.told() if line == 2}
    for kind in PLANTED:
        assert {(where, file) for where, file, of in found if of == kind and name[kind] in file} == {
            ("repository", f"config/{name[kind]}"),
            ("dist", f"opt/app/{name[kind]}"),
            ("dist", f"dist/0123/site/staging/{name[kind]}"),
            ("dist", f"dist/browser/{name[kind]}"),
            ("logs", f"dist/logs/{name[kind]}.gz"),
            ("logs", f".rehearsal/logs/machines/{name[kind]}"),
        }, kind


def test_what_is_certain_is_found_in_binaries_of_packages_too(place: Clone) -> None:
    certain = sorted(PLANTED.keys() - IN_LINES)
    place.layer({f"usr/lib/{at}.so": _binary(PLANTED[kind]) for at, kind in enumerate(certain)})
    told = {(file.partition(":")[2], line, of) for _, file, line, of in place.told()}
    assert told == {(f"usr/lib/{at}.so", 2, kind) for at, kind in enumerate(certain)}


def _binary(secret: str) -> bytes:
    return b"\x7fELF\0\0\n" + bytes(9000) + secret.encode() + b"\0\xff"


def test_a_secret_that_only_head_or_the_index_has(place: Clone) -> None:
    file = place.write("a/committed.txt", TWO_LINES)
    place.commit()
    file.unlink()
    place.write("a/staged.txt", f"\n{TWO_LINES}")
    place.git("add", "a/staged.txt")
    place.write("a/staged.txt", "clean\n")
    assert place.told() == {
        ("repository", "a/committed.txt", 2, "Fly Token"),
        ("repository", "a/staged.txt", 3, "Fly Token"),
    }


def test_a_secret_in_commits_that_were_amended_dropped_or_only_described_it(place: Clone) -> None:
    first = place.git("rev-parse", "HEAD")
    place.write("old/dropped.txt", TWO_LINES)
    dropped = place.commit()
    place.git("reset", "--quiet", "--hard", first)
    place.git("reflog", "expire", "--expire=now", "--all")
    place.write("later.txt", PLANTED["Stripe Access Key"])
    place.commit()
    place.git("rm", "--quiet", "later.txt")
    place.commit(f"take it out\n\nIt was {PLANTED['GitHub Token']}")
    place.git("tag", "-a", "v1", "-m", PLANTED["Google API Key"])
    place.git("hash-object", "-w", "--stdin", data=PLANTED["AWS Access Key"])  # of no commit at all
    assert place.told() == set()
    found = {(file, kind) for where, file, _, kind in place.told(commits=True) if where == "history"}
    blob = place.git("hash-object", "--stdin", data=PLANTED["AWS Access Key"])
    assert (f"old/dropped.txt (in {dropped[:10]})", "Fly Token") in found
    assert any(file.startswith("later.txt (in ") for file, kind in found if kind == "Stripe Access Key")
    assert (f"object {blob[:10]}", "AWS Access Key") in found
    unnamed = {kind for file, kind in found if file.startswith("object ")}
    assert unnamed == {"AWS Access Key", "GitHub Token", "Google API Key"}


def test_archives_are_looked_into_however_they_are_nested(place: Clone) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trace/a.txt", TWO_LINES)
    place.write("inner.zip", zipped.getvalue())
    place.layer({"opt/app/logs.tar.gz": gzip.compress(packed({"deep/a.gz": gzipped(TWO_LINES)}))})
    told = {(file.partition(":")[2], line) for _, file, line, _ in place.told()}
    assert told == {("trace/a.txt", 2), ("opt/app/logs.tar.gz:deep/a.gz", 2)}


def test_what_cannot_be_looked_into_is_found_and_may_be_allowed(place: Clone) -> None:
    place.write("dist/logs/cut.gz", gzipped(drawn(5000))[:-30])
    place.write("dist/0123/layer", b"\x28\xb5\x2f\xfd" + bytes(40))
    found = {(each.file, each.kind.partition(" (")[0]): each.mark for each in place.found().findings}
    assert set(found) == {
        ("dist/logs/cut.gz", "not looked into: cannot be unpacked"),
        ("dist/0123/layer", "not looked into: cannot be unpacked"),
    }
    assert all(found.values())


def test_names_and_links_are_read_and_not_printed(place: Clone) -> None:
    place.write(f"keys/{FLY}.txt", "a")
    (place.root / "link").symlink_to(f"/run/{PLANTED['GitHub Token']}")
    place.layer({f"opt/app/{PLANTED['Stripe Access Key']}/a.txt": "a"})
    told = place.told()
    assert {kind for *_, kind in told} == {"secret in a name", "GitHub Token", "Stripe Access Key (in a name)"}
    for secret in (FLY, PLANTED["GitHub Token"], PLANTED["Stripe Access Key"]):
        assert secret not in repr(told)
    assert ("repository", "keys/….txt", 0, "secret in a name") in told


def test_a_secret_across_two_windows_and_one_in_a_very_long_line(place: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    window = 1 << 17
    monkeypatch.setattr(search, "WINDOW", window)
    for at in (window - 60, window - 20_000, 2 * window - 16_500):
        place.write("big.txt", "x\n" * (at // 2) + FLY + "\n" + "x\n" * 50_000)
        assert place.told() == {("repository", "big.txt", at // 2 + 1, "Fly Token")}
        place.write("big.txt", "-" * at + PLANTED["Basic Auth Credentials"] + "-" * 50_000)
        assert place.told() == {("repository", "big.txt", 1, "Basic Auth Credentials")}


SPELT = {
    "as it is": lambda text: text,
    "in JSON": lambda text: json.dumps({"a": text}),
    "in an address": lambda text: "https://a/?b=" + urllib.parse.quote(text, safe=""),
    "in base64, after one byte": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "in base64, after two": lambda text: base64.b64encode(b"x:" + text.encode() + b"\n").decode(),
    "in base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "in hexadecimal digits": lambda text: text.encode().hex(),
}


def test_known_values_are_found_in_every_spelling(place: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    token, file, key, app = 'he"re/is+' + HIDDEN, "there-" + HIDDEN[::-1], "k" * 9 + HIDDEN, "app&" + drawn(20)
    monkeypatch.setenv("FLY_API_TOKEN_STAGING", token)
    monkeypatch.setenv("CODECANVAS_COMPARISON_KEY", key)
    place.write(".env.production.secrets", f"CLOUDFLARE_API_TOKEN={file}\n").chmod(0o600)
    place.write(".rehearsal/private.json", json.dumps({"values": {"runner": {"DATABASE": app}}}))
    names = {
        token: "value of FLY_API_TOKEN_STAGING",
        file: "value of CLOUDFLARE_API_TOKEN in .env.production.secrets",
        key: "value of CODECANVAS_COMPARISON_KEY",
        app: "value of values.runner.DATABASE of the rehearsal",
    }
    binaries = {}
    for (at, value), (how, spell) in itertools.product(enumerate(names), SPELT.items()):
        binaries[f"usr/lib/{at} {how}"] = b"\0\n" + spell(value).encode()
        place.write(f"dist/logs/{at} {how}.log", spell(value))
    place.layer(binaries)
    told = {
        (where, file.rpartition("/")[2], kind) for where, file, _, kind in place.told() if kind.startswith("value of ")
    }
    wanted = set()
    for (at, name), how in itertools.product(enumerate(names.values()), SPELT):
        wanted |= {("logs", f"{at} {how}.log", name), ("dist", f"{at} {how}", name)}
    assert told == wanted


def test_one_of_several_tokens_in_a_variable_is_found(place: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = "fm2_" + drawn(50), "fm2_" + drawn(50)
    monkeypatch.setenv("FLY_API_TOKEN_STAGING", f"FlyV1 {one},{other}")
    place.write("dist/logs/a.log", f"a\nsent {other}\n")
    assert ("logs", "dist/logs/a.log", 2, "value of FLY_API_TOKEN_STAGING") in place.told()


def test_an_app_secret_is_known_by_its_hash_in_the_ledger(place: Clone) -> None:
    key, value = comparison_key(place.root, {}), "correct-horse"
    at = datetime.now(UTC)
    secret = AppSecret(name="PASSWORD", version=1, at=at, by="a", hash=key.hash(Secret(value)), key=key.name)
    lines = ["connecting with {}", "PASSWORD={}", '{{"password": "{}"}}', "({}),", "{}", "b = '{}'", "https://a:{}@b/c"]
    place.write("dist/logs/a.log", "".join(f"{line.format(value)}\n" for line in lines))
    kind = "value of PASSWORD, a secret of staging's app"
    found = place.found(secrets={"staging": [secret]}).findings
    assert {each.line for each in found if each.kind == kind} == set(range(1, len(lines) + 1))


def test_no_comparison_key_is_made_by_looking(place: Clone) -> None:
    secret = AppSecret(name="A", version=1, at=datetime.now(UTC), by="a", hash="0" * 32, key="01234567")
    place.found(secrets={"staging": [secret]})
    assert not (place.root / ".env.comparison.secrets").exists()


def test_ledgers_are_read_with_all_that_they_ever_held(place: Clone) -> None:
    main = place.git("rev-parse", "HEAD")
    place.git("switch", "--quiet", "--orphan", "deployments/staging")
    place.write("evidence/a.json", TWO_LINES)
    place.commit()
    place.write("evidence/a.json", "{}")
    place.commit()
    place.git("switch", "--quiet", "--detach", main)
    place.git("clone", "--quiet", "--bare", "--branch", "deployments/staging", ".", ".rehearsal/remote.git")
    place.git("update-ref", "refs/ledger-seen/staging", "deployments/staging")
    place.git("branch", "--quiet", "-D", "deployments/staging")
    [(where, file, line, kind)] = place.told()
    assert (where, line, kind) == ("ledger", 2, "Fly Token")
    assert file.startswith("ledger: evidence/a.json (")


def test_a_file_of_secrets_that_others_may_read_is_refused(place: Clone) -> None:
    place.write(".env.staging.secrets", f"FLY_API_TOKEN={HIDDEN}\n").chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        place.found()


def run(place: Clone, monkeypatch: pytest.MonkeyPatch, **options: object) -> int:
    monkeypatch.setattr(verbs, "ROOT", place.root)
    monkeypatch.setattr(rehearsals, "STATE", place.state)
    monkeypatch.setattr(not_secrets, "FILE", place.root / "not_secrets.txt")
    context = Context()
    context.bus = Bus()
    try:
        inspect.unwrap(verbs.scan.body)(context, **options)
    except Exit as ended:
        return int(ended.code)
    return 0


def test_the_verb_prints_file_line_and_kind_and_exits_1(
    place: Clone, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(place, monkeypatch) == 0
    for number, text in enumerate(PLANTED.values()):
        place.write(f"dist/logs/{number}[a].log", f"x\n{text}\n")
    place.write("dist/logs/known.log", f"x {HIDDEN}\n")
    monkeypatch.setenv("FLY_API_TOKEN_PRODUCTION", HIDDEN)
    assert run(place, monkeypatch) == 1
    assert run(place, monkeypatch, json=True) == 1
    out, err = capfd.readouterr()
    assert "dist/logs/known.log:1: value of FLY_API_TOKEN_PRODUCTION\n" in out
    assert "dist/logs/7[a].log:2: Fly Token\n" in out
    for text in (*PLANTED.values(), HIDDEN):
        words = [word for word in text.replace('"', " ").replace(":", " ").replace("=", " ").split() if len(word) > 11]
        for part in (each[at : at + 8] for each in words[-1:] for at in range(0, len(each) - 8, 4)):
            assert part not in out + err


def test_what_is_no_secret_is_a_line_with_a_reason(place: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write("a.txt", TWO_LINES)
    place.write("b.txt", f"{FLY} again\n")
    for wrong in ({"allow": "a.txt:2"}, {"reason": "an example"}, {"allow": "a.txt:2", "reason": "two\nlines"}):
        with pytest.raises(UsageError, match="go together"):
            run(place, monkeypatch, **wrong)
    with pytest.raises(UsageError, match=r"nothing was found at a\.txt:1"):
        run(place, monkeypatch, allow="a.txt:1", reason="an example")
    assert run(place, monkeypatch, allow="a.txt:2", reason="an example of the documentation") == 0
    assert run(place, monkeypatch) == 0  # wherever the same text stands
    file = place.root / "not_secrets.txt"
    assert FLY not in file.read_text()
    place.write("a.txt", f"{FLY[:-3]}xyz\n")
    assert run(place, monkeypatch) == 1
    monkeypatch.setenv("FLY_API_TOKEN_STAGING", FLY)
    with pytest.raises(UsageError, match="which is a secret"):
        run(place, monkeypatch, allow="b.txt:1", reason="an example")
    file.write_text(file.read_text() + "0123 Fly Token\n")
    with pytest.raises(ConfigurationError, match=r"not_secrets.txt:3: is not"):
        run(place, monkeypatch)


@pytest.mark.any_python
def test_this_repository_passes(tmp_path: Path) -> None:
    found = scan(ROOT, tmp_path, environment_names(), {}, not_secrets.read_not_secrets())
    mine = [f"{each.file}:{each.line}: {each.kind}" for each in found.findings if each.place == "repository"]
    assert mine == [], "take it out; or, if it is no secret: ./dev invoke secrets scan --allow FILE:LINE --reason WHY"
