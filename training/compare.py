"""Loads a model folder in diffusers, unchanged, and compares its forward pass with Contigua's own, engine by engine.

  python training/compare.py FOLDER [--engines wasm cpu] [--tolerance 2e-4]

FOLDER is a sample model, what `contigua export` or the download of a run gives, or a transformer folder of any family that
Contigua opens. Fails where `from_pretrained` misses a key, is left with one over or gives another dtype, and where an engine
differs by more than the tolerance. Needs Node and `npm install`, besides torch, diffusers and safetensors. Inputs are seeded.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path

import diffusers
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

CLI = Path(__file__).resolve().parent.parent / "bin" / "contigua.mjs"
SIDE = 4  # of the token grid; small, so that wide models are quick too
TEXT_TOKENS = 13


def stored(folder):
    """Name -> (shape, dtype) of every tensor in the folder's safetensors files."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():
                tensor = file.get_slice(name)
                tensors[name] = (tuple(tensor.get_shape()), tensor.get_dtype())
    return tensors


def load(folder):
    """In the dtype of its weights, or float32 where there are several; refuses any difference in keys or shapes."""
    config = json.loads((folder / "config.json").read_text())
    dtypes = {dtype for _, dtype in stored(folder).values()}
    dtype = {"BF16": torch.bfloat16, "F16": torch.float16}.get(*dtypes) if len(dtypes) == 1 else None
    dtype = dtype or torch.float32
    Model = getattr(diffusers, config["_class_name"])
    model, report = Model.from_pretrained(folder, torch_dtype=dtype, output_loading_info=True)
    problems = {key: value for key, value in report.items() if value}
    assert not problems, problems
    assert {name: tuple(p.shape) for name, p in model.state_dict().items()} == {
        name: shape for name, (shape, _) in stored(folder).items()
    }
    assert {p.dtype for p in model.parameters()} == {dtype}, "another dtype than asked for"
    return model, dtype


def qwen_inputs(config, generator):
    lengths = torch.tensor([[1], [9], [TEXT_TOKENS]])
    mask = (torch.arange(TEXT_TOKENS)[None] < lengths).to(torch.int64)
    image, reference = (1, SIDE, SIDE), (1, SIDE - 1, SIDE + 1)
    images = [image]
    if config.zero_cond_t:
        images.append(reference)
    if config.use_layer3d_rope:
        images += [image, reference]
    tensors = {"encoder_hidden_states_mask": mask}
    if config.use_additional_t_cond:
        # Where both options are on, diffusers runs one value for all samples alone.
        tensors["additional_t_cond"] = torch.tensor([1] if config.zero_cond_t else [0, 1, 0])
    return tensors, {"img_shapes": [images] * 3}


def flux_inputs(config, generator, batch=3, side=SIDE, text_tokens=TEXT_TOKENS):
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    tensors = {
        "pooled_projections": torch.randn(batch, config.pooled_projection_dim, generator=generator),
        "img_ids": torch.stack([torch.zeros(side, side), rows, columns], -1).reshape(-1, 3).float(),
        "txt_ids": torch.zeros(text_tokens, 3),
    }
    if config.guidance_embeds:
        tensors["guidance"] = torch.linspace(1.0, 3.5, batch)
    return tensors, {}


def sd3_inputs(config, generator):
    # More than a whole number of patches in one direction; the pipeline's time steps are integers.
    height, width = SIDE * config.patch_size, (SIDE + 1) * config.patch_size + config.patch_size // 2
    tensors = {
        "hidden_states": torch.randn(3, config.in_channels, height, width, generator=generator),
        "pooled_projections": torch.randn(3, config.pooled_projection_dim, generator=generator),
        "timestep": torch.tensor([50, 500, 950]),
    }
    return tensors, {}


def flux2_inputs(config, generator, batch=3):
    # Whole positions of every sample, as the pipeline passes them.
    grid = torch.cartesian_prod(torch.arange(1), torch.arange(SIDE), torch.arange(SIDE), torch.arange(1))
    text = torch.cartesian_prod(torch.arange(1), torch.arange(1), torch.arange(1), torch.arange(TEXT_TOKENS))
    tensors = {"img_ids": grid.repeat(batch, 1, 1), "txt_ids": text.repeat(batch, 1, 1)}
    if config.guidance_embeds:
        tensors["guidance"] = torch.linspace(1.0, 4.0, batch)
    return tensors, {}


FAMILIES = {
    "QwenImageTransformer2DModel": qwen_inputs,
    "FluxTransformer2DModel": flux_inputs,
    "Flux2Transformer2DModel": flux2_inputs,
    "SD3Transformer2DModel": sd3_inputs,
}


def inputs_for(model):
    """Tensors, and the arguments that a file carries as metadata."""
    config, generator = model.config, torch.Generator().manual_seed(7)
    own, others = FAMILIES[type(model).__name__](config, generator)
    tokens = sum(prod(shape) for shape in others["img_shapes"][0]) if "img_shapes" in others else SIDE * SIDE
    common = {
        "hidden_states": torch.randn(3, tokens, config.in_channels, generator=generator),
        "encoder_hidden_states": torch.randn(3, TEXT_TOKENS, config.joint_attention_dim, generator=generator),
        "timestep": torch.tensor([0.05, 0.5, 0.95]),
    }
    return common | own, others


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", nargs="+", default=["wasm", "cpu"])
    parser.add_argument("--tolerance", type=float, default=2e-4)
    args = parser.parse_args()
    transformer = args.folder / "transformer"
    folder = transformer if transformer.is_dir() else args.folder
    model, dtype = load(folder)
    print(f"from_pretrained: {type(model).__name__}, {len(stored(folder))} tensors, all keys used, {dtype}")

    tensors, others = inputs_for(model)
    model = model.float().eval()
    with torch.no_grad():
        expected = model(**tensors, **others, return_dict=False)[0]
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        given, taken = Path(temporary, "in.safetensors"), Path(temporary, "out.safetensors")
        save_file(tensors, given, metadata={key: json.dumps(value[:1]) for key, value in others.items()})
        for engine in args.engines:
            command = ["node", CLI, "forward", args.folder, "--inputs", given, "--out", taken]
            subprocess.run([*command, "--engine", engine], check=True, stderr=subprocess.DEVNULL)
            error = (load_file(taken)["sample"] - expected).abs().max().item()
            worst = max(worst, error)
            print(f"{engine}: {error:.1e} on outputs up to {expected.abs().max():.2f}")
    sys.exit(0 if worst <= args.tolerance else f"differs by {worst:.1e}, more than {args.tolerance:.1e}")


if __name__ == "__main__":
    main()
