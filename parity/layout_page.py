"""The weight table as documentation shows it, from the rows that the code uses."""

from birnn_lightning.nn import specs
from birnn_lightning.nn.specs import CELL_NAMES, LayerSpec
from parity.layout import KERAS_CLASSES, layer_rows

DOCUMENTED: dict[str, LayerSpec] = {
    **{
        f"Bidirectional({KERAS_CLASSES[cell]})": specs.Bidirectional(
            forward=specs.Recurrent(cell=cell, hidden_size=1)
        )
        for cell in CELL_NAMES
    },
    "GRU(reset_after=False)": specs.Recurrent(cell="gru", hidden_size=1, reset_after=False),
    "RNN([LSTMCell, GRUCell])": specs.RecurrentStack(
        cells=(
            specs.Recurrent(cell="lstm", hidden_size=1),
            specs.Recurrent(cell="gru", hidden_size=1),
        )
    ),
    "Embedding": specs.Embedding(vocab_size=1, embedding_dim=1),
    "Dense": specs.Dense(units=1),
    "Conv1D": specs.Conv1D(filters=1, kernel_size=1),
    "Conv2D": specs.Conv2D(filters=1, kernel_size=1),
    "Conv1DTranspose": specs.Conv1DTranspose(filters=1, kernel_size=1),
    "DepthwiseConv1D": specs.DepthwiseConv1D(kernel_size=1),
    "SeparableConv1D": specs.SeparableConv1D(filters=1, kernel_size=1),
    "BatchNormalization": specs.BatchNormalization(),
    "LayerNormalization": specs.LayerNormalization(),
    "GroupNormalization": specs.GroupNormalization(),
    "RMSNormalization": specs.RMSNormalization(),
    "Normalization": specs.Normalization(),
    "PReLU": specs.PReLU(),
    "Attention": specs.Attention(use_scale=True, score_mode="concat"),
    "AdditiveAttention": specs.AdditiveAttention(),
    "TimeDistributed(Dense)": specs.TimeDistributed(layer=specs.Dense(units=1)),
}


def layout_table() -> str:
    """A Markdown table of every kind of row."""
    lines = ["| layer | Keras array | torch arrays | form | gates, torch → Keras |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, spec in DOCUMENTED.items():
        for row in layer_rows(spec, "", ""):
            gates = f"`{row.torch_gates}` → `{row.keras_gates}`" if row.torch_gates else ""
            torch = ", ".join(f"`{one.lstrip('.')}`" for one in row.torch)
            lines.append(
                f"| {name} | `{row.keras.lstrip('/')}` | {torch} | {row.form.name} | {gates} |"
            )
    return "\n".join(lines)
