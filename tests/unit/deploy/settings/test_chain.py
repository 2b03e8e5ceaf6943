"""How environments follow on one another, worked out from what their files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import ConfigurationError, UsageError
from deploy.settings.chain import Chain, default_target, first_proving, read_chain, require_deployed, require_promoted

REST = "API_URL=https://{0}.example/api/v1/\nFRONTEND_URL=https://{0}-page.example/\nDEPLOYMENT_TARGET=app-{0}\nNUM_RUNNERS=1\n"


def chain(root: Path, **environments: str) -> Chain:
    """A chain of environments, each given by its lines about role and source, separated by spaces."""
    for name, lines in environments.items():
        (root / f".env.{name}").write_text(REST.format(name) + lines.replace(" ", "\n") + "\n")
    return read_chain(root)


def test_the_projects_own() -> None:
    found = read_chain()
    assert found.deployed == ("staging", "production")
    assert found.promoted == ("production",)
    assert found.line_to("production") == ("staging", "production")
    assert (default_target(found), first_proving(found)) == ("production", "staging")


def test_one_more_environment_comes_between_by_its_file_alone(tmp_path: Path) -> None:
    found = chain(
        tmp_path,
        local="ROLE=local",
        staging="ROLE=proving",
        production="ROLE=protected",
        qa="ROLE=proving PROMOTED_FROM=staging",
    )
    assert found.deployed == ("staging", "qa", "production")
    assert found.line_to("production") == ("staging", "qa", "production")
    assert found.following("staging") == ("qa",)
    assert default_target(found) == "production"
    assert require_promoted("qa", found) == "qa"


def test_a_preview_is_deployed_to_and_promoted_from_never(tmp_path: Path) -> None:
    found = chain(tmp_path, staging="ROLE=proving", review="ROLE=preview", production="ROLE=protected")
    assert set(found.deployed) == {"staging", "review", "production"}
    assert found.sources == {"staging": None, "review": None, "production": "staging"}


def test_a_file_without_a_role_is_protected(tmp_path: Path) -> None:
    found = chain(tmp_path, staging="ROLE=proving", other="")
    assert found.promoted == ("other",)


@pytest.mark.parametrize(
    ("environments", "says"),
    [
        (
            {"aa": "ROLE=proving", "bb": "ROLE=proving", "live": ""},
            r"\.env\.live: PROMOTED_FROM: is not.*aa and bb",
        ),
        ({"aa": "ROLE=proving", "live": "PROMOTED_FROM=ab"}, "'ab' is not an environment; there are aa, live"),
        ({"live": "", "more": "PROMOTED_FROM=live"}, "'live' is protected; releases are promoted from proving"),
        ({"aa": "ROLE=proving", "pr": "ROLE=preview PROMOTED_FROM=aa"}, "nothing is promoted to a preview environment"),
        (
            {"aa": "ROLE=proving PROMOTED_FROM=bb", "bb": "ROLE=proving PROMOTED_FROM=aa"},
            "goes in a circle: aa from bb from aa",
        ),
        ({"aa": "ROLE=proving PROMOTED_FROM=aa"}, "goes in a circle: aa from aa"),
    ],
)
def test_what_cannot_be_worked_out_names_file_and_key(tmp_path: Path, environments: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        chain(tmp_path, **environments)


def test_wrong_names_say_what_there_is(tmp_path: Path) -> None:
    found = chain(tmp_path, local="ROLE=local", staging="ROLE=proving", one="ROLE=protected", two="ROLE=protected")
    with pytest.raises(UsageError, match="'local' is this machine: nothing is deployed to it; use --env"):
        require_deployed("local", found)
    with pytest.raises(UsageError, match="'prod' is not an environment"):
        require_deployed("prod", found)
    with pytest.raises(UsageError, match="'staging' receives no promotions; use --env one or --env two"):
        require_promoted("staging", found)
    with pytest.raises(UsageError, match="--env is missing; use --env one or --env two"):
        require_promoted("", found)


def test_which_environments_share_an_organisation_with_one_that_has_users(tmp_path: Path) -> None:
    found = chain(
        tmp_path,
        local="ROLE=local",
        staging="ROLE=proving",
        preview="ROLE=preview",
        production="ROLE=protected",
        other="ROLE=protected FLY_ORGANIZATION=ours",
    )
    assert found.sharing("production") == ("preview", "staging")
    assert found.sharing("staging") == ("production",)
    assert found.sharing("other") == ()
