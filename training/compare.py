"""Compares `contigua forward` with diffusers on the sample model: the largest absolute difference per engine.

  python training/compare.py [--engines wasm cpu]

Needs Node and `npm install`, besides torch, diffusers and safetensors. Inputs are seeded: three captions of different
lengths (so that the mask matters), three timesteps.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import torch
from diffusers import QwenImageTransformer2DModel
from safetensors.torch import load_file, save_file

import shapes

MODEL = Path("public/models/shapes-mmdit")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engines", nargs="+", default=["wasm", "cpu"])
    args = parser.parse_args()
    generator = torch.Generator().manual_seed(7)
    ids = torch.randint(2, len(shapes.VOCAB), (3, shapes.MAX_TOKENS), generator=generator)
    mask = (torch.arange(shapes.MAX_TOKENS)[None] < torch.tensor([[1], [9], [13]])).to(torch.int64)
    table = load_file(MODEL / "text_encoder" / "embeddings.safetensors")["weight"]
    inputs = {
        "hidden_states": torch.randn(3, 64, 48, generator=generator),
        "encoder_hidden_states": table[ids].contiguous(),
        "encoder_hidden_states_mask": mask,
        "timestep": torch.tensor([0.05, 0.5, 0.95]),
    }
    model = QwenImageTransformer2DModel.from_pretrained(MODEL / "transformer").float().eval()
    with torch.no_grad():
        expected = model(**inputs, img_shapes=[(1, 8, 8)] * 3, return_dict=False)[0]
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder, "in.safetensors"), Path(folder, "out.safetensors")
        save_file(inputs, given, metadata={"img_shapes": json.dumps([[1, 8, 8]])})
        for engine in args.engines:
            command = ["node", "bin/contigua.mjs", "forward", MODEL, "--inputs", given, "--out", taken, "--engine", engine]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            found = load_file(taken)["sample"]
            print(f"{engine}: {(found - expected).abs().max():.1e} on outputs up to {expected.abs().max():.2f}")


if __name__ == "__main__":
    main()
