"""The PyTorch contestant of bench/gpu.ts: forward passes of a transformer folder by diffusers, eager, in float32.

  python training/bench_forward.py FOLDER [--device cuda] [--threads N]

Lines of standard input ask for `steps batch` (answer_turns.py). The inputs are noise, of the shapes that
lib/core/capture/synthetic-calibration.ts gives them.
"""

import argparse
from pathlib import Path

import torch
from answer_turns import answer_turns, arguments
from compare import flux_inputs, load

SIDE = 8  # of the token grid
TEXT_TOKENS = 16


def inputs_for(model, batch):
    config, generator = model.config, torch.Generator().manual_seed(7)
    tensors = {
        "hidden_states": torch.randn(batch, SIDE * SIDE, config.in_channels, generator=generator),
        "encoder_hidden_states": torch.randn(batch, TEXT_TOKENS, config.joint_attention_dim, generator=generator),
        "timestep": torch.linspace(0.05, 0.95, batch),
    }
    others = {"img_shapes": [[(1, SIDE, SIDE)]] * batch, "encoder_hidden_states_mask": None}
    if type(model).__name__ == "FluxTransformer2DModel":
        own, others = flux_inputs(config, generator, batch, SIDE, TEXT_TOKENS)
        tensors |= own
    return tensors, others


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    args = arguments(parser)
    device = torch.device(args.device)
    model = load(args.folder)[0].float().eval().to(device)
    made = {}

    @torch.no_grad()
    def step(batch):
        if batch not in made:
            tensors, others = inputs_for(model, int(batch))
            made[batch] = {name: tensor.to(device) for name, tensor in tensors.items()} | others
        # The product's forward pass ends with the output in the processor's memory.
        model(**made[batch], return_dict=False)[0].cpu()

    answer_turns(step, device)


if __name__ == "__main__":
    main()
