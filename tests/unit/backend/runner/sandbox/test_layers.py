import dataclasses

import pytest

from backend.runner.errors import LayersMissing
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.layers import Layer, State, probe, require
from backend.runner.sandbox.slots import Slot


def test_every_layer_is_probed_and_none_is_missing_here(host: Host, slot: Slot) -> None:
    layers = probe(host, slot)
    assert len(layers) > 15
    assert [layer for layer in layers if layer.state is State.MISSING] == []


def test_a_host_that_makes_no_sandbox_is_said_so(host: Host, slot: Slot) -> None:
    broken = dataclasses.replace(host, root_arguments=("--ro-bind", "/nowhere", "/usr"))
    (layer,) = probe(broken, slot)
    assert (layer.state, "/nowhere" in layer.detail) == (State.MISSING, True)


def test_staging_and_production_require_what_local_does_without() -> None:
    layers = [Layer("a", State.HELD), Layer("b", State.DEGRADED), Layer("seccomp filter", State.MISSING, "why")]
    require(layers, "local")
    require(layers[:2], "production")
    for environment in ("staging", "production"):
        with pytest.raises(LayersMissing, match=r"seccomp filter \(why\)"):
            require(layers, environment)
