"""No mask means another thing today than in the version that wrote the file, or it is refused.

Two masks travel through the graph: the one that Keras 2 handed on, and the one that Keras 3 would.
Where a layer's result depends on its mask they must be the same. They are expressions, compared as
such: a mask that a layer makes, `both` of several, `either` of several, masks in a row.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from parity.keras_config.legacy.calls import History, history, is_tensor
from parity.keras_config.legacy.explicit_masks import with_mask
from parity.keras_config.legacy.layers import RECURRENT, Config
from parity.keras_config.legacy.written import Written
from parity.results import ParityUnavailable

Mask: TypeAlias = tuple[Any, ...] | None
EVERYTHING = ("everything",)

PASS = {
    "Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization", "Dense",
    "Dropout", "ELU", "GaussianDropout", "GaussianNoise", "LayerNormalization", "LeakyReLU",
    "PReLU", "ReLU", "SpatialDropout1D", "TimeDistributed", "Softmax",
}  # fmt: skip
PASS_TODAY = {"Identity", "Rescaling", "Normalization"}
MERGE = {"Add", "Subtract", "Average", "Multiply", "Maximum", "Minimum"}
MERGE_WITH_MASKS = {"Multiply", "Maximum", "Minimum"}
"""Merges in which today's Keras leaves out masked steps."""
READ = (*RECURRENT, "Bidirectional")
ATTEND = ("Attention", "AdditiveAttention")
MODELS = ("Functional", "Sequential")


@dataclass(frozen=True)
class Flow:
    """What travels beside a tensor.

    Attributes:
        then: the mask that Keras 2 hands on with it.
        now: the mask that Keras 3 hands on with it.
        differs: why its values at masked steps are not those of Keras 2; empty where they are.
    """

    then: Mask = None
    now: Mask = None
    differs: str = ""


NO_MASK = Flow()


def checked_masks(class_name: str, config: Config, written: Written) -> None:
    """Follows the masks through a normalised model, and writes those that must be, in place.

    Raises:
        ParityUnavailable: a layer whose mask, or whose values at masked steps, would differ.
    """
    for flow in _model(class_name, config, [], written):
        if flow.differs:
            raise ParityUnavailable(
                f"{flow.differs} These steps are in the model's output. Take the mask away, or "
                "save the model with Keras 3."
            )


def _model(class_name: str, config: Config, given: list[Flow], written: Written) -> list[Flow]:
    """The flows of a model's outputs."""
    if class_name == "Sequential":
        flow = given[0] if given else NO_MASK
        for layer in config["layers"]:
            if layer["class_name"] != "InputLayer":
                flow = _outputs(layer, layer["config"]["name"], [flow], False, written)[0]
        return [flow]
    flows: dict[tuple[str, int], list[Flow]] = {}
    inputs = [name for name, _, _ in _ends(config["input_layers"])]
    for name, flow in zip(inputs, given, strict=False):
        flows[name, 0] = [flow]
    _follow(config, flows, written)
    models = {one["name"] for one in config["layers"] if one["class_name"] == "Functional"}
    return [
        _flow(flows, (name, call - (name in models), output))
        for name, call, output in _ends(config["output_layers"])
    ]


def _ends(value: Any) -> list[History]:
    if isinstance(value, Mapping):
        return [end for key in sorted(value) for end in _ends(value[key])]
    if len(value) == 3 and isinstance(value[0], str):
        return [(value[0], value[1], value[2])]
    return [end for part in value for end in _ends(part)]


