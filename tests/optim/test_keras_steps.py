import copy
import io

import pytest
import torch

from birnn_lightning.optim.keras import KERAS_OPTIMIZERS, SGD, Adam, AdamW
from tests.optim.keras_trainings import SETTINGS, random_parameters, train, values

SURROUNDINGS = {
    "plain": {},
    "all": {
        "weight_decay": 0.3,
        "clipnorm": 0.7,
        "use_ema": True,
        "ema_overwrite_frequency": 2,
        "gradient_accumulation_steps": 3,
    },
}


@pytest.mark.parametrize("shared", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_resumed_equals_uninterrupted(name, settings, shared):
    def make(parameters):
        return KERAS_OPTIMIZERS[name](parameters, 0.03, **settings | shared)  # type: ignore[call-arg]

    whole = random_parameters()
    train(make(whole), whole, range(12))

    first = random_parameters()
    optimizer = make(first)
    train(optimizer, first, range(7))
    file = io.BytesIO()
    torch.save([optimizer.state_dict(), [parameter.detach() for parameter in first]], file)
    file.seek(0)
    state, weights = torch.load(file, weights_only=True)
    second = [torch.nn.Parameter(weight) for weight in weights]
    resumed = make(second)
    resumed.load_state_dict(state)
    assert not torch.equal(values(second), values(whole))
    train(resumed, second, range(7, 12))
    assert torch.equal(values(second), values(whole))
    assert resumed.iterations == 12 // shared.get("gradient_accumulation_steps", 1)


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_together_equals_one_by_one(name, settings):
    together, alone = random_parameters(), random_parameters()
    settings = settings | SURROUNDINGS["all"]
    train(KERAS_OPTIMIZERS[name](together, 0.03, **settings), together, range(7))  # type: ignore[call-arg]
    optimizers = [KERAS_OPTIMIZERS[name]([one], 0.03, **settings) for one in alone]  # type: ignore[call-arg]
    for step in range(7):
        generator = torch.Generator().manual_seed(step)
        for optimizer, one in zip(optimizers, alone, strict=True):
            one.grad = torch.randn(one.shape, generator=generator, dtype=one.dtype)
            optimizer.step()
    torch.testing.assert_close(values(together), values(alone), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_fused_equals_foreach(kind, amsgrad, monkeypatch):
    calls = []
    fused = torch._fused_adamw_  # type: ignore[attr-defined]
    monkeypatch.setattr(torch, "_fused_adamw_", lambda *a, **k: (calls.append(k), fused(*a, **k)))
    settings = {"amsgrad": amsgrad, "beta_2": 0.7, "weight_decay": 0.3}
    ours, reference = random_parameters(), random_parameters()
    optimizer = kind(ours, 0.03, fused=True, **settings)
    train(optimizer, ours, range(12))
    assert len(calls) == 12
    looped = kind(reference, 0.03, fused=False, **settings)
    train(looped, reference, range(12))
    assert len(calls) == 12
    torch.testing.assert_close(values(ours), values(reference), rtol=1e-13, atol=1e-14)
    for one, other in zip(ours, reference, strict=True):
        torch.testing.assert_close(
            optimizer.state[one], looped.state[other], rtol=1e-13, atol=1e-14
        )


def test_fused_needs_a_device_with_a_kernel():
    parameter = torch.nn.Parameter(torch.zeros(2, device="meta"))
    parameter.grad = torch.zeros_like(parameter)
    with pytest.raises(ValueError, match="possible on cpu and cuda; got parameters on 'meta'"):
        Adam([parameter], fused=True).step()


def test_two_dtypes_at_once():
    double, single = random_parameters(), random_parameters(torch.float32)
    train(Adam([*double, *single], 0.03), [*double, *single], range(5))
    alone = random_parameters()
    train(Adam(alone, 0.03), alone, range(5))
    assert torch.equal(values(double), values(alone))


def test_a_schedule_moves_the_rate():
    scheduled, by_hand = random_parameters(), random_parameters()
    optimizer = SGD(scheduled, 0.5)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    train(optimizer, scheduled, range(3), scheduler)
    for step, rate in enumerate((0.5, 0.25, 0.125)):
        train(SGD(by_hand, rate), by_hand, range(step, step + 1))
    assert torch.equal(values(scheduled), values(by_hand))


def test_closure_and_a_step_without_gradients():
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = SGD([weight], 0.25)
    assert optimizer.step() is None
    assert (weight.item(), optimizer.iterations) == (3.0, 0)

    def closure():
        optimizer.zero_grad()
        loss = (weight**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) == 9.0
    assert (weight.item(), optimizer.iterations) == (1.5, 1)


@pytest.mark.parametrize("fused", [None, False])
def test_grad_scaler_unscales_and_skips(fused):
    ours, reference = random_parameters(torch.float32), random_parameters(torch.float32)
    optimizer, scaler = Adam(ours, 0.03, fused=fused), torch.amp.GradScaler("cpu", init_scale=8.0)
    for factor in (1.0, float("inf")):
        optimizer.zero_grad()
        loss = sum((factor * one**3).sum() for one in ours)
        scaler.scale(loss).backward()  # type: ignore[union-attr]
        scaler.step(optimizer)
        scaler.update()
    plain = Adam(reference, 0.03, fused=fused)
    sum((one**3).sum() for one in reference).backward()  # type: ignore[union-attr]
    plain.step()
    assert torch.equal(values(ours), values(reference))
    assert optimizer.iterations == 1


def test_a_copy_goes_on_alike():
    parameters = random_parameters()
    optimizer = SGD(
        parameters, 0.03, momentum=0.7, weight_decay=0.3, clipnorm=0.7, variables=[parameters[:2]]
    )
    optimizer.exclude_from_weight_decay(parameters[2:])
    train(optimizer, parameters, range(3))
    other_optimizer, other = copy.deepcopy((optimizer, parameters))
    train(optimizer, parameters, range(3, 7))
    assert not torch.equal(values(parameters), values(other))
    train(other_optimizer, other, range(3, 7))
    assert torch.equal(values(parameters), values(other))
