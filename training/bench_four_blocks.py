"""The PyTorch contestant of bench/four-blocks.ts: an analysis of four blocks of Qwen-Image's shape, written plainly.

  python training/bench_four_blocks.py make FOLDER          # seeded weights (2.7 GB) and calibration.safetensors
  python training/bench_four_blocks.py analyse FOLDER SPLIT # SPLIT: {"heldOut": [...], "damage": [...]}, samples as JSON

`analyse` does what the product does, but for bounds: hidden states of diffusers' own blocks in float32; ridge probes by the dual
problem in float64; CKA of all pairs and trajectories in all readings from Grams in float64, on held-out tokens and on all; the
difference rule; direction errors and proxies of all pairs; and the output error of every detected interval without its blocks
and with their probes. It prints figures, times and its peak memory as JSON.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import torch
from diffusers import QwenImageTransformer2DModel
from safetensors import safe_open
from safetensors.torch import save_file

BLOCKS, SAMPLES, SIDE, TEXT, PROMPT_DIM = 4, 8, 8, 24, 3584
CONFIG = dict(
    patch_size=2, in_channels=64, out_channels=16, num_layers=BLOCKS, attention_head_dim=128, num_attention_heads=24,
    joint_attention_dim=PROMPT_DIM, axes_dims_rope=(16, 56, 56),
)  # fmt: skip
RIDGE, CONSTANT = 1e-8, 1e-7
STREAMS = ("image", "text")
READINGS = [f"{start}/{target}" for start in ("block-u", "probe-u") for target in ("teacher-after-k", "teacher-after-u")]


def make(folder):
    """Matrices of a spread that keeps states from block to block at about the same size, as those of trained blocks do."""
    generator = torch.Generator().manual_seed(1337)
    with torch.device("meta"):
        model = QwenImageTransformer2DModel(**CONFIG)
    model = model.to(torch.bfloat16).to_empty(device="cpu")
    for name, parameter in model.named_parameters():
        shape = parameter.shape
        # Modulations far enough from nothing that blocks change their states by a third.
        gain = 6 if "_mod." in name else 0.6
        spread = gain / shape[-1] ** 0.5 if len(shape) > 1 else 0.02
        offset = 1.0 if len(shape) == 1 and "norm" in name and name.endswith("weight") else 0.0
        parameter.data.copy_(offset + spread * torch.randn(shape, generator=generator))
    model.save_pretrained(folder, max_shard_size="10GB")
    tensors = {
        "hidden_states": torch.randn(SAMPLES, SIDE * SIDE, CONFIG["in_channels"], generator=generator),
        "encoder_hidden_states": torch.randn(SAMPLES, TEXT, PROMPT_DIM, generator=generator),
        "encoder_hidden_states_mask": torch.ones(SAMPLES, TEXT, dtype=torch.int64),
        "timestep": (1 + torch.arange(SAMPLES) % 4) / 5,
    }
    shapes = {"img_shapes": json.dumps([[[1, SIDE, SIDE]]] * SAMPLES)}
    save_file(tensors, folder / "calibration.safetensors", metadata=shapes)


def load(folder):
    model = QwenImageTransformer2DModel.from_pretrained(folder, torch_dtype=torch.float32).eval()
    with safe_open(folder / "calibration.safetensors", "pt") as file:
        inputs = {name: file.get_tensor(name) for name in file.keys()}
        inputs["img_shapes"] = [[tuple(shape) for shape in one] for one in json.loads(file.metadata()["img_shapes"])]
    return model, inputs


def forward(model, inputs, samples):
    picked = {name: [of[i] for i in samples] if isinstance(of, list) else of[samples] for name, of in inputs.items()}
    return model(**picked, return_dict=False)[0]


def capture(model, inputs):
    """States of every stream [tokens, width]: the embedded input, then after each block."""
    states = {stream: [] for stream in STREAMS}

    def keep(text, image):
        states["image"].append(image.flatten(0, 1))
        states["text"].append(text.flatten(0, 1))

    hooks = [block.register_forward_hook(lambda _module, _args, out: keep(*out)) for block in model.transformer_blocks]
    first = lambda _module, _args, given: keep(given["encoder_hidden_states"], given["hidden_states"])
    hooks.append(model.transformer_blocks[0].register_forward_pre_hook(first, with_kwargs=True))
    output = forward(model, inputs, list(range(SAMPLES)))
    for hook in hooks:
        hook.remove()
    return states, output


def fit_probe(x, y):
    """x + (x·left)·right + bias, by the dual ridge problem, float64."""
    x, u = x.double(), y.double() - x.double()
    mean, mean_update = x.mean(0), u.mean(0)
    z = x - mean
    scale = z.norm(dim=0)
    scale[scale <= CONSTANT * mean.abs() * len(x) ** 0.5] = torch.inf
    z /= scale
    factor = torch.linalg.cholesky(z @ z.T + RIDGE * torch.eye(len(x), dtype=torch.float64))
    left = torch.linalg.solve_triangular(factor, z, upper=False).T / scale[:, None]
    right = torch.linalg.solve_triangular(factor, u - mean_update, upper=False)
    return left, right, mean_update - (mean @ left) @ right


def r2(probe, x, y):
    left, right, bias = probe
    x, u = x.double(), y.double() - x.double()
    residual = u - ((x @ left) @ right + bias)
    return (1 - residual.square().sum() / (u - u.mean(0)).square().sum()).item()


def gram(x):
    x = x.double()
    x = x - x.mean(0)
    return x @ x.T


def hsic(k, l):
    """Biased, and unbiased times n(n - 3), of centred Grams."""
    n, inner = len(k), (k * l).sum()
    diagonals = (k.diagonal() * l.diagonal()).sum()
    return inner, inner - n / (n - 2) * diagonals + k.trace() * l.trace() / ((n - 1) * (n - 2))


def cka(k, l, self_k, self_l):
    biased, debiased = (cross / (a * b).sqrt() for cross, a, b in zip(hsic(k, l), self_k, self_l))
    return {"biased": biased.item(), "debiased": debiased.item()}


def empty():
    return {estimator: [[None] * BLOCKS for _ in range(BLOCKS)] for estimator in ("debiased", "biased")}


def put(matrices, i, j, values):
    for estimator, value in values.items():
        matrices[estimator][i][j] = value


def similarity(states, probes):
    grams = [gram(state) for state in states]
    selves = [hsic(k, k) for k in grams]
    updated = [probe is not None for probe in probes]
    pairs, trajectories = empty(), {reading: empty() for reading in READINGS}
    for i in range(BLOCKS):
        for j in range(BLOCKS):
            if updated[i] and updated[j]:
                put(pairs, i, j, cka(grams[i + 1], grams[j + 1], selves[i + 1], selves[j + 1]))
    for start in range(-1, BLOCKS):
        if start >= 0 and updated[start]:
            for target in ("teacher-after-k", "teacher-after-u"):
                put(trajectories[f"block-u/{target}"], start, start, {"debiased": 1.0, "biased": 1.0})
        surrogate = states[start + 1].double()
        surrogate = surrogate - surrogate.mean(0)
        for k in range(start + 1, BLOCKS):
            if probes[k] is None:
                continue
            left, right, _ = probes[k]
            surrogate = surrogate + (surrogate @ left) @ right
            own = gram(surrogate)
            self_own = hsic(own, own)
            against = lambda state: cka(grams[state], own, selves[state], self_own)
            if start >= 0:
                put(trajectories["block-u/teacher-after-k"], start, k, against(k + 1))
                put(trajectories["block-u/teacher-after-u"], start, k, against(start + 1))
            put(trajectories["probe-u/teacher-after-k"], start + 1, k, against(k + 1))
            put(trajectories["probe-u/teacher-after-u"], start + 1, k, against(start + 2))
    return {
        "cka": pairs,
        "trajectories": {estimator: {r: of[estimator] for r, of in trajectories.items()} for estimator in ("debiased", "biased")},
    }


def detect(streams):
    """The difference rule on the mean of both streams' trajectories."""

    def difference(u, k):
        found = [s["trajectories"]["debiased"]["block-u/teacher-after-k"][u] for s in streams]
        both = [row[k - 1] - row[k] for row in found if row[k - 1] is not None and row[k] is not None]
        return sum(both) / len(both)

    intervals, u = [], 0
    while u < BLOCKS:
        rises = (k for k in range(u + 2, BLOCKS) if difference(u, k) > difference(u, k - 1))
        last = next(rises, BLOCKS) - 1
        if last > u:
            intervals.append((u, last))
        u = last + 1
    return intervals


