"""Writes the gradients that the TypeScript blocks are held to, one block of each kind of a family, from PyTorch.

The model is golden case F2 (goldens.py). The loss of a block is the sum of its output states times hashed values, of the
streams that anything reads; its gradients by every weight and by the states that enter come from autograd in float64.

  python training/block_goldens.py        # torch, diffusers, numpy; a few seconds
"""

import json

import diffusers
import torch

import goldens
from distil_goldens import summary

WEIGHT_OF = {"image": 4000, "text": 4001}  # tensor indices of the values that the states are multiplied with


def block_case(model, index, blocks, arguments, streams):
    block, kwargs = blocks[index], dict(arguments[index])
    image = kwargs["hidden_states"].detach().clone().requires_grad_(True)
    text = kwargs["encoder_hidden_states"].detach().clone().requires_grad_(True)
    out_text, out_image = block(**{**kwargs, "hidden_states": image, "encoder_hidden_states": text})
    outputs = {"image": out_image, "text": out_text}
    loss = sum((outputs[s] * goldens.hashed(WEIGHT_OF[s], *outputs[s].shape).double()).sum() for s in streams)
    names = [name for name, _ in block.named_parameters()]
    gradients = torch.autograd.grad(loss, [*block.parameters(), image, text], allow_unused=True)
    found = {n: torch.zeros_like(p) if g is None else g for n, p, g in zip([*names, "image", "text"], [*block.parameters(), image, text], gradients)}
    return dict(
        block=index,
        streams=list(streams),
        loss=loss.item(),
        weights=summary({n: found[n] for n in names}),
        inputs=summary({n: found[n] for n in ("image", "text")}),
    )


def flux_cases():
    config = {**goldens.FLUX, "num_layers": 2, "num_single_layers": 3, "guidance_embeds": True}
    model = goldens.golden_model("FluxTransformer2DModel", config).double()
    blocks = [*model.transformer_blocks, *model.single_transformer_blocks]
    arguments = []
    hooks = [b.register_forward_pre_hook(lambda _, args, kwargs: arguments.append(kwargs), with_kwargs=True) for b in blocks]
    rows, columns = torch.meshgrid(torch.arange(3), torch.arange(5), indexing="ij")
    model(
        hidden_states=goldens.hashed(goldens.HIDDEN, 1, 15, 4).double(),
        encoder_hidden_states=goldens.hashed(goldens.TEXT, 1, 7, 32).double(),
        pooled_projections=goldens.hashed(goldens.POOLED, 1, 32).double(),
        # float32, as the TypeScript rounds the sinusoid's arguments
        timestep=torch.tensor([0.37]), img_ids=torch.stack([torch.zeros(3, 5), rows, columns], -1).reshape(-1, 3).float(),
        txt_ids=torch.zeros(7, 3), guidance=torch.tensor([3.5]), return_dict=False,
    )  # fmt: skip
    for hook in hooks:
        hook.remove()
    both = ("image", "text")
    return [block_case(model, index, blocks, arguments, streams) for index, streams in [(0, both), (2, both), (4, ("image",))]]


def main():
    golden = dict(
        generator="python training/block_goldens.py",
        reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float64, CPU",
        case="F2",
        blocks=flux_cases(),
    )
    path = goldens.MODEL / "flux" / "goldens" / "block-gradients.json"
    path.write_text(json.dumps(golden) + "\n")
    for case in golden["blocks"]:
        print(case["block"], case["streams"], case["loss"], case["weights"]["norm"])


if __name__ == "__main__":
    main()
