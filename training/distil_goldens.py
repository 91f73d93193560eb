"""Writes what the TypeScript trainer is held to: losses, gradients and ten optimizer steps of one student, from PyTorch.

The teacher is a four-block QwenImageTransformer2DModel of diffusers, filled as golden-fill.ts fills it; the student is a copy of
its block 1 and replaces blocks 1 and 2. Autograd, torch.optim.AdamW and torch.nn.utils.clip_grad_norm_ do the work: only the
losses, the schedule and the moving average are written out here. Everything is computed in float64, so that a test measures the
trainer's rounding alone; a second pass in float32, with diffusers untouched, tells what rounding costs PyTorch itself.
lib/core/distil/goldens/README.md says what the files hold.

  python training/distil_goldens.py        # torch, diffusers >= 0.37, numpy; a few seconds
"""

import contextlib
import copy
import functools
import json
import math
from pathlib import Path

import diffusers
import diffusers.models.transformers.transformer_qwenimage as qwen
from diffusers.training_utils import EMAModel
import torch

import goldens

FOLDER = Path(__file__).resolve().parent.parent / "lib/core/distil/goldens"
FIRST, LAST, BLOCKS = 1, 2, 4
CASE = dict(
    blocks=BLOCKS, interval=[FIRST, LAST], batch=4, imageTokens=15, textTokens=8, imageShape=[1, 3, 5],
    timestep=[0.37, 0.81, 0.12, 0.59], validTextTokens=[5, 8, 3, 7],
)  # fmt: skip
MAGNITUDE_WEIGHT = 0.1
LOSSES = ("direction", "direction-l1", "mse", "direction-magnitude")
SAMPLES, SAMPLE_INDEX = 8, 3000
STATE_SAMPLES = 64
FULL = ("attn.norm_q.weight", "attn.norm_added_k.weight", "attn.to_out.0.bias", "txt_mlp.net.2.bias")
OPTIMIZER = dict(learningRate=1e-3, warmupSteps=3, steps=10, beta1=0.9, beta2=0.95, epsilon=1e-8, weightDecay=0.02, clipNorm=1.0)
# Changes to the config, and the images of a sample: an edit model's second one is a reference, at time 0.
FORMS = {"plain": (dict(), [CASE["imageShape"]]), "edit": (dict(zero_cond_t=True), [[1, 3, 3], [1, 2, 3]])}
VARIANTS = {
    "direction": dict(loss="direction", accumulation=1, ema=None),
    "accumulated": dict(loss="direction-magnitude", accumulation=2, ema=None),
    "averaged": dict(loss="mse", accumulation=1, ema=0.9),
    # Reached after five updates.
    "warm-averaged": dict(loss="mse", accumulation=1, ema=0.4, ema_warmup=True),
    "edit": dict(loss="direction-magnitude", accumulation=1, ema=None, form="edit"),
}


def rotary_float64(x, freqs_cis):
    """diffusers' rotation without its cast of x to float32."""
    turned = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * freqs_cis.unsqueeze(1)
    return torch.view_as_real(turned).flatten(3)


def set_precision(dtype):
    own = functools.partial(qwen.apply_rotary_emb_qwen, use_real=False)
    qwen.ROPE_PER_DEVICE["cuda"] = own if dtype == torch.float32 else rotary_float64


@contextlib.contextmanager
def float64_rotation():
    set_precision(torch.float64)
    yield
    set_precision(torch.float32)


CONFIG = {**goldens.QWEN, "num_layers": BLOCKS}


def teacher_model(dtype, form="plain"):
    config = {**CONFIG, **FORMS[form][0]}
    return goldens.golden_model("QwenImageTransformer2DModel", config).to(dtype).requires_grad_(False)


def batch_inputs(number, dtype, samples=slice(None), form="plain"):
    """Batch 0 is that of the losses; batches 1 to 10 are those of the ten steps. Each has two tensor indices of its own."""
    batch, image, text = CASE["batch"], CASE["imageTokens"], CASE["textTokens"]
    values = lambda count, index: torch.from_numpy(goldens.fill(count, index)).float().to(dtype)
    hidden = values(batch * image * CONFIG["in_channels"], goldens.HIDDEN + 2 * number)
    prompt = values(batch * text * CONFIG["joint_attention_dim"], goldens.TEXT + 2 * number)
    mask = torch.arange(text)[None] < torch.tensor(CASE["validTextTokens"])[:, None]
    inputs = dict(
        hidden_states=hidden.reshape(batch, image, -1)[samples],
        encoder_hidden_states=prompt.reshape(batch, text, -1)[samples],
        encoder_hidden_states_mask=mask[samples],
        timestep=torch.tensor(CASE["timestep"])[samples],
    )
    images = [tuple(shape) for shape in FORMS[form][1]]
    return inputs | dict(img_shapes=[images] * len(inputs["timestep"]), return_dict=False)


