import inspect

import pytest
import torch

from birnn_lightning.optim.keras import KERAS_OPTIMIZERS, SGD, Adam, AdamW, Lion, RMSprop


def parameter(*shape: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.randn(*shape))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"clipnorm": 0.0}, r"clipnorm must be positive; got 0\.0", id="clipnorm"),
        pytest.param({"clipvalue": -1.0}, r"clipvalue must be positive; got -1\.0", id="clipvalue"),
        pytest.param(
            {"clipnorm": 1.0, "global_clipnorm": 2.0},
            r"only one of .* 'global_clipnorm': 2",
            id="two",
        ),
        pytest.param(
            {"ema_momentum": 1.5}, r"ema_momentum must be in \[0, 1\]; got 1\.5", id="ema"
        ),
        pytest.param(
            {"gradient_accumulation_steps": 1}, r"an integer from 2 up; got 1", id="accumulation"
        ),
        pytest.param(
            {"use_ema": True, "ema_overwrite_frequency": 0.5},
            r"ema_overwrite_frequency .* from 1 up; got 0\.5",
            id="frequency",
        ),
        pytest.param(
            {"ema_overwrite_frequency": 3},
            r"ema_overwrite_frequency=3 needs .* use_ema",
            id="no_ema",
        ),
        pytest.param({"learning_rate": -0.1}, r"lr must not be negative; got -0\.1", id="rate"),
        pytest.param({"weight_decay": -0.1}, r"weight_decay must not be .* -0\.1", id="decay"),
    ],
)
@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_bad_shared_settings(name, settings, message):
    with pytest.raises(ValueError, match=message):
        KERAS_OPTIMIZERS[name]([parameter(2)], **settings)  # type: ignore[call-arg]


def test_bad_own_settings():
    with pytest.raises(ValueError, match=r"momentum must be in \[0, 1\]; got 1\.5"):
        SGD([parameter(2)], momentum=1.5)
    with pytest.raises(ValueError, match=r"beta_2 must be in \[0, 1\); got 1\.0"):
        Adam([parameter(2)], beta_2=1.0)
    with pytest.raises(ValueError, match=r"beta_1 must be in \(0, 1\]; got 0\.0"):
        Lion([parameter(2)], beta_1=0.0)
    with pytest.raises(ValueError, match=r"epsilon must not be negative; got -1\.0"):
        RMSprop([parameter(2)], epsilon=-1.0)
    with pytest.raises(ValueError, match=r"weight_decay of AdamW must be a number; got None"):
        AdamW([parameter(2)], weight_decay=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="clip_norm"):
        Adam([parameter(2)], clip_norm=1.0)


def test_settings_of_a_group():
    groups = [{"params": [parameter(2)], "momentum": 0.5}, {"params": [parameter(3)], "lr": 0.25}]
    optimizer = SGD(groups, 0.125)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.25]
    assert [group["momentum"] for group in optimizer.param_groups] == [0.5, 0.0]
    with pytest.raises(ValueError, match=r"must be among .*nesterov.*; got betas"):
        SGD([{"params": [parameter(2)], "betas": 0.5}])


def test_unknown_parameters():
    known, stranger = parameter(2), parameter(3, 5)
    optimizer = Adam([known])
    with pytest.raises(ValueError, match=r"exclude_from_weight_decay names .* \(3, 5\)"):
        optimizer.exclude_from_weight_decay([stranger])
    with pytest.raises(ValueError, match=r"variables\[0\] names a tensor of shape \(3, 5\)"):
        Adam([known], variables=[[known, stranger]])
    with pytest.raises(ValueError, match="belongs to variables 0 and 1"):
        Adam([known], variables=[[known], [known]])


@pytest.mark.parametrize("name", KERAS_OPTIMIZERS)
def test_signature_names_every_setting(name):
    signature = inspect.signature(KERAS_OPTIMIZERS[name])
    assert {"learning_rate", "variables", "weight_decay", "clipnorm"} < set(signature.parameters)
    assert signature.parameters["ema_momentum"].default == 0.99
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds
