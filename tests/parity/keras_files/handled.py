"""What is handled of which format and version, each with the test that shows it.

``python -m tests.parity.keras_files.handled`` prints the table of docs/keras-files.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Handled:
    """One row of the table.

    Attributes:
        files: format and versions.
        what: of them.
        test: file below ``tests/parity`` and the function in it.
    """

    files: str
    what: str
    test: str


ZIP3, ZIP2 = "`.keras` zip, Keras 3.0 to 3.15", "`.keras` zip, Keras 2.12 to 2.15"
HDF5, HDF5_1 = "HDF5, Keras 2.0 to 2.15 and 3.x", "HDF5, Keras 1.0 to 1.2"
WEIGHTS, JSON = "weights alone", "architecture `.json`"
FILES, LEGACY = "keras_files", "keras_config_legacy"

HANDLED = (
    Handled(
        ZIP3,
        "config, weights by object path",
        f"{FILES}/test_weights_keras.py::test_weights_of_keras3",
    ),
    Handled(
        ZIP3,
        "shared layers, models inside models, several inputs and outputs, operations",
        f"{FILES}/test_end_to_end_keras.py::test_a_graph_of_keras_3",
    ),
    Handled(
        ZIP3,
        "`TextVectorization`, `StringLookup`: the vocabulary becomes the preprocessing",
        f"{FILES}/test_end_to_end_keras.py::test_strings_become_the_same_tokens",
    ),
    Handled(
        ZIP2,
        "old module names, weight paths with backslashes",
        f"{FILES}/test_weights_keras.py::test_weights_of_keras2",
    ),
    Handled(
        ZIP2,
        "2.12, 2.13: `_layer_checkpoint_dependencies`, layers counted twice",
        f"{FILES}/test_weights_keras.py::test_weights_of_early_zips",
    ),
    Handled(
        HDF5,
        "`weight_names` order, frozen layers, inner models",
        f"{FILES}/test_weights_keras.py::test_weights_of_keras2",
    ),
    Handled(
        HDF5,
        "config as bytes, text, split over attributes; a bare list of layers",
        f"{FILES}/test_file.py::test_config_split_over_attributes_of_a_bare_list",
    ),
    Handled(
        HDF5, "any name, `.keras` too", f"{FILES}/test_file.py::test_whole_hdf5_under_any_name"
    ),
    Handled(
        HDF5,
        "every layer below, from files of Keras 2",
        f"{LEGACY}/test_keras2_layers_keras.py::test_a_layer_computes_the_same",
    ),
    Handled(
        HDF5,
        "graphs of Keras 2, `TFOpLambda` and slices",
        f"{LEGACY}/test_keras2_graphs_keras.py::test_a_graph_computes_the_same",
    ),
    Handled(
        HDF5,
        "defaults of the version where a key is missing",
        f"{LEGACY}/test_legacy_configs.py::test_what_a_gru_leaves_unsaid",
    ),
    Handled(
        HDF5,
        "hard_sigmoid of Keras 2, or of Keras 3, as one chooses",
        f"{LEGACY}/test_legacy_configs.py::test_the_semantics_can_be_chosen",
    ),
    Handled(
        HDF5,
        "`CuDNNLSTM`, `CuDNNGRU`: both biases, kernels by gate",
        f"{FILES}/test_weight_forms.py::test_cudnn_reads_its_memory_with_units_first",
    ),
    Handled(
        HDF5,
        "masks that Keras 2 means otherwise are refused",
        f"{LEGACY}/test_keras2_graphs_keras.py::test_a_mask_that_means_another_thing_is_refused",
    ),
    Handled(
        HDF5_1,
        "its own words: `nb_filter`, `inner_activation`, `Merge`, ...",
        f"{LEGACY}/test_legacy_configs.py::test_keras_1_is_read_in_its_own_words",
    ),
    Handled(
        HDF5_1,
        "an array a gate; Theano's flipped kernels",
        f"{FILES}/test_weight_forms.py::test_one_array_a_gate_becomes_one_array_a_kind",
    ),
    Handled(
        JSON,
        "with a file of weights, by name or by order",
        f"{FILES}/test_file.py::test_architecture_with_other_layer_names_takes_weights_in_order",
    ),
    Handled(
        WEIGHTS,
        "`.weights.h5` of Keras 3 and `.h5` of Keras 2, into a model of ours",
        f"{FILES}/test_end_to_end_keras.py::test_weights_alone_load_into_a_model",
    ),
    Handled(
        "models of others",
        "12 saved by Keras 2.1 to 3.12, and one with a custom layer",
        f"{FILES}/test_real_models.py::test_a_model_computes_what_it_computed",
    ),
    Handled(
        "written",
        "`.keras` and `.weights.h5` that Keras 3 loads, the same bits",
        f"{FILES}/test_saving_keras.py::test_every_kind_of_file_gives_the_same_bits",
    ),
    Handled(
        "damaged, hostile",
        "an error of one line, bounded memory and time",
        f"{FILES}/test_hostile_files.py::test_a_hostile_file_is_refused",
    ),
    Handled(
        "damaged, hostile",
        "random mutations: the file's own numbers, or an error",
        f"{FILES}/test_hostile_files.py::test_mutated_files_give_their_own_numbers_or_an_error",
    ),
)


def table() -> str:
    """The rows in Markdown."""
    lines = ["| files | what is handled | shown by |", "| --- | --- | --- |"]
    lines += [f"| {one.files} | {one.what} | `{one.test.split('/', 1)[1]}` |" for one in HANDLED]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
