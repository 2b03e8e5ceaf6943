import pytest

from backend.runner.errors import LayersMissing
from backend.runner.sandbox.cgroup import Cgroups
from backend.runner.sandbox.layers import Layer, State, probe, require
from tests.unit.backend.runner.conftest import VARIABLES, Place


@pytest.mark.parametrize("cgroups", [None, Cgroups(2, {})], ids=["watcher", "groups"])
def test_every_layer_is_probed_and_none_is_missing_here(place: Place, cgroups: Cgroups | None) -> None:
    layers = place.do(probe(place.slot, cgroups, VARIABLES))
    assert len(layers) > 15
    assert [layer for layer in layers if layer.state is State.MISSING] == []


def test_a_host_where_no_program_runs_is_said_so(place: Place) -> None:
    (layer,) = place.do(probe(place.slot, None, (("PATH", "/nowhere"),)))
    assert (layer.state, "bash" in layer.detail) == (State.MISSING, True)


def test_staging_and_production_require_what_local_does_without() -> None:
    layers = [Layer("a", State.HELD), Layer("b", State.DEGRADED), Layer("seccomp filter", State.MISSING, "why")]
    require(layers, "local")
    require(layers[:2], "production")
    for environment in ("staging", "production"):
        with pytest.raises(LayersMissing, match=r"seccomp filter \(why\)"):
            require(layers, environment)
