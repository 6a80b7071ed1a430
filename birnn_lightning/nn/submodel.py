"""The layer that is a whole model."""

from collections.abc import Iterator

from birnn_lightning.nn import specs
from birnn_lightning.nn.layer import Layer, layer_for
from birnn_lightning.nn.masks import Masked
from birnn_lightning.nn.model import SequenceModel
from birnn_lightning.nn.variables import Variable


@layer_for(specs.Submodel)
class Submodel(Layer):
    """Runs a model; its outputs are what the last layers' activations make of the logits.

    Attributes:
        model: the inner model.
    """

    def __init__(self, spec: specs.Submodel, *shapes: specs.Shape) -> None:
        """Builds the inner model."""
        super().__init__()
        self.model = SequenceModel(spec.model)

    def forward(self, *inputs: Masked) -> Masked | tuple[Masked, ...]:
        """Maps one masked tensor an input of the inner model to one an output of it."""
        outputs = tuple(
            output._replace(values=self.model.activate(output.values, index))
            for index, output in enumerate(self.model.compute(inputs))
        )
        return outputs[0] if len(outputs) == 1 else outputs

    def variables(self) -> Iterator[Variable]:
        """Those of the inner model, under its layers' names."""
        yield from self.model.variables()
