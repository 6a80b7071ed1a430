"""The arrays of old files become those with which today's layer computes the same."""

import numpy as np
import pytest

from parity.keras_files.weight_forms import WEIGHT_FORMS, convolution_form
from parity.results import ParityUnavailable

FEATURES, UNITS, LENGTH = 3, 5, 2
RANDOM = np.random.default_rng(7)


def gates(names):
    """Arrays a gate, keyed by its letter."""
    return {
        gate: [RANDOM.normal(size=(rows, UNITS)) for rows in (FEATURES, UNITS)]
        + [RANDOM.normal(size=UNITS)]
        for gate in names
    }


@pytest.mark.parametrize(
    ("form", "stored", "wanted"), [("keras1_lstm", "icfo", "ifco"), ("keras1_gru", "zrh", "zrh")]
)
def test_one_array_a_gate_becomes_one_array_a_kind(form, stored, wanted):
    of = gates(stored)
    arrays = WEIGHT_FORMS[form].canonical([one for gate in stored for one in of[gate]])
    assert WEIGHT_FORMS[form].count == 3 * len(stored)
    for kind, array in enumerate(arrays):
        np.testing.assert_array_equal(
            array, np.concatenate([of[gate][kind] for gate in wanted], axis=-1)
        )


@pytest.mark.parametrize(("form", "gate_count"), [("cudnn_lstm", 4), ("cudnn_gru", 3)])
def test_cudnn_reads_its_memory_with_units_first(form, gate_count):
    kernels = [RANDOM.normal(size=(rows, gate_count * UNITS)) for rows in (FEATURES, UNITS)]
    biases = RANDOM.normal(size=(2, gate_count * UNITS))
    *ours, bias = WEIGHT_FORMS[form].canonical([*kernels, biases.ravel()])
    for kernel, one in zip(kernels, ours, strict=True):
        x = RANDOM.normal(size=kernel.shape[0])
        for gate, part in zip(
            np.split(kernel, gate_count, axis=1), np.split(one, gate_count, axis=1), strict=True
        ):
            memory = np.ascontiguousarray(gate).ravel()
            wanted = [memory[u * len(x) : (u + 1) * len(x)] @ x for u in range(UNITS)]
            np.testing.assert_allclose(x @ part, wanted, rtol=1e-13)
    np.testing.assert_array_equal(bias, biases if form == "cudnn_gru" else biases.sum(axis=0))


def test_a_keras_1_convolution_has_an_axis_more_in_either_order():
    kernel, bias = RANDOM.normal(size=(LENGTH, FEATURES, UNITS)), RANDOM.normal(size=UNITS)
    late, early = kernel[:, None], kernel.transpose(2, 1, 0)[..., None]
    for stored in (late, early):
        ours = WEIGHT_FORMS["keras1_conv1d"].canonical([stored, bias])
        np.testing.assert_array_equal(ours[0], kernel)
        flipped = WEIGHT_FORMS["keras1_conv1d_flipped_no_bias"].canonical([stored])
        np.testing.assert_array_equal(flipped[0], kernel[::-1])


def test_theano_flips_every_axis_of_space():
    kernel = RANDOM.normal(size=(LENGTH, 7, FEATURES, UNITS))
    name = convolution_form("conv", flipped=True, use_bias=False)
    assert name is not None
    np.testing.assert_array_equal(WEIGHT_FORMS[name].canonical([kernel])[0], kernel[::-1, ::-1])
    first = kernel.transpose(3, 2, 0, 1)
    name = convolution_form("keras1_conv_channels_first", flipped=False, use_bias=False)
    assert name is not None
    np.testing.assert_array_equal(WEIGHT_FORMS[name].canonical([first])[0], kernel)


@pytest.mark.parametrize("form", WEIGHT_FORMS)
def test_shapes_that_no_file_has_are_refused(form):
    arrays = [RANDOM.normal(size=(2,)) for _ in range(WEIGHT_FORMS[form].count)]
    with pytest.raises(ParityUnavailable, match=r"form \w+ cannot have the shapes \(2,\)"):
        WEIGHT_FORMS[form].canonical(arrays)
