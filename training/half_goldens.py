"""Writes what diffusers gives when one half of one block adds nothing: its attention, or its feed-forward layers.

The models are golden cases of goldens.py. Forward hooks set a module's output to zero: `attn` and `attn2`, or the MLPs of both
streams. In FLUX's single-stream blocks attention and MLP share the output projection; there the MLP's part is `proj_mlp`
(its GELU of zero is zero), and the projection's bias stays. In FLUX.2's they share the first projection too: what enters the
second one, [attention, MLP], is set to zero in part.

  python training/half_goldens.py        # torch, diffusers, numpy; a few seconds
"""

import json
from unittest import mock

import diffusers
import torch

import goldens

HALVES = {"attention": ("attn", "attn2"), "ffn": ("ff", "ff_context", "img_mlp", "txt_mlp", "proj_mlp")}
STACKS = ("transformer_blocks", "single_transformer_blocks")
CASES = ("q2", "q3", "f2", "fl2-2", "fl2-3", "s3", "s4")


def zeroed(_, __, output):
    return tuple(torch.zeros_like(one) for one in output) if isinstance(output, tuple) else torch.zeros_like(output)


def blocks_of(model):
    return [block for stack in STACKS for block in getattr(model, stack, [])]


def part_of_input(half, width):
    part = slice(None, width) if half == "attention" else slice(width, None)

    def hook(_, args):
        (x,) = args
        x = x.clone()
        x[..., part] = 0
        return (x,)

    return hook


def silence(block, half):
    attention = getattr(block, "attn", None)
    if hasattr(attention, "to_qkv_mlp_proj"):
        attention.to_out.register_forward_pre_hook(part_of_input(half, attention.inner_dim))
        return
    for name in HALVES[half]:
        module = getattr(block, name, None)
        if module is not None:
            module.register_forward_hook(zeroed)


def run_without(case, block, half):
    """The model's output with that half of the block set to zero, and the number of blocks."""
    family, run, arguments = goldens.CASES[case]
    golden_model, found = goldens.golden_model, {}

    def hooked(name, config):
        model = golden_model(name, config)
        found["blocks"] = len(blocks_of(model))
        silence(blocks_of(model)[block], half)
        return model

    with mock.patch.object(goldens, "golden_model", hooked):
        return run(**arguments)[0], found["blocks"]


def main():
    for case in CASES:
        outputs, block, count = [], 0, 1
        while block < count:
            for half in HALVES:
                out, count = run_without(case, block, half)
                outputs.append(dict(block=block, without=half, output=goldens.numbers(out)))
                print(case, block, half, f"L2 {out.double().norm():.7g}")
            block += 1
        golden = dict(
            generator="python training/half_goldens.py",
            reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float32, CPU",
            case=case.upper(),
            tolerance=2e-4,
            outputs=outputs,
        )
        (goldens.MODEL / goldens.CASES[case][0] / "goldens" / f"halves-{case}.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
