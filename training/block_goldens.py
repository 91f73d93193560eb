"""Writes the gradients that the TypeScript blocks are held to, one block of each kind of a family, from PyTorch.

The models are golden cases F2, FL2-1, S3, S4, Q3 and P1 (goldens.py). The loss of a block is the sum of its output states times hashed values, of the
streams that anything reads; its gradients by every weight and by the states that enter come from autograd in float64.

  python training/block_goldens.py        # all, or the cases that are named: P1; torch, diffusers, numpy; a few seconds
"""

import json
import os
import sys

import diffusers
import torch

import goldens
from distil_goldens import float64_rotation, rotary_float64, summary

CARRIED = "carried text"  # PPCL's `txt_modulated`
WEIGHT_OF = {"image": 4000, "text": 4001, CARRIED: 4002}  # tensor indices of the values that the states are multiplied with


def block_case(index, blocks, arguments, streams):
    block, kwargs = blocks[index], dict(arguments[index])
    image = kwargs["hidden_states"].detach().clone().requires_grad_(True)
    text = kwargs["encoder_hidden_states"].detach().clone().requires_grad_(True)
    entering = {"image": image, "text": text}
    changed = {"hidden_states": image, "encoder_hidden_states": text}
    if kwargs.get("txt_modulated") is not None:
        entering[CARRIED] = changed["txt_modulated"] = kwargs["txt_modulated"].detach().clone().requires_grad_(True)
    out_text, out_image, *carried = block(**{**kwargs, **changed})
    outputs = {"image": out_image, "text": out_text, **({CARRIED: carried[0]} if carried else {})}
    loss = sum((outputs[s] * goldens.hashed(WEIGHT_OF[s], *outputs[s].shape).double()).sum() for s in streams)
    names = [name for name, _ in block.named_parameters()]
    sources = [*block.parameters(), *entering.values()]
    gradients = torch.autograd.grad(loss, sources, allow_unused=True)
    found = {n: torch.zeros_like(p) if g is None else g for n, p, g in zip([*names, *entering], sources, gradients)}
    # A bias of all keys changes no attention: what float64 gives for it is rounding.
    largest = max(gradient.norm() for gradient in found.values())
    found = {n: torch.zeros_like(g) if g.norm() < 1e-12 * largest else g for n, g in found.items()}
    return dict(
        block=index,
        streams=list(streams),
        loss=loss.item(),
        weights=summary({n: found[n] for n in names}),
        inputs=summary({n: found[n] for n in entering}),
    )


def watched(blocks, run):
    """The arguments that each block is called with."""
    arguments = []
    hooks = [b.register_forward_pre_hook(lambda _, args, kwargs: arguments.append(kwargs), with_kwargs=True) for b in blocks]
    run()
    for hook in hooks:
        hook.remove()
    return arguments


BOTH = ("image", "text")


def flux_cases():
    config = {**goldens.FLUX, "num_layers": 2, "num_single_layers": 3, "guidance_embeds": True}
    model = goldens.golden_model("FluxTransformer2DModel", config).double()
    blocks = [*model.transformer_blocks, *model.single_transformer_blocks]
    rows, columns = torch.meshgrid(torch.arange(3), torch.arange(5), indexing="ij")
    inputs = dict(
        hidden_states=goldens.hashed(goldens.HIDDEN, 1, 15, 4).double(),
        encoder_hidden_states=goldens.hashed(goldens.TEXT, 1, 7, 32).double(),
        pooled_projections=goldens.hashed(goldens.POOLED, 1, 32).double(),
        # float32, as the TypeScript rounds the sinusoid's arguments
        timestep=torch.tensor([0.37]), img_ids=torch.stack([torch.zeros(3, 5), rows, columns], -1).reshape(-1, 3).float(),
        txt_ids=torch.zeros(7, 3), guidance=torch.tensor([3.5]), return_dict=False,
    )  # fmt: skip
    arguments = watched(blocks, lambda: model(**inputs))
    return [block_case(index, blocks, arguments, streams) for index, streams in [(0, BOTH), (2, BOTH), (4, ("image",))]]


class TwoStreams:
    """A single-stream block of FLUX.2, given and giving text and image apart."""

    def __init__(self, block):
        self.block, self.parameters, self.named_parameters = block, block.parameters, block.named_parameters

    def __call__(self, **kwargs):
        return self.block(**kwargs, split_hidden_states=True)