class Probe(torch.nn.Module):
    def __init__(self, by_stream):
        super().__init__()
        self.maps = {stream: of and [part.float() for part in of] for stream, of in by_stream.items()}

    def advance(self, stream, x):
        if self.maps[stream] is None:
            return x
        left, right, bias = self.maps[stream]
        return x + (x @ left) @ right + bias

    def forward(self, hidden_states, encoder_hidden_states, **_):
        return self.advance("text", encoder_hidden_states), self.advance("image", hidden_states)


def damage(model, inputs, samples, whole, intervals, probes):
    """Relative output error of each interval, by nothing and by probes."""
    blocks, found = model.transformer_blocks, []
    for by in ("nothing", "probes"):
        for first, last in intervals:
            inside = [Probe({s: probes[s][k] for s in STREAMS}) for k in range(first + 1, last + 1)] if by == "probes" else []
            model.transformer_blocks = torch.nn.ModuleList([*blocks[: first + 1], *inside, *blocks[last + 1 :]])
            output = forward(model, inputs, samples)
            error = (output - whole[samples]).double().norm() / whole[samples].double().norm()
            found.append({"first": first, "last": last, "by": by, "outputError": error.item()})
    model.transformer_blocks = blocks
    return found


def directions(states):
    """Direction error, block influence and mean squared difference of the states after every pair of blocks."""
    found = []
    for u in range(BLOCKS):
        for k in range(u + 1, BLOCKS):
            a, b = states[u + 1].double(), states[k + 1].double()
            cosine = torch.nn.functional.cosine_similarity(a, b)
            found.append([(2 - 2 * cosine).mean().item(), (1 - cosine).mean().item(), (a - b).square().mean().item()])
    return found


