import pytest

from backend.runner.errors import LayersMissing
from backend.runner.sandbox.cgroup import Cgroups
from backend.runner.sandbox.layers import Layer, State, probe, require
from backend.runner.settings import ROLES
from tests.unit.backend.runner.conftest import VARIABLES, Place


@pytest.mark.parametrize("cgroups", [None, Cgroups(2, {})], ids=["watcher", "groups"])
def test_every_layer_is_probed_and_none_is_missing_here(place: Place, cgroups: Cgroups | None) -> None:
    layers = place.do(probe(place.slot, cgroups, VARIABLES))
    assert len(layers) > 15
    assert [layer for layer in layers if layer.state is State.MISSING] == []


def test_a_host_where_no_program_runs_is_said_so(place: Place) -> None:
    (layer,) = place.do(probe(place.slot, None, (("PATH", "/nowhere"),)))
    assert (layer.state, "bash" in layer.detail) == (State.MISSING, True)


def test_every_environment_but_a_local_one_requires_all_layers() -> None:
    layers = [Layer("a", State.HELD), Layer("b", State.DEGRADED), Layer("seccomp filter", State.MISSING, "why")]
    require(layers, "local", "local")
    require(layers, "production", "local")  # a name means nothing
    require(layers[:2], "production", "protected")
    for role in ROLES[1:]:
        for environment in ("staging", "production", "qa", "local"):
            with pytest.raises(LayersMissing, match=rf"{environment}.*seccomp filter \(why\)"):
                require(layers, environment, role)