def flux2_cases(name):
    case = dict(goldens.CASES[name][2])
    sizes = {key: case.pop(key) for key in ("batch", "text_tokens", "timestep", "image_shapes", "guidance")}
    config = {**goldens.FLUX2, **case}
    model = goldens.golden_model("Flux2Transformer2DModel", config).double()
    blocks = [*model.transformer_blocks, *model.single_transformer_blocks]
    inputs = goldens.flux2_inputs(**sizes, **config)
    inputs = {key: value.double() if key.endswith("hidden_states") else value for key, value in inputs.items()}
    arguments = watched(blocks, lambda: model(**inputs))
    for index in range(len(model.transformer_blocks), len(blocks)):
        text, whole = sizes["text_tokens"], arguments[index]["hidden_states"]
        arguments[index] |= dict(encoder_hidden_states=whole[:, :text], hidden_states=whole[:, text:])
        blocks[index] = TwoStreams(blocks[index])
    return [block_case(i, blocks, arguments, streams) for i, streams in [(0, BOTH), (1, BOTH), (2, BOTH), (4, ("image",))]]


def sd3_cases(name):
    case = dict(goldens.CASES[name][2])
    sizes = {key: case.pop(key) for key in ("batch", "height", "width", "text_tokens", "timestep")}
    config = {**goldens.SD3, **case}
    model = goldens.golden_model("SD3Transformer2DModel", config).double()
    inputs = goldens.sd3_inputs(**sizes, **config)
    # Time steps stay float32, as the TypeScript rounds the sinusoid's arguments.
    inputs = {key: value if key == "timestep" else value.double() for key, value in inputs.items()}
    model.time_text_embed.timestep_embedder.double()
    arguments = watched(model.transformer_blocks, lambda: model(**inputs))
    return [
        block_case(index, model.transformer_blocks, arguments, streams)
        for index, streams in [(0, BOTH), (1, BOTH), (3, ("image",))]
    ]


def qwen_cases(name):
    case = dict(goldens.CASES[name][2])
    model = goldens.golden_model("QwenImageTransformer2DModel", {**goldens.QWEN, **case.pop("changes")}).double()
    # Time steps stay float32, as the TypeScript rounds the sinusoid's arguments; the model would cast them.
    inputs = {k: v.double() if k.endswith("hidden_states") else v for k, v in goldens.qwen_arguments(**case).items()}
    blocks = model.transformer_blocks
    with float64_rotation():
        arguments = watched(blocks, lambda: model(**inputs))
        return [block_case(index, blocks, arguments, streams) for index, streams in [(0, BOTH), (1, ("image",))]]


def ppcl_cases(name):
    case = dict(goldens.CASES[name][2])
    ppcl = goldens.ppcl_class()
    sys.modules[ppcl.__module__].apply_rotary_emb_qwen = lambda x, freqs, use_real: rotary_float64(x, freqs)
    model = goldens.golden_model(ppcl, {**goldens.QWEN, **case.pop("changes")}).double()
    inputs = {k: v.double() if k.endswith("hidden_states") else v for k, v in goldens.qwen_arguments(**case).items()}
    del inputs["additional_t_cond"]
    blocks = model.transformer_blocks
    arguments = watched(blocks, lambda: model(**inputs, txt_seq_lens=[case["text_tokens"]] * case["batch"]))
    streams = [(0, (*BOTH, CARRIED)), (1, ("image",)), (2, BOTH), (3, ("image", CARRIED))]
    return [block_case(index, blocks, arguments, of) for index, of in streams]


MADE = {
    "flux/goldens/block-gradients.json": ("F2", flux_cases),
    "flux2/goldens/block-gradients.json": ("FL2-1", lambda: flux2_cases("fl2-1")),
    "sd3/goldens/block-gradients-s3.json": ("S3", lambda: sd3_cases("s3")),
    "sd3/goldens/block-gradients-s4.json": ("S4", lambda: sd3_cases("s4")),
    "qwen-image/goldens/block-gradients.json": ("Q3", lambda: qwen_cases("q3")),
    "qwen-image/goldens/block-gradients-p1.json": ("P1", lambda: ppcl_cases("p1")),
}


def main():
    for path, (case, make) in MADE.items():
        if len(sys.argv) > 1 and case not in sys.argv[1:] or case == "P1" and "PPCL" not in os.environ:
            continue
        golden = dict(
            generator="python training/block_goldens.py",
            reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float64, CPU",
            case=case,
            blocks=make(),
        )
        (goldens.MODEL / path).write_text(json.dumps(golden) + "\n")
        for block in golden["blocks"]:
            print(case, block["block"], block["streams"], block["loss"], block["weights"]["norm"])


if __name__ == "__main__":
    main()
