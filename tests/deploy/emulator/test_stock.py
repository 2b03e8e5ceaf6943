"""What a registry pruned is there again before a rollback begins, or the rollback is refused: over a real registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.artifacts.manifest import Manifest
from deploy.artifacts.oci import BlobStore, Layout, directory_image, write_layout
from deploy.emulator import EmulatorError
from deploy.emulator.faults import FaultClient
from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.events.events import ImagePushed
from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.platforms.fly import FlyClient
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.desk import Desk
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER
from deploy.release.rollout.platform import CloudPlatform
from deploy.release.stock import push, restock
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from tests.deploy.emulator.support import TENANTS, Emulated

SHA = "c" * 40


def target_of(emulated: Emulated, name: str) -> Target:
    running = emulated.running
    addresses = Addresses(running.fly_api, running.cloudflare_api, running.registry)
    tokens = Tokens(name, {key: Secret(value) for key, value in emulated.tokens[name].items()})
    return Target(load_environment(name), addresses, tokens, Ledger(Path(), name, None), rehearsal=True)


def desk_of(emulated: Emulated, name: str, told: list[Any]) -> Desk:
    target = target_of(emulated, name)
    token, app, addresses = target.tokens.get("FLY_API_TOKEN"), target.config.deployment_target, target.addresses
    fly, registry = FlyClient(addresses.fly, app, token), RegistryClient(addresses.registry, app, token)
    account, key = target.tokens.get("CLOUDFLARE_ACCOUNT_ID"), target.tokens.get("CLOUDFLARE_API_TOKEN")
    pages = PagesClient(addresses.cloudflare, account, target.config.pages_project, key)
    platform = CloudPlatform(target, fly, pages, registry)
    return Desk(target, Path(), None, fly, pages, registry, platform, Bus(told.append))  # type: ignore[arg-type]


@dataclass
class Shelf:
    """Staging and production with their repositories, and a release whose two images were built in `root`."""

    emulated: Emulated
    root: Path
    release: DeploymentInfo
    faults: FaultClient

    def __post_init__(self) -> None:
        self.told: list[Any] = []
        self.desks = [desk_of(self.emulated, name, self.told) for name in ("production", "staging")]
        self.desk = self.desks[0]
        self.layouts = [Layout(self.root / "dist" / SHA / part) for part in ("backend", "frontend")]

    def push(self, environment: str) -> None:
        desk = next(each for each in self.desks if each.target.name == environment)
        for layout, tag in zip(self.layouts, (SHA, f"frontend-{SHA}"), strict=True):
            push(desk, layout, tag)

    def close(self) -> None:
        for desk in self.desks:
            for client in (desk.fly, desk.pages, desk.registry):
                client.close()

    def there(self) -> list[bool]:
        return [self.desk.registry.has_manifest(each) for each in (self.release.image, self.release.frontend)]

    def restock(self, *others: str, root: Path | None = None) -> None:
        targets = [target_of(self.emulated, name) for name in others]
        restock(self.desk, self.release, 1, targets, self.root if root is None else root)


@pytest.fixture
def shelf(emulated: Emulated, tmp_path: Path) -> Iterator[Shelf]:
    for tenant in TENANTS:
        with emulated.fly(tenant.environment) as fly:
            fly.post("/apps", json={"name": tenant.app, "org_slug": tenant.environment})
    store, place = BlobStore(tmp_path / "blobs"), tmp_path / "dist" / SHA
    digests = []
    for part in ("backend", "frontend"):
        content = tmp_path / part
        content.mkdir()
        (content / "file").write_text(f"{part} {tmp_path}")  # an image that no other test has pushed
        image = directory_image(store, content, {})
        write_layout(store, image, place / part)
        digests.append(image.digest)
    now = datetime.now(UTC)
    Manifest("0.1.0", SHA, False, digests[0], digests[1], now.isoformat(), ()).write(place / "manifest.json")
    release = DeploymentInfo(
        "d1", "production", "0.1.0", SHA, now, "me", Status.DEPLOYED, digests[0], digests[1], launch="d1"
    )
    faults = FaultClient(emulated.state)
    shelf = Shelf(emulated, tmp_path, release, faults)
    yield shelf
    shelf.close()
    emulated.clear("production")
    for tenant in TENANTS:
        shelf.faults.prune(tenant.app)


def test_what_is_there_is_left_alone(shelf: Shelf, tmp_path: Path) -> None:
    shelf.push("production")
    shelf.told.clear()
    shelf.restock(root=tmp_path / "nothing")
    assert (shelf.there(), shelf.told) == ([True, True], [])


def test_only_what_the_repository_lacks_is_sent_and_how_much_it_is(shelf: Shelf) -> None:
    found = []
    for _ in range(2):
        shelf.told.clear()
        shelf.push("staging")
        found.append([(one.there, one.bytes > 0, one.sent) for one in shelf.told if isinstance(one, ImagePushed)])
    sizes = [sum(blob.size for blob in layout.blobs()) for layout in shelf.layouts]
    assert found == [[(False, True, size) for size in sizes], [(True, True, 0)] * 2]


def test_the_same_artifact_gets_the_tag_of_each_of_its_commits(shelf: Shelf) -> None:
    shelf.push("staging")
    registry = next(desk.registry for desk in shelf.desks if desk.target.name == "staging")
    push(next(desk for desk in shelf.desks if desk.target.name == "staging"), shelf.layouts[0], "d" * 40)
    assert registry.manifest("d" * 40)[0] == shelf.layouts[0].digest


@pytest.mark.parametrize("way", ["dist", "staging"])
def test_what_was_pruned_is_there_again_under_the_same_digest(shelf: Shelf, tmp_path: Path, way: str) -> None:
    shelf.push("production")
    shelf.push("staging")
    assert set(shelf.faults.prune("runner")) >= {shelf.release.image, shelf.release.frontend}
    assert shelf.there() == [False, False]
    if way == "dist":
        shelf.restock()
    else:
        shelf.restock("staging", root=tmp_path / "another clone")
    assert shelf.there() == [True, True]


def test_where_nobody_has_it_the_rollback_is_refused_and_nothing_is_changed(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(DeployError) as refused:
        shelf.restock("staging", root=tmp_path / "another clone")
    words = str(refused.value)
    assert shelf.release.image in words
    assert "the repository of production, the repository of staging" in words
    assert "Nothing was changed" in words
    assert "invoke rollback --env production --to SHA --rehearsal" in words
    assert shelf.there() == [False, False]


def test_a_build_with_other_digests_is_no_help(shelf: Shelf) -> None:
    shelf.release = replace(shelf.release, image="sha256:" + "0" * 64)
    with pytest.raises(DeployError, match="the image of"):
        shelf.restock()


def test_an_image_that_no_machine_needs_any_more_holds_nothing_up(shelf: Shelf, tmp_path: Path) -> None:
    shelf.push("production")
    body = {
        "name": "production-d1-1",
        "skip_launch": True,
        "config": {
            "image": shelf.desk.registry.reference(shelf.release.image),
            "metadata": {ENVIRONMENT: "production", LAUNCH: "d1", NUMBER: "1"},
        },
    }
    with shelf.emulated.fly("production") as fly:
        assert fly.post("/apps/runner/machines", json=body).status_code == 200
    assert shelf.release.image not in shelf.faults.prune("runner")  # a machine has it
    assert shelf.there() == [True, False]
    with pytest.raises(DeployError, match="the page of"):
        shelf.restock(root=tmp_path / "another clone")
    shelf.release = replace(shelf.release, image="sha256:" + "0" * 64, frontend=shelf.release.image)
    shelf.restock(root=tmp_path / "another clone")
    assert any("no longer in the registry" in getattr(event, "text", "") for event in shelf.told)


def test_a_registry_that_does_not_answer_holds_nothing_up(shelf: Shelf) -> None:
    shelf.faults.add({"kind": "error_before", "status": 500, "match": {"path": "/manifests/"}, "times": None})
    shelf.restock()
    shelf.faults.clear()


def test_nobody_prunes_without_the_admin_key(shelf: Shelf) -> None:
    shelf.faults._key = "wrong"
    with pytest.raises(EmulatorError, match="no token does"):
        shelf.faults.prune("runner")
    shelf.faults = FaultClient(shelf.emulated.state)
