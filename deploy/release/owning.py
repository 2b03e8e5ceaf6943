"""`machines --adopt` and `--ignore`: decides for a machine that the ledger does not know (`strangers.py`)."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from deploy.errors import UsageError
from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.ledger.encoding import encode
from deploy.ledger.identity import who
from deploy.ledger.records import new_id
from deploy.ledger.snapshot import appended
from deploy.platforms.fly import Machine
from deploy.release.desk import Desk
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, OFF, ON, TRAFFIC, config_digest, labels_of
from deploy.release.rollout.platform import LEASE_SECONDS, digest_of
from deploy.release.rollout.strangers import IGNORED, Stranger, launches_of, strangers


def adopt_machine(desk: Desk, machine_id: str) -> DeploymentInfo:
    """Take a machine into the release that serves; with an empty ledger, record the release that the machine runs.

    Raises UsageError when it is none, or runs another image than what serves.
    """
    snapshot = desk.snapshot()
    machine, stranger = _one(desk, snapshot, machine_id)
    serving = snapshot.current()
    if serving is None:
        serving = _recorded(desk, machine)
    elif machine.metadata.get("codecanvas_sha", serving.commit_sha) != serving.commit_sha:
        raise UsageError(  # the same image, perhaps, and it calls itself another release's
            f"machine {machine_id} is of commit {machine.metadata['codecanvas_sha'][:12]} and {desk.target.name} "
            f"serves {serving.version}; ignore it: invoke machines --env {desk.target.name} --ignore {machine_id}"
            f"{desk.target.flag}; or remove it"
        )
    elif machine.digest != serving.image:
        raise UsageError(
            f"machine {machine_id} runs {machine.digest or 'an unknown image'} and {desk.target.name} serves "
            f"{serving.image}; ignore it: invoke machines --env {desk.target.name} --ignore {machine_id}"
            f"{desk.target.flag}; or remove it"
        )
    taken = {
        each.number for each in desk.platform.machines() if each.launch == serving.launch and each.id != machine_id
    }
    number = next(number for number in range(1, len(taken) + 2) if number not in taken)
    labels = {ENVIRONMENT: desk.target.name, LAUNCH: serving.launch, NUMBER: str(number)}
    _label(desk, machine_id, {**labels, TRAFFIC: ON if stranger.traffic else OFF})
    return serving


def ignore_machine(desk: Desk, machine_id: str) -> None:
    """Mark a machine as ignored: it stops no release any more, and the pipeline never changes it."""
    _one(desk, desk.snapshot(), machine_id)
    _label(desk, machine_id, {IGNORED: f"by {who()}"})


def _one(desk: Desk, snapshot: Snapshot, machine_id: str) -> tuple[Machine, Stranger]:
    machines = {machine.id: machine for machine in desk.fly.machines.list()}
    unknown = {each.id: each for each in strangers(machines.values(), desk.target.name, launches_of(snapshot))}
    if machine_id not in unknown:
        what = "is one of the ledger's releases already" if machine_id in machines else "is no machine of this app"
        raise UsageError(f"{machine_id} {what}; see: invoke machines --env {desk.target.name}{desk.target.flag}")
    if machines[machine_id].lost:
        raise UsageError(
            f"the host of machine {machine_id} cannot be reached, so its labels cannot be changed now; it stops no "
            f"release meanwhile. See: invoke machines --env {desk.target.name}{desk.target.flag}"
        )
    return machines[machine_id], unknown[machine_id]


def _label(desk: Desk, machine_id: str, labels: dict[str, str]) -> None:
    with desk.fly.machines.leased(machine_id, "codecanvas: label it", LEASE_SECONDS):
        for key, value in labels.items():
            desk.fly.machines.set_metadata(machine_id, key, value)


def _recorded(desk: Desk, machine: Machine) -> DeploymentInfo:
    """The release that a machine and the page show, written to the ledger as deployed."""
    if not machine.digest:
        raise UsageError(f"the platform does not say which image machine {machine.id} runs; try again later")
    page = desk.pages.current()
    config = _config(machine)
    now = datetime.now(UTC)
    id_ = new_id(now)
    sha = machine.metadata.get("codecanvas_sha", "") or (page.commit_sha if page else "")
    words = page.message.split() if page else []
    version = words[1] if len(words) == 3 and words[0] == "codecanvas" else sha[:12] or id_
    info = DeploymentInfo(
        id=id_,
        environment=desk.target.name,
        version=version,
        commit_sha=sha,
        deployed_at=now,
        deployed_by=who(),
        status=Status.DEPLOYED,
        image=machine.metadata.get("codecanvas_image") or machine.digest,
        frontend=digest_of(page.message) if page else "",
        config=config_digest(config),
        launch=labels_of(machine).get(LAUNCH) or id_,
        notes=(f"adopted from machine {machine.id}: the ledger knew no release",),
    )

    def change(snapshot: Snapshot) -> dict[str, bytes | None]:
        desk.book.holding.guard(snapshot)
        return {f"configs/{info.config}.json": encode(config), **appended(snapshot, info)}

    desk.target.ledger.write(f"adopted: {info.version}", change)
    return info


def _config(machine: Machine) -> dict[str, Any]:
    """The machine's configuration as a release's: without image and labels."""
    config = copy.deepcopy(machine.config)
    config.pop("image", None)
    config.pop("metadata", None)
    (config.get("env") or {}).pop("RUNNER_IMAGE_DIGEST", None)
    config["region"] = machine.region
    return config
