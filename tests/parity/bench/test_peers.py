"""Ours and ``torch.nn`` compute the same numbers wherever the benchmark compares their times."""

import pytest
import torch

from birnn_lightning.nn import RecurrentLayer
from birnn_lightning.nn.engines import EngineChoice
from parity.bench.cliffs import VARIANTS, cliff_configurations
from parity.bench.models import build_spec, starting_weights
from parity.bench.peers import peer_kind
from parity.bench.peers.interface import CannotRunError, Place
from parity.bench.peers.ours import build as build_ours
from parity.bench.peers.ours import build_loader_of
from parity.bench.peers.torch_nn import build as build_torch
from parity.bench.peers.torch_nn import obstacle
from parity.bench.statistics import AGREEMENT, difference
from tests.parity.bench.samples import tiny, with_test_reviews

BUILD = {"ours": build_ours, "torch_nn": build_torch}
PLACE = Place(device="cpu", folder="")
MASKS = ("unmasked", "ragged", "left", "interior")


def built(name, configuration, place=PLACE):
    kind = peer_kind(name)
    spec = build_spec(configuration)
    weights = starting_weights(spec)
    generator = torch.Generator().manual_seed(1)
    for name, array in weights.items():  # Keras starts biases at 0, where a wrong place hides
        if "bias_ih" in name:
            array += torch.rand(array.shape, generator=generator).numpy()
    return BUILD[kind.module](configuration, spec, weights, place, **kind.options)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_step_has_the_same_loss_before_and_after_the_update(cell, mask):
    configuration = tiny(cell, mask=mask, time=17)
    ours, theirs = built("ours", configuration), built("torch-fused", configuration)
    assert ours.parameters == theirs.parameters
    first = ours.run(), theirs.run()
    second = ours.run(), theirs.run()
    assert difference(*first) < AGREEMENT / 10
    if cell == "gru":  # torch.nn trains the second bias of the others too
        assert difference(*second) < AGREEMENT
    assert second[0][0] < first[0][0] - 10 * AGREEMENT


@pytest.mark.parametrize("mask", MASKS)
def test_an_inference_has_the_same_probabilities(mask):
    configuration = tiny(mask=mask, workload="infer", time=17)
    ours, theirs = built("ours", configuration).run(), built("torch", configuration).run()
    assert len(ours) == 3
    assert difference(ours, theirs) < AGREEMENT / 10


@pytest.mark.parametrize("mask", ["ragged", "left"])
def test_whoever_reads_the_padding_is_noticed(mask):
    configuration = tiny(mask=mask, workload="infer", time=211)
    ours, padded = built("ours", configuration).run(), built("torch-padded", configuration).run()
    assert difference(ours, padded) > 10 * AGREEMENT


@pytest.mark.parametrize("workload", ["train", "infer"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_cliff_runs_and_agrees_where_torch_has_the_setting(cell, workload):
    expressed = set()
    for configuration in cliff_configurations(tiny(cell, workload=workload)):
        ours = built("ours", configuration)
        found = ours.run()
        if obstacle(configuration, fused=False, masks=True):
            continue
        theirs = built("torch", configuration)
        expressed.add(configuration.variant)
        assert difference(found, theirs.run()) < AGREEMENT / 10
        if (configuration.variant, workload) == ("stateful", "infer"):
            again = ours.run()  # from the states of the first batch
            assert difference(again, theirs.run()) < AGREEMENT / 10
            assert difference(again, found) > AGREEMENT
    assert expressed == {"plain", "float64", "stateful"} | ({"relu"} if cell == "rnn" else set())


def test_every_variant_changes_the_model():
    specs = {name: build_spec(tiny(variant=name)) for name in VARIANTS if name != "hard sigmoid"}
    assert len(set(map(repr, specs.values()))) == len(specs) - 1  # float64 is another dtype
    assert tiny(variant="float64").dtype == "float64"


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("torch-padded", {}, "without a mask it is torch-fused"),
        ("torch-fused", {"workload": "infer"}, "inference has no optimiser"),
        ("ours:native", {"variant": "recurrent dropout"}, "engine 'native' cannot run this layer"),
    ],
)
def test_a_peer_says_what_it_cannot_run(name, settings, said):
    with pytest.raises(CannotRunError, match=said):
        built(name, tiny(**settings))


def test_an_engine_that_is_asked_for_runs():
    assert built("ours:scan", tiny()).note == "scan: as requested."


def test_the_note_is_of_the_batch_that_is_measured(monkeypatch):
    def engine(layer, tokens=0, masked=False):
        return EngineChoice("scan", f"{tokens} tokens, masked: {masked}")

    monkeypatch.setattr(RecurrentLayer, "engine", engine)
    chosen = tiny(mask="ragged")
    tokens = chosen.batch * chosen.time
    assert built("ours", chosen).note == f"{tokens} tokens, masked: True"


@pytest.mark.parametrize(
    ("mask", "padded"), [("unmasked", {"front"}), ("ragged", {"behind"}), ("left", {"front"})]
)
def test_batches_of_an_epoch_are_padded_as_they_say(mask, padded):
    configuration = tiny(mask=mask, time=211, workload="epoch")
    batches = list(build_loader_of(configuration))
    assert sum(len(batch.inputs) for batch in batches) == configuration.reviews
    assert ({batch.inputs.shape[1] for batch in batches} == {211}) == (mask == "unmasked")
    sides = set()
    for batch in batches:
        sides |= {"front"} if (batch.inputs[:, 0] == 0).any() else set()
        sides |= {"behind"} if (batch.inputs[:, -1] == 0).any() else set()
    assert sides == padded


@pytest.mark.parametrize("mask", ["unmasked", "ragged", "left"])
def test_untrained_peers_are_right_about_the_same_reviews(mask, tmp_path):
    configuration = with_test_reviews(tmp_path, mask)
    shares = [built(name, configuration).accuracy() for name in ("ours", "torch", "ours:scan")]
    assert len(set(shares)) == 1
    assert 0 < shares[0] < 1


@pytest.mark.parametrize("name", ["ours", "torch"])
def test_an_epoch_lowers_the_loss(name, tmp_path):
    configuration = tiny(mask="ragged", workload="epoch", reviews=2, batch=2, time=11)
    peer = built(name, configuration, Place(device="cpu", folder=str(tmp_path)))
    losses = [peer.run()[0] for _ in range(5)]
    assert losses[-1] < losses[0]
