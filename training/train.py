"""Trains the sample model: a QwenImageTransformer2DModel that draws 32x32 pictures from captions (see shapes.py).

Flow matching (v = noise - x, sigma = sigmoid(N(0, 1))), 10 % dropped captions, modulation and output layers start at
zero. Muon (Newton-Schulz orthogonalised momentum) on the blocks' attention and MLP matrices and AdamW on the rest,
constant rate, then linear decay to zero, EMA. Resumable: a second call goes on from the checkpoint; the decay may be
set late, and the command in the model card is the one that reproduces the whole run.

  python training/train.py --out training/runs/shapes --steps 8000 --decay-from 5500
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from diffusers import QwenImageTransformer2DModel

import shapes

CONFIG = dict(
    patch_size=shapes.PATCH,
    in_channels=3 * shapes.PATCH**2,
    out_channels=3,
    num_layers=16,
    attention_head_dim=32,
    num_attention_heads=3,
    joint_attention_dim=64,
    axes_dims_rope=(8, 12, 12),
)
GRID = shapes.SIZE // shapes.PATCH


class CaptionedModel(torch.nn.Module):
    """The transformer and its trainable token table."""

    def __init__(self):
        super().__init__()
        self.transformer = QwenImageTransformer2DModel(**CONFIG)
        self.embeddings = torch.nn.Embedding(len(shapes.VOCAB), CONFIG["joint_attention_dim"])
        for name, p in self.transformer.named_parameters():
            if p.ndim == 2:
                torch.nn.init.xavier_uniform_(p)
            elif name.endswith("bias"):
                torch.nn.init.zeros_(p)
        for block in self.transformer.transformer_blocks:
            for linear in (block.img_mod[1], block.txt_mod[1]):
                torch.nn.init.zeros_(linear.weight)
        for linear in (self.transformer.norm_out.linear, self.transformer.proj_out):
            torch.nn.init.zeros_(linear.weight)
            torch.nn.init.zeros_(linear.bias)

    def forward(self, x, ids, lengths, t):
        mask = torch.arange(ids.shape[1])[None] < lengths[:, None]
        return self.transformer(
            hidden_states=x,
            encoder_hidden_states=self.embeddings(ids),
            encoder_hidden_states_mask=mask,
            timestep=t,
            img_shapes=[(1, GRID, GRID)] * len(x),
            return_dict=False,
        )[0]


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


class SceneStream:
    """Training batches: scenes that are not held out, with captions in a random order of objects."""

    def __init__(self, seed, step, batch):
        self.rng = np.random.default_rng([seed, step])
        self.batch = batch

    def __next__(self):
        scenes = [shapes.random_scene(self.rng, held_out=False) for _ in range(self.batch)]
        images = np.stack([shapes.render(s) for s in scenes])
        coded = [
            shapes.encode([] if self.rng.random() < 0.1 else shapes.caption_words(s, self.rng.permutation(4)))
            for s in scenes
        ]
        ids, lengths = zip(*coded)
        x = torch.from_numpy(shapes.pack(images)).float()
        return x, torch.tensor(ids), torch.tensor(lengths)


@torch.no_grad()
def draw(model, ids, lengths, noise, steps=20, guidance=2.0):
    """Euler over sigma = linspace(1, 1/steps, steps), 0, with Qwen-Image's norm-preserving true CFG."""
    null_ids, null_length = shapes.encode([])
    ids2 = torch.cat([ids, torch.tensor([null_ids]).expand(len(ids), -1)])
    lengths2 = torch.cat([lengths, torch.full((len(ids),), null_length)])
    sigmas = np.append(np.linspace(1, 1 / steps, steps), 0)
    x = noise
    for now, then in zip(sigmas[:-1], sigmas[1:]):
        cond, uncond = model(torch.cat([x, x]), ids2, lengths2, torch.full((2 * len(x),), now, dtype=torch.float32)).chunk(2)
        v = uncond + guidance * (cond - uncond)
        v = v * (cond.norm(dim=-1, keepdim=True) / v.norm(dim=-1, keepdim=True))
        x = x + float(then - now) * v
    return x