@torch.no_grad()
def teacher_states(teacher, inputs):
    """Arguments of block FIRST as the teacher calls it, and its (image, text) states after block LAST."""
    seen = {}

    def before(_, args, kwargs):
        seen["arguments"] = kwargs

    def after(_, args, out):
        seen["target"] = (out[1], out[0])

    hooks = [
        teacher.transformer_blocks[FIRST].register_forward_pre_hook(before, with_kwargs=True),
        teacher.transformer_blocks[LAST].register_forward_hook(after),
    ]
    teacher(**inputs)
    for hook in hooks:
        hook.remove()
    return seen["arguments"], seen["target"]


def stream_loss(name, student, target):
    """Over rows [tokens, features] of one stream, valid tokens only."""
    if name == "mse":
        return (student - target).square().mean()
    student_norm, target_norm = student.norm(dim=-1, keepdim=True), target.norm(dim=-1, keepdim=True)
    difference = student / student_norm - target / target_norm
    if name == "direction-l1":
        return difference.abs().sum(-1).mean()
    loss = difference.square().sum(-1).mean()
    if name == "direction-magnitude":
        loss = loss + MAGNITUDE_WEIGHT * (student_norm.log() - target_norm.log()).square().mean()
    return loss


def losses_of(name, student, teacher, inputs):
    arguments, target = teacher_states(teacher, inputs)
    text, image = student(**arguments)
    valid = inputs["encoder_hidden_states_mask"]
    rows = lambda states: states.flatten(0, 1)
    return dict(
        image=stream_loss(name, rows(image), rows(target[0])), text=stream_loss(name, text[valid], target[1][valid])
    )


def number(value):
    return float(f"{float(value.detach() if isinstance(value, torch.Tensor) else value):.9g}")


def numbers(tensor):
    return [float(f"{v:.7g}") for v in tensor.detach().double().flatten().tolist()]


def sample(tensor, count):
    at = [int((u + 1) / 2 * tensor.numel()) for u in goldens.fill(count, SAMPLE_INDEX)]
    return tensor.detach().flatten()[at]


def tensor_summary(tensor, count=STATE_SAMPLES):
    return dict(shape=list(tensor.shape), norm=number(tensor.detach().double().norm()), samples=numbers(sample(tensor, count)))


def summary(tensors, full=()):
    """Of named tensors in diffusers' layout: the norm of all, of each, and the elements at hashed places."""
    total = math.sqrt(sum(float(t.detach().double().square().sum()) for t in tensors.values()))
    entries = {name: tensor_summary(t, SAMPLES) for name, t in tensors.items()}
    for name in full:
        entries[name]["all"] = numbers(tensors[name])
    return dict(norm=number(total), tensors=entries)


def gradients(module):
    """A weight that the loss does not reach has gradient zero."""
    return {name: torch.zeros_like(w) if w.grad is None else w.grad for name, w in module.named_parameters()}


def new_student(teacher):
    return copy.deepcopy(teacher.transformer_blocks[FIRST]).requires_grad_(True)


def losses_golden(dtype):
    teacher = teacher_model(dtype)
    inputs = batch_inputs(0, dtype)
    valid = inputs["encoder_hidden_states_mask"]
    arguments, target = teacher_states(teacher, inputs)
    with torch.no_grad():
        text, image = new_student(teacher)(**arguments)
    states = {
        "input": (arguments["hidden_states"], arguments["encoder_hidden_states"]),
        "target": target,
        "student": (image, text),
    }
    found = dict(
        # Text states are those of the valid tokens alone, one after another.
        states={k: dict(image=tensor_summary(i), text=tensor_summary(t[valid])) for k, (i, t) in states.items()},
        losses={},
    )
    for name in LOSSES:
        student = new_student(teacher)
        losses = losses_of(name, student, teacher, inputs)
        sum(losses.values()).backward()
        found["losses"][name] = {k: number(v) for k, v in losses.items()} | dict(gradient=summary(gradients(student), FULL))
    return found


def fine_tune_golden(dtype):
    teacher = teacher_model(dtype)
    student = copy.deepcopy(teacher)
    blocks = student.transformer_blocks
    student.transformer_blocks = blocks[: FIRST + 1].extend(blocks[LAST + 1 :])
    student.transformer_blocks.requires_grad_(True)
    inputs = batch_inputs(0, dtype)
    with torch.no_grad():
        expected = teacher(**inputs)[0]
    output = student(**inputs)[0]
    loss = (output - expected).square().mean()
    loss.backward()
    return dict(
        # Blocks by their number in the student: 0 is the teacher's 0, 1 the student block, 2 the teacher's 3.
        output=dict(teacher=tensor_summary(expected), student=tensor_summary(output)),
        loss=number(loss),
        gradients=[summary(gradients(block)) for block in student.transformer_blocks],
    )


