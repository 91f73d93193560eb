"""Loads an exported student model in diffusers, unchanged, and compares its forward pass with Contigua's own.

  python training/compare_student.py FOLDER [--engines wasm cpu] [--tolerance 2e-4]

FOLDER is what `contigua export` or the download of a run gives, or its transformer folder. Fails where `from_pretrained`
misses a key, is left with one over or gives another dtype, and where an engine differs by more than the tolerance.
Needs Node and `npm install`, besides torch, diffusers and safetensors. Inputs are seeded.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from diffusers import QwenImageTransformer2DModel
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
    model, report = QwenImageTransformer2DModel.from_pretrained(folder, torch_dtype=dtype, output_loading_info=True)
    problems = {key: value for key, value in report.items() if value}
    assert not problems, problems
    assert len(model.transformer_blocks) == config["num_layers"]
    assert {name: tuple(p.shape) for name, p in model.state_dict().items()} == {
        name: shape for name, (shape, _) in stored(folder).items()
    }
    assert {p.dtype for p in model.parameters()} == {dtype}, "another dtype than asked for"
    return model, dtype


def inputs_for(config):
    generator = torch.Generator().manual_seed(7)
    lengths = torch.tensor([[1], [9], [TEXT_TOKENS]])
    return {
        "hidden_states": torch.randn(3, SIDE * SIDE, config.in_channels, generator=generator),
        "encoder_hidden_states": torch.randn(3, TEXT_TOKENS, config.joint_attention_dim, generator=generator),
        "encoder_hidden_states_mask": (torch.arange(TEXT_TOKENS)[None] < lengths).to(torch.int64),
        "timestep": torch.tensor([0.05, 0.5, 0.95]),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engines", nargs="+", default=["wasm", "cpu"])
    parser.add_argument("--tolerance", type=float, default=2e-4)
    args = parser.parse_args()
    transformer = args.folder / "transformer"
    folder = transformer if transformer.is_dir() else args.folder
    model, dtype = load(folder)
    names = len(stored(folder))
    print(f"from_pretrained: {len(model.transformer_blocks)} blocks, {names} tensors, all keys used, {dtype}")

    inputs = inputs_for(model.config)
    model = model.float().eval()
    with torch.no_grad():
        expected = model(**inputs, img_shapes=[(1, SIDE, SIDE)] * 3, return_dict=False)[0]
    worst = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        given, taken = Path(temporary, "in.safetensors"), Path(temporary, "out.safetensors")
        save_file(inputs, given, metadata={"img_shapes": json.dumps([[1, SIDE, SIDE]])})
        for engine in args.engines:
            command = ["node", CLI, "forward", args.folder, "--inputs", given, "--out", taken]
            subprocess.run([*command, "--engine", engine], check=True, stderr=subprocess.DEVNULL)
            error = (load_file(taken)["sample"] - expected).abs().max().item()
            worst = max(worst, error)
            print(f"{engine}: {error:.1e} on outputs up to {expected.abs().max():.2f}")
    sys.exit(0 if worst <= args.tolerance else f"differs by {worst:.1e}, more than {args.tolerance:.1e}")


if __name__ == "__main__":
    main()
