"""Writes the trained sample model as a diffusers folder and measures it on captions it never saw.

  python training/export.py --run training/runs/shapes --out public/models/shapes-mmdit --captions 500
  python training/export.py --model flux --run training/runs/shapes-flux --out public/models/shapes-flux --captions 500

Weights are the EMA ones, rounded to bfloat16; everything that is measured here is measured on the rounded weights, read
back from the folder with diffusers' own from_pretrained. The model card and the loss curve are written beside them.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from safetensors.torch import load_file, save_file

import shapes
from sample_models import SAMPLES
from train import measure


def write_folder(run, out, Sample):
    saved = torch.load(run / "checkpoint.pt", weights_only=True)
    model = Sample()
    model.load_state_dict(saved["ema"])
    model.transformer.to(torch.bfloat16).save_pretrained(out / "transformer")
    FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=1.0).save_pretrained(out / "scheduler")
    (out / "text_encoder").mkdir(parents=True, exist_ok=True)
    (out / "text_encoder" / "vocab.json").write_text(json.dumps(shapes.VOCAB, indent=2) + "\n")
    tables = {name: table.detach().float().contiguous() for name, table in model.tables().items()}
    save_file(tables, out / "text_encoder" / "embeddings.safetensors", metadata={"format": "pt"})
    index = {
        "_class_name": {"shapes-mmdit": "ShapesMMDiT", "shapes-flux": "ShapesFlux"}[Sample.NAME],
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "transformer": ["diffusers", Sample.TRANSFORMER.__name__],
    }
    (out / "transformer" / "diffusion_pytorch_model.safetensors").chmod(0o644)
    (out / "text_encoder" / "embeddings.safetensors").chmod(0o644)
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    return saved


def read_folder(out, Sample):
    model = Sample()
    model.transformer = Sample.TRANSFORMER.from_pretrained(out / "transformer")
    saved = load_file(out / "text_encoder" / "embeddings.safetensors")
    for name, table in model.tables().items():
        table.data = saved[name]
    return model.float().eval()


def write_loss_curve(run, out):
    """loss.csv (step, mean loss of the last 50 steps, learning rate, seconds) and an SVG of it."""
    rows = [json.loads(line) for line in open(run / "loss.jsonl")]
    latest = {row["step"]: row for row in rows if "loss" in row}  # a resumed run repeats steps: the last one counts
    rows = [latest[s] for s in sorted(latest)]
    with open(out / "loss.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "loss", "learning_rate"])
        writer.writerows([r["step"], round(r["loss"], 6), round(r["lr"], 8)] for r in rows)
    steps = np.array([r["step"] for r in rows], float)
    losses = np.log10([r["loss"] for r in rows])
    low, high = np.floor(losses.min() * 10) / 10, np.ceil(losses.max() * 10) / 10
    x = 60 + 560 * steps / steps.max()
    y = 20 + 240 * (high - losses) / (high - low)
    path = "M" + "L".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y))
    ticks = "".join(
        f'<line x1="60" x2="620" y1="{20 + 240 * (high - t) / (high - low):.1f}" y2="{20 + 240 * (high - t) / (high - low):.1f}" stroke="#ddd"/>'
        f'<text x="54" y="{24 + 240 * (high - t) / (high - low):.1f}" text-anchor="end">{10**t:.3g}</text>'
        for t in np.log10([0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0])
        if low <= t <= high
    )
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 300" font-family="sans-serif" font-size="11" fill="#444">'
        f'<rect width="640" height="300" fill="#fff"/>{ticks}<path d="{path}" fill="none" stroke="#3b5bdb" stroke-width="1.5"/>'
        f'<text x="60" y="280">step 0</text><text x="620" y="280" text-anchor="end">step {int(steps.max())}</text>'
        '<text x="60" y="14">training loss, mean squared velocity error, log scale</text></svg>\n'
    )
    (out / "loss.svg").write_text(svg)
    return rows


CARD = """---
license: mit
library_name: diffusers
---

# {name}

A small, really trained `{class_name}`: {blocks}, width {width} ({heads} heads x {head_dim}), {parameters:,}
parameters in BF16. It draws 32x32 pictures of one to three objects (5 shapes, 6 colours, 2 sizes, 4 positions) on one of
4 backgrounds from captions such as `large red circle top-left, small blue ring bottom-right, gray`. It exists so that every chart
of Contigua is about a model that learned something; it is of no other use.

It loads in diffusers unchanged: `{class_name}.from_pretrained("transformer")`. There is no VAE: pictures are
packed in 4x4 patches, feature = (channel, row, column), as latents are packed in {family}. {text_encoder}

## Measured