def learning_rate(step):
    peak, warmup, steps = OPTIMIZER["learningRate"], OPTIMIZER["warmupSteps"], OPTIMIZER["steps"]
    if step <= warmup:
        return peak * step / warmup
    return peak / 2 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def optimised(student, losses_at, accumulation=1, ema=None, ema_warmup=False):
    """Ten steps of AdamW on the mean of `losses_at(step, part)` over the parts of a batch: the curve, and the weights or their average."""
    weights = dict(student.named_parameters())
    averaged = {name: w.detach().clone() for name, w in weights.items()}
    optimizer = torch.optim.AdamW(
        [
            dict(params=[w for w in weights.values() if w.dim() == 2], weight_decay=OPTIMIZER["weightDecay"]),
            dict(params=[w for w in weights.values() if w.dim() != 2], weight_decay=0.0),
        ],
        betas=(OPTIMIZER["beta1"], OPTIMIZER["beta2"]),
        eps=OPTIMIZER["epsilon"],
    )
    curve = []
    for step in range(1, OPTIMIZER["steps"] + 1):
        optimizer.zero_grad()
        means = {}
        for part in range(accumulation):
            losses = losses_at(step, part)
            (sum(losses.values()) / accumulation).backward()
            means = {stream: means.get(stream, 0.0) + float(loss.detach()) / accumulation for stream, loss in losses.items()}
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), OPTIMIZER["clipNorm"])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
        if ema is not None:
            with torch.no_grad():
                decay = EMAModel([], decay=ema).get_decay(step) if ema_warmup else ema
                for name, w in weights.items():
                    averaged[name].mul_(decay).add_(w, alpha=1 - decay)
        curve.append({k: number(v) for k, v in dict(lr=learning_rate(step), **means, gradientNorm=norm).items()})
    return curve, weights if ema is None else averaged


def steps_golden(dtype, loss, accumulation, ema, form="plain", ema_warmup=False):
    teacher = teacher_model(dtype, form)
    student = new_student(teacher)
    with torch.no_grad():
        held_out = losses_of("direction", student, teacher, batch_inputs(0, dtype, form=form))
    size = CASE["batch"] // accumulation

    def losses_at(step, part):
        return losses_of(loss, student, teacher, batch_inputs(step, dtype, slice(part * size, (part + 1) * size), form))

    curve, weights = optimised(student, losses_at, accumulation, ema, ema_warmup)
    start = teacher.transformer_blocks[FIRST]
    return dict(
        loss=loss,
        accumulation=accumulation,
        ema=ema,
        **(dict(emaWarmup=True) if ema_warmup else {}),
        images=FORMS[form][1],
        # Direction errors of batch 0 before the first step.
        heldOut={k: number(v) for k, v in held_out.items()},
        curve=curve,
        change=summary({name: w.detach() - start.get_parameter(name) for name, w in weights.items()}, FULL),
    )


KINDS = ("states", "gradient", "gradients", "curve", "change", "output")


def deviation(reference, other, kind="loss", scale=None, worst=None):
    """Largest difference by kind of entry: elements relative to their tensor's root mean square, other numbers to themselves."""
    worst = {} if worst is None else worst
    if isinstance(reference, dict):
        rms = reference["norm"] / math.sqrt(math.prod(reference["shape"])) if "shape" in reference else None
        for key in reference:
            elements = key in ("samples", "all")
            deviation(reference[key], other[key], key if key in KINDS else kind, rms if elements else None, worst)
    elif isinstance(reference, list):
        for x, y in zip(reference, other):
            deviation(x, y, kind, scale, worst)
    elif isinstance(reference, float):
        found = abs(reference - other) / (scale or abs(reference) or 1.0)
        worst[kind] = max(worst.get(kind, 0.0), float(f"{found:.1e}"))
    return worst


def main():
    diffusers.utils.logging.set_verbosity_error()
    makers = {
        "losses": losses_golden,
        "fine-tune": fine_tune_golden,
        "ten-steps": lambda dtype: dict(variants={name: steps_golden(dtype, **v) for name, v in VARIANTS.items()}),
    }
    for name, make in makers.items():
        found = []
        for dtype in (torch.float64, torch.float32):
            set_precision(dtype)
            found.append(make(dtype))
        rounding = deviation(*found)
        header = dict(
            generator="python training/distil_goldens.py",
            reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float64, CPU",
            case=CASE,
            magnitudeWeight=MAGNITUDE_WEIGHT,
            optimizer=OPTIMIZER,
            # Largest relative difference of the same computation in float32, by kind of number.
            float32=rounding,
        )
        path = FOLDER / f"{name}.json"
        path.write_text(json.dumps(header | found[0]) + "\n")
        print(f"{name}: {path.stat().st_size} bytes; float32 differs by {rounding}")


if __name__ == "__main__":
    main()
