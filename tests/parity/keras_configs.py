"""Configs of Keras models, written by hand: nothing here needs Keras."""

from parity.keras_config.model import model_spec


def tensor(name, call=0, output=0):
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}


def layer(name, class_name, *args, **config):
    """A layer called once on the outputs of the named layers; numbers are themselves."""
    kwargs = config.pop("call", {})
    arguments = [tensor(value) if isinstance(value, str) else value for value in args]
    return {
        "name": name,
        "class_name": class_name,
        "config": {"name": name, "trainable": True, **config},
        "inbound_nodes": [{"args": arguments, "kwargs": kwargs}] if args else [],
    }


def entry(name, shape=(None, 3), dtype="float32", **config):
    return layer(name, "InputLayer", batch_shape=[None, *shape], dtype=dtype, **config)


def lstm(name, *args, **config):
    return layer(name, "LSTM", *args, units=5, **config)


def spec_of(*layers, inputs=None, outputs=None):
    """The spec of a functional model; by default every InputLayer is an input, the last is out."""
    names = [one["name"] for one in layers if one["class_name"] == "InputLayer"]
    config = {
        "layers": list(layers),
        "input_layers": [[name, 0, 0] for name in names] if inputs is None else inputs,
        "output_layers": [layers[-1]["name"], 0, 0] if outputs is None else outputs,
    }
    return model_spec("Functional", config)


def masked(name="words", mask_of="tokens"):
    """Tokens, an Embedding with ``mask_zero``, and the operation that Keras adds for its mask."""
    return (
        entry("tokens", (None,)),
        layer("embedding", "Embedding", "tokens", input_dim=23, output_dim=3, mask_zero=True),
        layer("not_equal", "NotEqual", mask_of, 0),
    )


def mask(*names):
    tensors = [None if name is None else tensor(name) for name in names]
    return {"mask": tensors[0] if len(tensors) == 1 else tensors}


def attention(name, query, value, **call):
    both = layer(name, "Attention", "?", call=call)
    both["inbound_nodes"][0]["args"] = [[tensor(query), tensor(value)]]
    return both