def _follow(config: Config, flows: dict[tuple[str, int], list[Flow]], written: Written) -> None:
    """Adds the flows of every call, in an order in which they can be computed."""
    waiting = []
    for layer in config["layers"]:
        if layer["class_name"] == "InputLayer":
            flows.setdefault((layer["name"], 0), [NO_MASK])
        waiting += [(layer, number) for number in range(len(layer["inbound_nodes"]))]
    while waiting:
        later = []
        for layer, number in waiting:
            call = layer["inbound_nodes"][number]
            inputs = _histories(call["args"])
            if any((source[0], source[1]) not in flows for source in inputs):
                later.append((layer, number))
                continue
            incoming = [_flow(flows, source) for source in inputs]
            has_states = "initial_state" in call["kwargs"]
            if has_states and layer["class_name"] in READ and incoming[0].then is not None:
                if "mask" not in call["kwargs"]:
                    with_mask(config, layer, call, incoming[0].then)
                incoming[0] = replace(incoming[0], now=incoming[0].then)
            name = layer["name"]
            flows[name, number] = _outputs(layer, name, incoming, has_states, written)
        if len(later) == len(waiting):
            raise ParityUnavailable(
                f"layer {later[0][0]['name']!r} takes what is computed from its own output. The "
                "file is damaged."
            )
        waiting = later


def _flow(flows: Mapping[tuple[str, int], list[Flow]], source: History) -> Flow:
    """The flow beside a tensor; only a layer's first output, or a model's, has a mask."""
    outputs = flows.get((source[0], source[1]), [NO_MASK])
    return outputs[source[2]] if source[2] < len(outputs) else NO_MASK


def _histories(value: Any) -> list[History]:
    if is_tensor(value):
        return [history(value)]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [source for part in parts for source in _histories(part)]


def _outputs(
    layer: Config, name: str, flows: list[Flow], has_states: bool, written: Written
) -> list[Flow]:
    """The flows of a layer's outputs."""
    class_name, config = layer["class_name"], layer["config"]
    first = flows[0] if flows else NO_MASK
    is_operation = str(layer.get("module")).startswith("keras.src.ops")
    if class_name in MODELS:
        return _model(class_name, config, flows, written)
    if is_operation:
        return [_dropped(name, flows)]
    if class_name == "TimeDistributed":
        return [_time_distributed(name, config, first, written)]
    if class_name == "Softmax" and first.now is not None:
        _mask_of_softmax(layer, name, written)
    if (class_name == "Embedding" and config.get("mask_zero")) or class_name == "Masking":
        made = ("made", name)
        return [Flow(made, made)]
    if class_name in READ:
        return _recurrent(name, class_name, config, first, has_states, written)
    if class_name == "GlobalAveragePooling1D":
        _require_same(name, first)
        return [NO_MASK]
    if class_name in ATTEND:
        for flow in flows:
            _require_same(name, flow)
        return [first]
    if class_name in PASS:
        return [first]
    if class_name in PASS_TODAY:
        return [replace(first, then=None)]
    if class_name in MERGE or class_name == "Concatenate":
        return [_merged(name, class_name, config, flows)]
    return [_dropped(name, flows)]


def _require_same(name: str, flow: Flow) -> None:
    if flow.then != flow.now:
        raise ParityUnavailable(
            f"layer {name!r} takes another mask in Keras 3 than in the version that wrote the "
            "file: what merges or wraps layers hands on masks otherwise. Take the mask away, or "
            "save the model with Keras 3."
        )


def _dropped(name: str, flows: list[Flow]) -> Flow:
    """A layer that takes every step, masked or not, and hands on no mask."""
    for flow in flows:
        if flow.differs:
            raise ParityUnavailable(
                f"{flow.differs} Layer {name!r} reads these steps. Take the mask away, or save "
                "the model with Keras 3."
            )
    return NO_MASK


def _recurrent(
    name: str, class_name: str, config: Config, flow: Flow, has_states: bool, written: Written
) -> list[Flow]:
    _require_same(name, flow)
    settings = config["layer"]["config"] if class_name == "Bidirectional" else config
    if not settings.get("return_sequences"):
        _note_padding(name, class_name, flow, has_states, written)
        return [NO_MASK]
    differs = ""
    if (
        flow.then is not None
        and written.repeats_outputs
        and (class_name == "Bidirectional" or has_states)
    ):
        differs = (
            f"layer {name!r} repeats its last output at masked steps in the Keras that wrote the "
            "file; Keras 3 puts 0 there."
        )
    outputs = 2 if class_name == "Bidirectional" and config.get("merge_mode", "") is None else 1
    return [replace(flow, differs=differs)] * outputs