@torch.no_grad()
def analyse(folder, split):
    model, inputs = load(folder)
    states, whole = capture(model, inputs)
    held_out = set(split["heldOut"])
    report = {"streams": {}, "probeR2": {}}
    probes = {}
    for stream, tokens in zip(STREAMS, (SIDE * SIDE, TEXT)):
        sample = torch.arange(SAMPLES).repeat_interleave(tokens)
        judged = torch.tensor([int(i) in held_out for i in sample])
        # Nothing reads the last block's text.
        updated = [stream == "image" or k < BLOCKS - 1 for k in range(BLOCKS)]
        of = states[stream]
        probes[stream] = [fit_probe(of[k][~judged], of[k + 1][~judged]) if updated[k] else None for k in range(BLOCKS)]
        report["probeR2"][stream] = [p and r2(p, of[k][judged], of[k + 1][judged]) for k, p in enumerate(probes[stream])]
        report["streams"][stream] = {
            "held-out": similarity([state[judged] for state in of], probes[stream]),
            "all": similarity(of, probes[stream]),
        }
        report.setdefault("directions", {})[stream] = directions([state[judged] for state in of])
    intervals = detect([report["streams"][stream]["held-out"] for stream in STREAMS])
    report["damage"] = damage(model, inputs, split["damage"], whole, intervals, probes)
    return report


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["make", "analyse"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("split", type=json.loads, nargs="?")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.what == "make":
        return make(args.folder)
    started, started_cpu = time.perf_counter(), time.process_time()
    report = analyse(args.folder, args.split)
    wall, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"wallMs": 1000 * wall, "cpuMs": 1000 * cpu, "peakBytes": peak, "report": report}))


if __name__ == "__main__":
    main()