On {captions} captions of held-out scenes (one scene in {held_out} is never trained on), {steps} Euler steps, guidance {guidance}{guidance_how}, with these
BF16 weights, computed in float32, read by the checker (`training/shapes.py`; the same in TypeScript in `lib/core/shapes`):

| | |
|---|---|
| caption facts right | **{facts:.2%}** |
| pictures with every fact right | {perfect:.1%} |
{kinds}

## Training

Flow matching, v = noise - x, sigma = sigmoid(N(0, 1)), 10 % dropped captions. Muon on the blocks' attention and MLP matrices,
AdamW on the rest, rate {lr}, constant, then linear decay to zero from step {decay_from}; EMA 0.999; batch {batch}; seed {seed}.
{distilled}{trained_steps:,} steps, {samples:,} pictures drawn on the fly, {minutes:.0f} minutes on {hardware}. Last loss {loss:.4f}.
Curve: `loss.csv`, `loss.svg`. Command (a run that is cut off goes on from its checkpoint, equal up to floating-point rounding):

```
pip install torch diffusers safetensors numpy
{command}
```
"""

TEXT_ENCODERS = {
    "shapes-mmdit": "The text encoder is a trained\ntable of {vocab} words x {text_dim} (`text_encoder/`); captions are 1 to 13 tokens, padded to 13 with a mask.",
    "shapes-flux": (
        "The text encoder is a\ntrained table of {vocab} words x {text_dim} plus one of 13 positions x {text_dim} (`text_encoder/`), as FLUX gives text tokens no\n"
        "position of their own; captions are 1 to 13 tokens, padded to 13, and FLUX takes no mask. `pooled_projections` is the mean of\n"
        "the word rows of the valid tokens, `txt_ids` are zeros, `img_ids` are (0, row, column)."
    ),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=list(SAMPLES), default="qwen")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--captions", type=int, default=500)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    Sample = SAMPLES[args.model]
    saved = write_folder(args.run, args.out, Sample)
    rows = write_loss_curve(args.run, args.out)
    model = read_folder(args.out, Sample)
    steps, guidance = 20, 2.0
    facts, perfect, by_kind, pictures = measure(
        model, args.captions, steps=steps, guidance=guidance, embedded=Sample.embedded_guidance
    )
    config = model.transformer.config
    single = getattr(config, "num_single_layers", 0)
    blocks = f"{config.num_layers} dual-stream and {single} single-stream blocks" if single else f"{config.num_layers} MMDiT blocks"
    settings = saved["settings"]
    distilling = settings["guidance_steps"]
    train = f"python training/train.py --model {args.model} --out {args.run} --batch {settings['batch']} --steps {settings['steps']} --decay-from {settings['decay_from']}"
    if distilling:
        train += f" --guidance-steps {distilling}"
    if settings["device"] != "cpu":
        train += f" --device {settings['device']} --loaders {settings['loaders']}"
    export = f"python training/export.py --model {args.model} --run {args.run} --out {args.out} --captions {args.captions}"
    text = CARD.format(
        name=Sample.NAME, class_name=Sample.TRANSFORMER.__name__, family="FLUX.1" if single else "Qwen-Image", blocks=blocks,
        text_encoder=TEXT_ENCODERS[Sample.NAME].format(vocab=len(shapes.VOCAB), text_dim=config.joint_attention_dim),
        guidance_how=" as an input" if Sample.embedded_guidance else "",
        width=config.num_attention_heads * config.attention_head_dim, heads=config.num_attention_heads,
        head_dim=config.attention_head_dim, parameters=sum(p.numel() for p in model.transformer.parameters()),
        captions=args.captions, held_out=shapes.HELD_OUT_EVERY, steps=steps, guidance=guidance,
        facts=facts, perfect=perfect, kinds="\n".join(f"| {k} | {v:.2%} |" for k, v in by_kind.items()), lr=settings["lr"],
        decay_from=settings["decay_from"], batch=settings["batch"], seed=settings["seed"], trained_steps=saved["step"],
        samples=saved["step"] * settings["batch"], minutes=saved["elapsed"] / 60, hardware=saved["hardware"], loss=rows[-1]["loss"], command=f"{train}\n{export}",
        distilled=f"The last {distilling} steps distil classifier-free guidance (scales 1 to 4) of the model itself into its guidance input.\n" if distilling else "",
    )  # fmt: skip
    (args.out / "README.md").write_text(text)
    print(json.dumps(dict(step=saved["step"], facts=facts, perfect=perfect, by_kind=by_kind)))
    np.save(args.run / "pictures.npy", pictures[:64])


if __name__ == "__main__":
    main()