def _note_padding(
    name: str, class_name: str, flow: Flow, has_states: bool, written: Written
) -> None:
    if flow.then is None:
        return
    if has_states:
        written.note(
            f"layer {name!r} has initial states and a mask: for a row without a valid step Keras 3 "
            "gives 0, where the version that wrote the file may give the initial state."
        )
    if class_name == "Bidirectional" and written.version == (2, 2, 4) and written.within_tensorflow:
        written.note(
            f"layer {name!r} has a mask, and the file's version, 2.2.4-tf, is that of TensorFlow "
            "1.13 to 2.1; it is read as from 1.14 on, where 1.13 gave 0 for padded rows."
        )


def _mask_of_softmax(layer: Config, name: str, written: Written) -> None:
    """Before 2.4 a softmax did not look at its mask; an Activation does not to this day."""
    looks = written.within_tensorflow and written.version and written.version >= (2, 4)
    axis = layer["config"].get("axis", -1)
    if looks or axis != -1:
        raise ParityUnavailable(
            f"layer {name!r} is a Softmax with a mask, which Keras 3 treats otherwise than the "
            "version that wrote the file. Take the mask away, or use Activation('softmax')."
        )
    kept = {key: layer["config"][key] for key in ("name", "trainable", "dtype")}
    layer["class_name"], layer["config"] = "Activation", {**kept, "activation": "softmax"}


def _time_distributed(name: str, config: Config, flow: Flow, written: Written) -> Flow:
    inner = config["layer"]
    if flow.then is None and flow.now is None:
        made = _outputs(inner, f"{name}/layer", [NO_MASK], False, written)
        then = made[0].then if made else None
        return Flow(None if then is None else (*then, "a step"), None, made[0].differs)
    if inner["class_name"] in PASS - {"TimeDistributed", "Softmax"}:
        return flow
    if inner["class_name"] in (*READ, *MODELS, *ATTEND, "GlobalAveragePooling1D", "Softmax"):
        raise ParityUnavailable(
            f"layer {name!r} has a mask around a {inner['class_name']}, which Keras 3 hands in "
            "otherwise than the version that wrote the file. Take the mask away."
        )
    return replace(flow, differs=_dropped(name, [flow]).differs)


def _merged(name: str, class_name: str, config: Config, flows: list[Flow]) -> Flow:
    then, now = [flow.then for flow in flows], [flow.now for flow in flows]
    differs = next((flow.differs for flow in flows if flow.differs), "")
    is_same = len({*then, *now}) == 1
    if differs and not is_same:
        _dropped(name, flows)
    if class_name in MERGE_WITH_MASKS and any(now):
        if not is_same:
            raise ParityUnavailable(
                f"layer {name!r} leaves out masked steps in Keras 3, and did not in the version "
                "that wrote the file. Take the mask away, or save the model with Keras 3."
            )
        differs = differs or f"layer {name!r} leaves out masked steps in Keras 3 alone."
    if not any(then) and not any(now):
        return NO_MASK
    if class_name != "Concatenate":
        return Flow(_both(then), None if None in now else _either(now), differs)
    if config.get("axis", -1) in (-1, 2):
        return Flow(_both(then), EVERYTHING if None in now else _either(now), differs)
    return Flow(("then in a row", *then), ("now in a row", *now), differs)


def _both(masks: list[Mask]) -> Mask:
    parts = frozenset(mask for mask in masks if mask is not None)
    return next(iter(parts), None) if len(parts) < 2 else ("both", parts)


def _either(masks: list[Mask]) -> Mask:
    parts = frozenset(masks)
    return next(iter(parts)) if len(parts) == 1 else ("either", parts)
