"""Random layer cases: one to three recurrent layers, and whatever may stand around them."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import LayerSpec, ModelSpec, Node, reference
from parity.suite.layer_cases import LayerCase
from tests.parity.layer_strategies import (
    BOOLEANS,
    SIZES,
    Draw,
    masks,
    recurrent_layers,
    same_length_layers,
    window_layers,
)


@dataclass
class Draft:
    """A model that grows by a node at a time.

    Attributes:
        draw: hypothesis's.
        time: steps of an input.
        nodes: so far.
        vectors: size of each output without time, by reference.
        sequences: ``(time, size)`` of each output with time, by reference.
        last: reference of the output that the next layer takes.
    """

    draw: Draw
    time: int
    nodes: list[Node] = field(default_factory=list)
    vectors: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, tuple[int, int]] = field(default_factory=dict)
    last: str = ""

    def add(self, layer: LayerSpec, *inputs: str, time: int = 0, kind: str = "layer") -> None:
        """Appends a node; ``time`` is the steps of its outputs that have time, if not the input's.

        Which outputs have time the spec says.
        """
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(Node(name=name, layer=layer, inputs=inputs))
        shapes = ModelSpec(tuple(self.nodes)).shapes()
        steps = time or (self.sequences[inputs[0]][0] if inputs[0] in self.sequences else 0)
        found = [key for key in shapes if key.split(":")[0] == name]
        for key in found:
            size = shapes[key][-1]
            assert size is not None
            if len(shapes[key]) == 2:
                self.sequences[key] = (steps, size)
            else:
                self.vectors[key] = size
        self.last = found[0]

    def add_input(self, *shape: int | None, kind: str = "state", dtype: Any = "float") -> str:
        """Appends an input node."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(Node(name=name, layer=specs.Input(shape=shape, dtype=dtype)))
        if len(shape) == 2:
            assert shape[1] is not None
            self.sequences[name] = (self.time, shape[1])
        return name

    def add_source(self, masked: bool) -> None:
        """The first input: features or tokens, which may have to say themselves what is masked."""
        time = self.draw(st.sampled_from((None, self.time)))
        if self.draw(st.integers(0, 3)) == 0:
            name = self.add_input(time, kind="tokens", dtype="int64")
            layer = specs.Embedding(
                vocab_size=self.draw(st.integers(2, 7)),
                embedding_dim=self.draw(SIZES),
                mask_zero=masked and self.draw(BOOLEANS),
            )
            self.add(layer, name, time=self.time)
            return
        self.last = self.add_input(time, self.draw(SIZES), kind="features")
        if masked and self.draw(BOOLEANS):
            self.add(specs.Masking(mask_value=self.draw(st.sampled_from((0.0, -1.5)))), self.last)

    def add_between(self) -> None:
        """One layer that is not recurrent."""
        steps, size = self.sequences[self.last]
        partners = [key for key, shape in self.sequences.items() if shape == (steps, size)]
        kind = self.draw(st.sampled_from(("same", "same", "window", "merge", "attention", "input")))
        if kind == "same":
            self.add(self.draw(same_length_layers(size)), self.last)
        elif kind == "window":
            layer = self.draw(window_layers(steps))
            time = layer.output_shape((steps, size))[0]
            assert time is not None
            self.add(layer, self.last, time=time)
        elif kind == "input":  # such as a decoder's
            self.last = self.add_input(None, self.draw(SIZES), kind="features")
        else:
            merges = (specs.Add(), specs.Multiply(), specs.Maximum(), specs.Concatenate())
            attention = (specs.Attention(use_scale=True), specs.AdditiveAttention())
            layer = self.draw(st.sampled_from(merges if kind == "merge" else attention))
            self.add(layer, self.last, self.draw(st.sampled_from(partners)))

    def add_recurrent(self, last: bool) -> None:
        """A recurrent layer, its initial states, and a sequence again unless it is the last."""
        sequences = self.draw(st.sampled_from((True, True, True, False)))
        layer: Any = self.draw(recurrent_layers(sequences))
        source, states = self.last, []
        if self.draw(st.integers(0, 2)) == 0:
            for size in layer.state_sizes:
                known = [key for key, one in self.vectors.items() if one == size]
                state = self.draw(st.sampled_from(("", *known)))
                states.append(state or self.add_input(size))
        self.add(layer, source, *states, kind="recurrent")
        name = self.last
        if getattr(layer, "merge_mode", "") is None:
            self.last = reference(name, self.draw(st.integers(0, 1)))
        if not last and not sequences:
            steps = self.draw(st.integers(1, 4))
            self.add(specs.RepeatVector(n=steps), self.last, time=steps)

    def add_end(self) -> None:
        """Perhaps a summary of time, and perhaps a dense layer; nothing stays without effect."""
        loose = self._loose_ends()
        if loose:
            parts = [self._summarised(key) for key in (self.last, *loose)]
            self.add(specs.Concatenate(), *parts)
        if self.last in self.sequences and self.draw(BOOLEANS):
            kinds = (specs.GlobalMaxPooling1D, specs.GlobalAveragePooling1D)
            self.add(self.draw(st.sampled_from(kinds))(), self.last)
        if self.draw(BOOLEANS):
            names = st.sampled_from(("linear", "sigmoid", "softmax"))
            self.add(specs.Dense(units=self.draw(SIZES), activation=self.draw(names)), self.last)

    def _loose_ends(self) -> list[str]:
        """Nodes that lead nowhere: Keras takes a model apart from its output."""
        used = {key.split(":")[0] for node in self.nodes for key in node.inputs}
        used.add(self.last.split(":")[0])
        return [node.name for node in self.nodes if node.name not in used]

    def _summarised(self, key: str) -> str:
        if key in self.sequences:
            self.add(specs.GlobalMaxPooling1D(), key)
            return self.last
        return key


@st.composite
def layer_cases(draw: Draw) -> LayerCase:
    """Any case; what a defect of Keras forbids is `parity.suite.defects.expected_exception`'s."""
    batch, time = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    mask = draw(st.none() | masks(batch, time))
    draft = Draft(draw, time)
    draft.add_source(mask is not None)
    count = draw(st.integers(1, 3))
    for index in range(count):
        for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
            draft.add_between()
        draft.add_recurrent(last=index == count - 1)
    draft.add_end()
    spec = ModelSpec(tuple(draft.nodes))
    stateful = any(
        getattr(getattr(node.layer, "forward", node.layer), "stateful", False)
        for node in spec.nodes
    )
    return LayerCase(
        name=f"random {draw(st.integers(0, 999))}",
        spec=spec,
        mask=mask,
        training=draw(BOOLEANS),
        batches=2 if stateful else 1,
        dtypes=draw(st.sampled_from(((), (), (), ("float32",)))),
        batch=batch,
        time=time,
        weight_scale=draw(st.sampled_from((1.0, 0.25, 2.0))),
    )
