"""Every law of `tests.parity.laws` holds for layers of any kind, and its mutants break it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from birnn_lightning.nn import Masked
from birnn_lightning.nn.specs import Bidirectional, Recurrent
from tests.parity import laws
from tests.parity.law_samples import (
    Sample,
    any_layer,
    bidirectional,
    directions_in_order,
    native_layers,
    returns_sequences,
    samples,
)

CONTENTS = st.sampled_from((float("nan"), float("inf"), 1e300, 7.0))


@given(sample=samples(any_layer()), content=CONTENTS)
def test_padding_content(sample: Sample, content: float) -> None:
    laws.padding_content(sample, content)


@given(sample=samples(native_layers()), content=CONTENTS)
def test_padding_content_in_kernels(sample: Sample, content: float) -> None:
    sample.layer.requested_engine = "native"
    laws.padding_content(sample, content)


def last_may_be_padding(spec: Any) -> bool:
    """Whether the last output is that of the last step, masked or not, and no other."""
    return not returns_sequences(spec) and getattr(spec, "zero_output_for_mask", False)


@given(
    sample=samples(any_layer().filter(lambda spec: not last_may_be_padding(spec))),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
)
def test_padding_length(sample: Sample, before: int, after: int) -> None:
    laws.padding_length(sample, before, after)


@given(sample=samples(any_layer()), data=st.data())
def test_batch_order(sample: Sample, data: st.DataObject) -> None:
    laws.batch_order(sample, data.draw(st.permutations(range(len(sample.values)))))


@given(sample=samples(bidirectional()))
def test_reversal(sample: Sample) -> None:
    laws.reversal(sample)


@given(sample=samples(any_layer()), data=st.data())
def test_lengths_and_mask(sample: Sample, data: st.DataObject) -> None:
    count = len(sample.values)
    sizes = st.lists(st.integers(1, sample.time), min_size=count, max_size=count)
    laws.lengths_and_mask(sample, torch.tensor(data.draw(sizes)))


@given(sample=samples(native_layers()))
def test_engines(sample: Sample) -> None:
    laws.engines(sample)


@given(sample=samples(directions_in_order(), shortest=2), data=st.data(), stateful=st.booleans())
def test_halves(sample: Sample, data: st.DataObject, stateful: bool) -> None:
    laws.halves(sample, data.draw(st.integers(1, sample.time - 1)), stateful)


@given(sample=samples(any_layer()))
def test_zero_states(sample: Sample) -> None:
    laws.zero_states(sample)


@given(sample=samples(bidirectional()))
def test_two_singles(sample: Sample) -> None:
    laws.two_singles(sample)


@given(sample=samples(bidirectional()))
def test_merging(sample: Sample) -> None:
    laws.merging(sample)


ROWS = ("x..xx.x", ".xx.x..")
LENGTHS = torch.tensor([5, 3])
CELLS = {
    "rnn": Recurrent(cell="rnn", hidden_size=5, return_sequences=True, return_state=True),
    "lstm": Recurrent(cell="lstm", hidden_size=5, return_sequences=True, return_state=True),
    "gru": Recurrent(cell="gru", hidden_size=5, return_sequences=True, return_state=True),
}


def single(cell: Recurrent, **fields: Any) -> Sample:
    return Sample.of(replace(cell, **fields), ROWS)


def pair(cell: Recurrent, **fields: Any) -> Sample:
    return Sample.of(Bidirectional(forward=cell, **fields), ROWS)


def mutant(sample: Sample, change: Callable[..., tuple[Masked, ...]]) -> Sample:
    """A sample whose layer gets other inputs than it is given."""
    layer = sample.layer
    return replace(sample, layer=laws.Whole(layer, lambda *inputs: layer(*change(*inputs))))


def without_mask(sequence: Masked, *states: Masked) -> tuple[Masked, ...]:
    return Masked(sequence.values), *states


def with_clock(sequence: Masked, *states: Masked) -> tuple[Masked, ...]:
    steps = torch.arange(sequence.values.shape[1], dtype=torch.float64)
    return sequence._replace(values=sequence.values + steps[:, None] / 10), *states


def with_row_numbers(sequence: Masked, *states: Masked) -> tuple[Masked, ...]:
    rows = torch.arange(len(sequence.values), dtype=torch.float64)
    return sequence._replace(values=sequence.values + rows[:, None, None] / 10), *states


def without_states(sequence: Masked, *states: Masked) -> tuple[Masked, ...]:
    return (sequence,)


def with_scan_alone(sample: Sample) -> Sample:
    """Another recurrent weight on the kernel than on the other engine."""

    def change(*inputs: Masked) -> tuple[Masked, ...]:
        if sample.layer.requested_engine == "native":
            sample.layer.weight_hh_l0.data.neg_()
        return inputs

    return mutant(sample, change)


def claims(sample: Sample, **fields: Any) -> Sample:
    """A layer that says of itself what it does not do."""
    spec = replace(sample.layer.spec, **fields)
    return replace(sample, layer=laws.Whole(sample.layer, sample.layer, spec))


def other_half(sample: Sample) -> Sample:
    """A layer whose second direction drops every state."""
    size = len(sample.states) // 2

    def change(sequence: Masked, *states: Masked) -> tuple[Masked, ...]:
        zeros = [Masked(torch.zeros_like(state.values)) for state in states[size:]]
        return sequence, *states[:size], *zeros

    return mutant(sample, change)


SOUND = {"zero_output_for_mask": True}
MUTANTS: dict[str, Callable[[Recurrent], None]] = {
    "padding content": lambda cell: laws.padding_content(
        mutant(single(cell), without_mask), content=7.0
    ),
    "padding at the end": lambda cell: laws.padding_length(mutant(pair(cell), without_mask), 0, 2),
    "padding in front": lambda cell: laws.padding_length(mutant(pair(cell), with_clock), 2, 0),
    "batch order": lambda cell: laws.batch_order(mutant(single(cell), with_row_numbers), (1, 0)),
    "reversal": lambda cell: laws.reversal(mutant(pair(cell), with_clock)),
    "reversal, states": lambda cell: laws.reversal(other_half(pair(cell))),
    "lengths": lambda cell: laws.lengths_and_mask(single(cell), LENGTHS, shift=1),
    "engines": lambda cell: laws.engines(with_scan_alone(pair(cell))),
    "halves": lambda cell: laws.halves(mutant(single(cell, **SOUND), with_clock), 3, False),
    "stateful halves": lambda cell: laws.halves(
        mutant(single(cell, **SOUND), without_states), 3, True
    ),
    "zero states": lambda cell: laws.zero_states(single(cell), zero=0.1),
    "two singles": lambda cell: laws.two_singles(mutant(pair(cell), with_clock)),
    "two singles, states": lambda cell: laws.two_singles(other_half(pair(cell))),
    "two singles, merged": lambda cell: laws.two_singles(
        claims(pair(cell, merge_mode="sum"), merge_mode="ave")
    ),
    "merging": lambda cell: laws.merging(claims(pair(cell, merge_mode="sum"), merge_mode="ave")),
    "merging, mul": lambda cell: laws.merging(
        claims(pair(cell, merge_mode="mul"), merge_mode="sum")
    ),
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("law", MUTANTS)
def test_a_layer_that_breaks_a_law_is_noticed(law: str, cell: str) -> None:
    with pytest.raises(AssertionError):
        MUTANTS[law](CELLS[cell])


@pytest.mark.parametrize("cell", CELLS)
def test_a_mutant_is_noticed_for_what_it_changes(cell: str) -> None:
    """The same layers without a change keep the laws."""
    one, two = single(CELLS[cell], **SOUND), pair(CELLS[cell])

    def same(*inputs: Masked) -> tuple[Masked, ...]:
        return inputs

    laws.padding_content(mutant(one, same), content=7.0)
    laws.padding_length(mutant(two, same), 2, 3)
    laws.batch_order(mutant(one, same), (1, 0))
    laws.lengths_and_mask(mutant(one, same), LENGTHS)
    laws.engines(two)
    laws.reversal(mutant(two, same))
    laws.halves(mutant(one, same), 3, stateful=False)
    laws.halves(one, 3, stateful=True)
    laws.zero_states(mutant(two, same))
    laws.two_singles(mutant(two, same))
    laws.merging(claims(pair(CELLS[cell], merge_mode="sum")))