def measure(model, captions, seed=20251123, batch=50, steps=20, guidance=2.0):
    """Share of caption facts that hold on `captions` held-out scenes, overall and by kind of fact."""
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    verdicts, perfect, pictures = {}, 0, []
    for start in range(0, captions, batch):
        scenes = [shapes.random_scene(rng, held_out=True) for _ in range(min(batch, captions - start))]
        ids, lengths = zip(*[shapes.encode(shapes.caption_words(s, rng.permutation(4))) for s in scenes])
        noise = torch.randn(len(scenes), GRID * GRID, CONFIG["in_channels"], generator=generator)
        images = shapes.unpack(draw(model, torch.tensor(ids), torch.tensor(lengths), noise, steps, guidance).numpy())
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
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--decay-from", type=int, default=5500)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--optimizer", choices=["muon", "adamw"], default="muon")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after this long, for comparisons")
    parser.add_argument("--evaluate-every", type=int, default=500)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)

    model = CaptionedModel()
    ema = CaptionedModel()
    ema.load_state_dict(model.state_dict())
    in_block = ("attn.", "img_mlp.", "txt_mlp.")
    matrices = [
        p
        for n, p in model.named_parameters()
        if args.optimizer == "muon" and p.ndim == 2 and "transformer_blocks." in n and any(s in n for s in in_block)
        # the last block's text output is never used: no gradient reaches it
        and not ("transformer_blocks.15." in n and ("txt_mlp" in n or "to_add_out" in n))
    ]
    chosen = set(map(id, matrices))
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimizers = [torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.99), weight_decay=0.01, fused=True)]
    if matrices:
        optimizers.append(Muon(matrices, lr=args.lr))
    first, elapsed = 0, 0.0
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        ema.load_state_dict(saved["ema"])
        for o, s in zip(optimizers, saved["optimizers"]):
            o.load_state_dict(s)
        first, elapsed = saved["step"], saved["elapsed"]
    for block in model.transformer.transformer_blocks:
        block.compile()

    log = open(args.out / "loss.jsonl", "a")

    def save(step):
        state = dict(
            model=model.state_dict(), ema=ema.state_dict(), optimizers=[o.state_dict() for o in optimizers],
            step=step, elapsed=elapsed + time.time() - started,
        )
        torch.save(state, args.out / "checkpoint.tmp")
        os.replace(args.out / "checkpoint.tmp", checkpoint)

    started, losses, last_save = time.time(), [], time.time()
    for step in range(first, args.steps):
        rate = min(1.0, (step + 1) / 100) * min(1.0, (args.steps - step) / (args.steps - args.decay_from))
        for o in optimizers:
            for group in o.param_groups:
                group["lr"] = args.lr * rate
        x, ids, lengths = next(SceneStream(args.seed, step, args.batch))
        generator = torch.Generator().manual_seed(args.seed * 1_000_003 + step)
        noise = torch.randn(x.shape, generator=generator)
        t = torch.sigmoid(torch.randn(len(x), generator=generator))
        v = model((1 - t[:, None, None]) * x + t[:, None, None] * noise, ids, lengths, t)
        loss = (v - (noise - x)).square().mean()
        for o in optimizers:
            o.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in optimizers:
            o.step()
        losses.append(loss.item())
        with torch.no_grad():
            weight = 1 - min(0.999, (step + 1) / (step + 10))
            torch._foreach_lerp_(list(ema.parameters()), list(model.parameters()), weight)
        done = step + 1
        if done % 50 == 0:
            row = dict(step=done, loss=float(np.mean(losses)), lr=args.lr * rate, seconds=round(elapsed + time.time() - started, 1))
            losses = []
            print(json.dumps(row), file=log, flush=True)
        if done % args.evaluate_every == 0:
            facts, perfect, by_kind, _ = measure(ema, 50)
            print(json.dumps(dict(step=done, facts=facts, perfect=perfect, by_kind=by_kind)), file=log, flush=True)
        if done == args.steps or time.time() - last_save > 180:
            save(done)
            last_save = time.time()
        if time.time() - started > 60 * args.minutes:
            break


if __name__ == "__main__":
    main()
