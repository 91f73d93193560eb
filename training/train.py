"""Trains a sample model (sample_models.py) that draws 32x32 pictures from captions (see shapes.py).

Flow matching (v = noise - x, sigma = sigmoid(N(0, 1))), 10 % dropped captions, modulation and output layers start at
zero. Muon (Newton-Schulz orthogonalised momentum) on the blocks' attention and MLP matrices and AdamW on the rest,
constant rate, then linear decay to zero, EMA. Resumable: a second call goes on from the checkpoint; the decay may be
set late, and the command in the model card is the one that reproduces the whole run.

A model with embedded guidance learns the plain velocity first, at guidance 1. Then `--guidance-steps` distil classifier-free
guidance into it: the frozen EMA weights give both velocities, and the model learns their guided combination for a random scale.

  python training/train.py --out training/runs/shapes --steps 8000 --decay-from 5500
"""

import argparse
import copy
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

import shapes
from sample_models import FEATURES, GRID, SAMPLES


def orthogonalise(g, steps=5):
    """Quintic Newton-Schulz of a stack [n, rows, cols]: replaces singular values by about one (Jordan et al. 2024)."""
    transpose = g.shape[-2] > g.shape[-1]
    x = g.mT if transpose else g
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.mT if transpose else x


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are one stack, so that Newton-Schulz runs as a few batched products."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.01):
        groups = {}
        for p in params:
            groups.setdefault(tuple(p.shape), []).append(p)
        super().__init__([{"params": g} for g in groups.values()], dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = group["params"]
            grads = torch.stack([p.grad for p in params])
            state = self.state[params[0]]
            buffer = state.setdefault("momentum", torch.zeros_like(grads))
            buffer.lerp_(grads, 1 - group["momentum"])
            update = orthogonalise(grads.lerp(buffer, group["momentum"]))
            rows, cols = update.shape[-2:]
            update *= 0.2 * max(rows, cols) ** 0.5  # the update's RMS is that of AdamW, so one rate serves both
            torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(params, list(update.unbind(0)), alpha=-group["lr"])


class Batches(torch.utils.data.Dataset):
    """Batch `step`: scenes that are not held out, captions in a random order of objects, noise, sigma and guidance scale.

    Everything random is a function of (seed, step), so a resumed run and any number of loader processes see the same data.
    """

    def __init__(self, seed, batch, first, last):
        self.seed, self.batch, self.steps = seed, batch, range(first, last)

    def __len__(self):
        return len(self.steps)

    def __getitem__(self, index):
        step = self.steps[index]
        rng = np.random.default_rng([self.seed, step])
        scenes = [shapes.random_scene(rng, held_out=False) for _ in range(self.batch)]
        images = np.stack([shapes.render(s) for s in scenes])
        coded = [
            shapes.encode([] if rng.random() < 0.1 else shapes.caption_words(s, rng.permutation(4))) for s in scenes
        ]
        ids, lengths = zip(*coded)
        x = torch.from_numpy(shapes.pack(images)).float()
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        noise = torch.randn(x.shape, generator=generator)
        t = torch.sigmoid(torch.randn(len(x), generator=generator))
        scale = 1 + 3 * torch.rand(len(x), generator=generator)
        return x, torch.tensor(ids), torch.tensor(lengths), noise, t, scale


def guided(cond, uncond, scale):
    """Qwen-Image's norm-preserving classifier-free guidance; `scale` is a number or [B, 1, 1]."""
    v = uncond + scale * (cond - uncond)
    return v * (cond.norm(dim=-1, keepdim=True) / v.norm(dim=-1, keepdim=True))


def both_velocities(model, x, ids, lengths, t):
    """The velocities with the caption and with the null caption, from one batch of twice the size."""
    null_ids, null_length = shapes.encode([])
    ids2 = torch.cat([ids, ids.new_tensor([null_ids]).expand(len(ids), -1)])
    lengths2 = torch.cat([lengths, torch.full_like(lengths, null_length)])
    return model(torch.cat([x, x]), ids2, lengths2, torch.cat([t, t])).chunk(2)


@torch.no_grad()
def draw(model, ids, lengths, noise, steps=20, guidance=2.0, embedded=False):
    """Euler over sigma = linspace(1, 1/steps, steps), 0; guidance as an input where `embedded`, from two passes elsewhere."""
    sigmas = np.append(np.linspace(1, 1 / steps, steps), 0)
    x = noise
    for now, then in zip(sigmas[:-1], sigmas[1:]):
        t = torch.full((len(x),), now, dtype=torch.float32, device=x.device)
        if embedded:
            v = model(x, ids, lengths, t, torch.full_like(t, guidance))
        else:
            v = guided(*both_velocities(model, x, ids, lengths, t), guidance)
        x = x + float(then - now) * v
    return x


def measure(model, captions, seed=20251123, batch=50, steps=20, guidance=2.0, embedded=False):
    """Share of caption facts that hold on `captions` held-out scenes, overall and by kind of fact."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    verdicts, perfect, pictures = {}, 0, []
    for start in range(0, captions, batch):
        scenes = [shapes.random_scene(rng, held_out=True) for _ in range(min(batch, captions - start))]
        ids, lengths = zip(*[shapes.encode(shapes.caption_words(s, rng.permutation(4))) for s in scenes])
        noise = torch.randn(len(scenes), GRID * GRID, FEATURES, generator=generator)
        inputs = (v.to(device) for v in (torch.tensor(ids), torch.tensor(lengths), noise))
        images = shapes.unpack(draw(model, *inputs, steps, guidance, embedded).cpu().numpy())
        pictures.append(images)
        for image, scene in zip(images, scenes):
            facts = shapes.check(image, scene)
            perfect += all(facts.values())
            for name, holds in facts.items():
                verdicts.setdefault(name.split()[-1], []).append(holds)
    everything = [h for v in verdicts.values() for h in v]
    by_kind = {k: float(np.mean(v)) for k, v in verdicts.items()}
    return float(np.mean(everything)), perfect / captions, by_kind, np.concatenate(pictures)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", choices=list(SAMPLES), default="qwen")
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--guidance-steps", type=int, default=0, help="steps of guidance distillation after --steps")
    parser.add_argument("--guidance-lr", type=float, default=1e-3)
    parser.add_argument("--decay-from", type=int, default=5500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--loaders", type=int, default=0, help="processes that make the batches; 0 makes them between steps")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this long, for comparisons")
    parser.add_argument("--evaluate-every", type=int, default=500)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = True
    args.out.mkdir(parents=True, exist_ok=True)

    Sample = SAMPLES[args.model]
    model, ema, teacher = Sample().to(args.device), Sample().to(args.device), None
    ema.load_state_dict(model.state_dict())
    matrices = model.matrices() if args.optimizer == "muon" else []
    chosen = set(map(id, matrices))
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimizers = [torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)]
    if matrices:
        optimizers.append(Muon(matrices, lr=args.lr))
    first, elapsed = 0, 0.0
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True, map_location=args.device)
        model.load_state_dict(saved["model"])
        ema.load_state_dict(saved["ema"])
        for o, s in zip(optimizers, saved["optimizers"]):
            o.load_state_dict(s)
        first, elapsed = saved["step"], saved["elapsed"]
        if saved.get("teacher"):
            teacher = Sample().to(args.device)
            teacher.load_state_dict(saved["teacher"])
    for block in model.blocks():
        block.compile()

    if args.device == "cpu":
        hardware = f"{args.threads} CPU core{'s' if args.threads > 1 else ''}"
    else:
        hardware = f"one {torch.cuda.get_device_name(args.device)} and {args.loaders} loader processes"

    log = open(args.out / "loss.jsonl", "a")

    def save(step):
        state = dict(
            model=model.state_dict(), ema=ema.state_dict(), optimizers=[o.state_dict() for o in optimizers],
            step=step, elapsed=elapsed + time.time() - started, teacher=teacher.state_dict() if teacher else None,
            settings=dict(vars(args), out=str(args.out)), hardware=hardware,
        )
        torch.save(state, args.out / "checkpoint.tmp")
        os.replace(args.out / "checkpoint.tmp", checkpoint)

    started, losses, last_save = time.time(), [], time.time()
    total = args.steps + args.guidance_steps
    batches = torch.utils.data.DataLoader(
        Batches(args.seed, args.batch, first, total), batch_size=None, num_workers=args.loaders,
        pin_memory=args.device != "cpu", prefetch_factor=8 if args.loaders else None,
    )  # fmt: skip
    for step, batch in zip(range(first, total), batches):
        distilling = step >= args.steps
        if distilling and teacher is None:
            teacher = copy.deepcopy(ema).eval().requires_grad_(False)
            model.load_state_dict(ema.state_dict())
        if distilling:
            lr = args.guidance_lr * min(1.0, (step - args.steps + 1) / 50) * (total - step) / args.guidance_steps
        else:
            lr = args.lr * min(1.0, (step + 1) / 100) * min(1.0, (args.steps - step) / (args.steps - args.decay_from))
        for o in optimizers:
            for group in o.param_groups:
                group["lr"] = lr
        x, ids, lengths, noise, t, scale = (v.to(args.device, non_blocking=True) for v in batch)
        noisy = (1 - t[:, None, None]) * x + t[:, None, None] * noise
        if distilling:
            with torch.no_grad():
                target = guided(*both_velocities(teacher, noisy, ids, lengths, t), scale[:, None, None])
            v = model(noisy, ids, lengths, t, scale)
        else:
            target = noise - x
            v = model(noisy, ids, lengths, t)
        loss = (v - target).square().mean()
        for o in optimizers:
            o.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optimizers:
            o.step()
        losses.append(loss.detach())
        with torch.no_grad():
            weight = 1 - min(0.999, (step + 1) / (step + 10))
            torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), weight)
        done = step + 1
        if done % 50 == 0:
            row = dict(step=done, loss=torch.stack(losses).mean().item(), lr=lr, seconds=round(elapsed + time.time() - started, 1))
            losses = []
            print(json.dumps(row), file=log, flush=True)
        if done % args.evaluate_every == 0:
            facts, perfect, by_kind, _ = measure(ema, 50, embedded=distilling and Sample.embedded_guidance)
            print(json.dumps(dict(step=done, facts=facts, perfect=perfect, by_kind=by_kind)), file=log, flush=True)
        out_of_time = time.time() - started > 60 * args.minutes
        if done in (args.steps, total) or out_of_time or time.time() - last_save > 180:
            save(done)
            last_save = time.time()
        if out_of_time:
            break


if __name__ == "__main__":
    main()
