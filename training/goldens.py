"""Writes the reference outputs that the TypeScript forward passes are tested against, from diffusers' own classes.

Weights and inputs come from a hash (see lib/core/model/golden-fill.ts), so the files hold outputs alone. float32 on CPU;
tests compare to 2e-4 * max(1, |out|). Qwen-Image's outputs do not depend on the diffusers version from 0.37 on.

  python training/goldens.py          # all cases, or those that are named: s1 s2

The p cases are of PPCL's class for width-pruned students, which diffusers does not have. They are written where PPCL names its file
src/transformer_qwenimage_pruning.py of https://github.com/OPPO-Mente-Lab/Qwen-Image-Pruning (4d054b3234e8).
"""

import importlib.util
import json
import os
import sys
from pathlib import Path

import diffusers
import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "lib/core/model"
HIDDEN, TEXT, POOLED = 1000, 1001, 1002  # tensor indices of the inputs
CENTRED_ON_ONE = ("norm_q", "norm_k", "norm_added_q", "norm_added_k", "txt_norm")


def fill(count, tensor):
    """[-1, 1) float64: a 32-bit hash of the element's and the tensor's index."""
    u = np.uint32
    with np.errstate(over="ignore"):
        h = (np.arange(1, count + 1, dtype=u) * u(0x9E3779B1)) ^ (u(tensor + 1) * u(0x85EBCA77))
        h ^= h >> u(16)
        h *= u(0x7FEB352D)
        h ^= h >> u(15)
        h *= u(0x846CA68B)
        h ^= h >> u(16)
    return h.astype(np.float64) / 2**32 * 2 - 1


def golden_model(name, config):
    """The class, or diffusers' of that name, with hashed weights."""
    model = (getattr(diffusers, name) if isinstance(name, str) else name)(**config).eval()
    state = model.state_dict()
    for index, key in enumerate(sorted(state)):
        if key == "pos_embed.pos_embed":
            continue  # SD3's table of positions keeps its values
        values = (0.2 * fill(state[key].numel(), index)).astype(np.float32)
        if key.split(".")[-2] in CENTRED_ON_ONE:
            values = np.float32(1) + values
        state[key] = torch.from_numpy(values).reshape(state[key].shape)
    model.load_state_dict(state)
    return model


def hashed(tensor, *shape):
    return torch.from_numpy(fill(int(np.prod(shape)), tensor)).float().reshape(shape)


def numbers(tensor):
    return [float(f"{v:.7g}") for v in tensor.detach().double().flatten().tolist()]


def watch(blocks):
    """(image, text) entering the first block, then after each block; blocks return (text, image)."""
    states = []
    for block in blocks:
        block.register_forward_pre_hook(
            lambda _, args, kwargs: states.append((kwargs["hidden_states"], kwargs["encoder_hidden_states"])) if not states else None,
            with_kwargs=True,
        )
        block.register_forward_hook(lambda _, args, out: states.append((out[1], out[0])))
    return states


QWEN = dict(
    patch_size=2, in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=4,
    joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
)  # fmt: skip


def qwen_arguments(batch, image_tokens, text_tokens, timestep, image_shapes, mask=None, condition=None):
    """`image_shapes` has a list of images for each sample."""
    return dict(
        hidden_states=hashed(HIDDEN, batch, image_tokens, QWEN["in_channels"]),
        encoder_hidden_states=hashed(TEXT, batch, text_tokens, QWEN["joint_attention_dim"]),
        encoder_hidden_states_mask=None if mask is None else torch.tensor(mask, dtype=torch.bool),
        timestep=torch.tensor(timestep),
        img_shapes=[[tuple(shape) for shape in images] for images in image_shapes],
        additional_t_cond=None if condition is None else torch.tensor(condition),
        return_dict=False,
    )


@torch.no_grad()
def run_qwen(changes=None, **case):
    model = golden_model("QwenImageTransformer2DModel", {**QWEN, **(changes or {})})
    states = watch(model.transformer_blocks)
    return model(**qwen_arguments(**case))[0], states


def ppcl_class():
    spec = importlib.util.spec_from_file_location("ppcl", os.environ["PPCL"])
    module = sys.modules["ppcl"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.QwenImageTransformer2DModel


@torch.no_grad()
def run_ppcl(changes, batch, image_tokens, text_tokens, timestep, image_shapes):
    """Its forward is that of diffusers up to 0.36: lengths of the text are an argument, and no mask holds."""
    model = golden_model(ppcl_class(), {**QWEN, **changes})
    states = watch(model.transformer_blocks)
    arguments = qwen_arguments(batch, image_tokens, text_tokens, timestep, image_shapes)
    del arguments["additional_t_cond"]
    return model(**arguments, txt_seq_lens=[text_tokens] * batch)[0], states


FLUX = dict(
    patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
    joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8),
)  # fmt: skip


@torch.no_grad()
def run_flux(batch, image_tokens, text_tokens, timestep, image_shape, guidance, **changes):
    config = {**FLUX, **changes}
    model = golden_model("FluxTransformer2DModel", config)
    states = watch([*model.transformer_blocks, *model.single_transformer_blocks])
    _, height, width = image_shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    out = model(
        hidden_states=hashed(HIDDEN, batch, image_tokens, config["in_channels"]),
        encoder_hidden_states=hashed(TEXT, batch, text_tokens, config["joint_attention_dim"]),
        pooled_projections=hashed(POOLED, batch, config["pooled_projection_dim"]),
        timestep=torch.tensor(timestep),
        img_ids=torch.stack([torch.zeros(height, width), rows, columns], -1).reshape(-1, 3).float(),
        txt_ids=torch.zeros(text_tokens, 3),
        guidance=None if guidance is None else torch.full((batch,), guidance),
        return_dict=False,
    )[0]
    return out, states


SD3 = dict(
    sample_size=32, patch_size=1, in_channels=4, num_layers=4, attention_head_dim=8, num_attention_heads=4,
    joint_attention_dim=32, caption_projection_dim=32, pooled_projection_dim=64, out_channels=4,
)  # fmt: skip
SD35 = dict(qk_norm="rms_norm", dual_attention_layers=(0,))


def sd3_inputs(batch, height, width, text_tokens, timestep, **config):
    return dict(
        hidden_states=hashed(HIDDEN, batch, config["in_channels"], height, width),
        encoder_hidden_states=hashed(TEXT, batch, text_tokens, config["joint_attention_dim"]),
        pooled_projections=hashed(POOLED, batch, config["pooled_projection_dim"]),
        timestep=torch.tensor(timestep),
    )


@torch.no_grad()
def run_sd3(batch, height, width, text_tokens, timestep, skip_layers=None, **changes):
    config = {**SD3, **changes}
    model = golden_model("SD3Transformer2DModel", config)
    states = watch(model.transformer_blocks)
    inputs = sd3_inputs(batch, height, width, text_tokens, timestep, **config)
    return model(**inputs, skip_layers=skip_layers, return_dict=False)[0], states


FLUX2 = dict(
    patch_size=1, in_channels=8, num_layers=2, num_single_layers=3, attention_head_dim=16, num_attention_heads=2,
    joint_attention_dim=24, axes_dims_rope=(4, 4, 4, 4),
)  # fmt: skip


def flux2_inputs(batch, text_tokens, timestep, image_shapes, guidance, **config):
    """Positions as the pipeline numbers them; references behind the picture that is drawn are 10 apart."""
    grids = [
        torch.cartesian_prod(torch.tensor([10 * i]), torch.arange(height), torch.arange(width), torch.arange(1))
        for i, (_, height, width) in enumerate(image_shapes)
    ]
    image_ids = torch.cat(grids)
    return dict(
        hidden_states=hashed(HIDDEN, batch, len(image_ids), config["in_channels"]),
        encoder_hidden_states=hashed(TEXT, batch, text_tokens, config["joint_attention_dim"]),
        timestep=torch.tensor(timestep),
        img_ids=image_ids,
        txt_ids=torch.cartesian_prod(torch.arange(1), torch.arange(1), torch.arange(1), torch.arange(text_tokens)),
        guidance=None if guidance is None else torch.full((batch,), guidance),
        return_dict=False,
    )


def watch_flux2(model):
    """As `watch`; single-stream blocks take and give text and image as one sequence."""
    states = watch(model.transformer_blocks)
    text_tokens = []
    model.context_embedder.register_forward_hook(lambda _, args, out: text_tokens.append(out.shape[1]))
    parts = lambda whole: (whole[:, text_tokens[-1] :], whole[:, : text_tokens[-1]])
    for block in model.single_transformer_blocks:
        block.register_forward_pre_hook(
            lambda _, args, kwargs: states.append(parts(kwargs["hidden_states"])) if not states else None, with_kwargs=True
        )
        block.register_forward_hook(lambda _, args, out: states.append(parts(out)))
    return states


@torch.no_grad()
def run_flux2(batch, text_tokens, timestep, image_shapes, guidance, bfloat16=False, without=None, **changes):
    config = {**FLUX2, **changes}
    model = golden_model("Flux2Transformer2DModel", config)
    if bfloat16:  # weights that such a file stores; the arithmetic stays float32
        model = model.bfloat16().float()
    for stack, places in (without or {}).items():  # what a pruned model gives
        setattr(model, stack, torch.nn.ModuleList(b for i, b in enumerate(getattr(model, stack)) if i not in places))
    states = watch_flux2(model)
    return model(**flux2_inputs(batch, text_tokens, timestep, image_shapes, guidance, **config))[0], states


CASES = {
    "q1": (
        "qwen-image",
        run_qwen,
        dict(batch=1, image_tokens=16, text_tokens=8, timestep=[0.37], image_shapes=[[[1, 4, 4]]]),
    ),
    "q2": (
        "qwen-image",
        run_qwen,
        dict(
            batch=2, image_tokens=15, text_tokens=8, timestep=[0.37, 0.81], image_shapes=[[[1, 3, 5]]] * 2,
            mask=[[1] * 5 + [0] * 3, [1] * 8],
        ),
    ),
    # Edit: references at time 0, other sizes in the second sample, whose positions are those of the first.
    "q3": (
        "qwen-image",
        run_qwen,
        dict(
            changes=dict(zero_cond_t=True), batch=2, image_tokens=19, text_tokens=6, timestep=[0.37, 0.81],
            image_shapes=[[[1, 3, 4], [1, 2, 2], [1, 1, 3]], [[1, 2, 2], [1, 3, 4], [1, 1, 3]]],
            mask=[[1, 0, 1, 1, 0, 1], [1] * 6],
        ),
    ),
    # Layered: three layers and a condition image of another size.
    "q4": (
        "qwen-image",
        run_qwen,
        dict(
            changes=dict(use_layer3d_rope=True, use_additional_t_cond=True), batch=2, image_tokens=22, text_tokens=5,
            timestep=[0.37, 0.81], image_shapes=[[[1, 2, 3]] * 3 + [[1, 4, 1]]] * 2, condition=[0, 1],
        ),
    ),
    # What diffusers runs as well: several images, times outside 0 to 1, a sample whose text is masked as a whole, and
    # `guidance_embeds`, which changes nothing.
    "q5": (
        "qwen-image",
        run_qwen,
        dict(
            changes=dict(guidance_embeds=True), batch=2, image_tokens=13, text_tokens=6, timestep=[1.25, -0.5],
            image_shapes=[[[1, 3, 3], [2, 1, 2]]] * 2, mask=[[0] * 6, [0, 1, 1, 0, 1, 0]],
        ),
    ),
    "q6": (
        "qwen-image",
        run_qwen,
        dict(
            changes=dict(zero_cond_t=True, use_layer3d_rope=True, use_additional_t_cond=True), batch=1, image_tokens=14,
            text_tokens=5, timestep=[0.81], image_shapes=[[[1, 2, 3], [1, 1, 4], [1, 2, 2]]], condition=[1],
        ),
    ),
    # PPCL's class: text that is held back and projected, alone and at the end of a group; linear feed-forward layers.
    "p1": (
        "qwen-image",
        run_ppcl,
        dict(
            changes=dict(num_layers=5, single_stream_index=[1, 2, 4], ffn_proj_index=[0, 2], ehs_proj_index=[2]),
            batch=1, image_tokens=15, text_tokens=8, timestep=[0.37], image_shapes=[[[1, 3, 5]]],
        ),
    ),
    "p2": (
        "qwen-image",
        run_ppcl,
        dict(
            changes=dict(num_layers=6, single_stream_index=[1, 3, 4], ffn_proj_index=[1, 4, 5], ehs_proj_index=[1, 4]),
            batch=2, image_tokens=13, text_tokens=5, timestep=[0.37, 0.81], image_shapes=[[[1, 3, 3], [1, 2, 2]]] * 2,
        ),
    ),
    "f1": ("flux", run_flux, dict(batch=1, image_tokens=15, text_tokens=7, timestep=[0.37], image_shape=(1, 3, 5), guidance=None)),
    "f2": (
        "flux",
        run_flux,
        dict(
            batch=1, image_tokens=15, text_tokens=7, timestep=[0.37], image_shape=(1, 3, 5), guidance=3.5,
            num_layers=2, num_single_layers=3, guidance_embeds=True,
        ),
    ),
    "f3": (
        "flux",
        run_flux,
        dict(
            batch=2, image_tokens=8, text_tokens=5, timestep=[0.37, 0.81], image_shape=(1, 2, 4), guidance=2.0,
            num_layers=2, num_single_layers=2, guidance_embeds=True, in_channels=12, out_channels=4,
        ),
    ),
    "fl2-1": ("flux2", run_flux2, dict(batch=1, text_tokens=7, timestep=[0.37], image_shapes=[[1, 3, 5]], guidance=4.0)),
    # As klein, with an MLP width that is no multiple of anything.
    "fl2-2": (
        "flux2",
        run_flux2,
        dict(
            batch=1, text_tokens=7, timestep=[0.37], image_shapes=[[1, 3, 5]], guidance=None,
            guidance_embeds=False, mlp_ratio=2.7, timestep_guidance_channels=32, rope_theta=300,
        ),
    ),
    # A reference image, two samples, channels that go in and do not come out.
    "fl2-3": (
        "flux2",
        run_flux2,
        dict(
            batch=2, text_tokens=5, timestep=[0.37, 0.81], image_shapes=[[1, 3, 3], [1, 2, 4]], guidance=2.5,
            num_single_layers=2, in_channels=12, out_channels=4, axes_dims_rope=[2, 6, 6, 2],
        ),
    ),
    # One stack alone. A dual-stream block that is the last of all computes text that nothing reads.
    "fl2-4": (
        "flux2",
        run_flux2,
        dict(batch=2, text_tokens=3, timestep=[1.2, 0], image_shapes=[[1, 2, 3]], guidance=1.0, num_single_layers=0),
    ),
    "fl2-5": (
        "flux2",
        run_flux2,
        dict(
            batch=2, text_tokens=1, timestep=[0.5, 0.5], image_shapes=[[1, 1, 7]], guidance=None,
            num_layers=0, num_single_layers=2, guidance_embeds=False, bfloat16=True,
        ),
    ),
    # FL2-1 without some of its blocks.
    "fl2-6": (
        "flux2",
        run_flux2,
        dict(
            batch=1, text_tokens=7, timestep=[0.37], image_shapes=[[1, 3, 5]], guidance=4.0,
            without=dict(transformer_blocks=[1], single_transformer_blocks=[1, 2]),
        ),
    ),
    "s1": ("sd3", run_sd3, dict(batch=1, height=4, width=6, text_tokens=7, timestep=[370])),
    "s2": ("sd3", run_sd3, dict(batch=1, height=4, width=6, text_tokens=7, timestep=[370], **SD35)),
    "s3": (
        "sd3",
        run_sd3,
        dict(
            batch=2, height=6, width=10, text_tokens=7, timestep=[370, 810],
            patch_size=2, qk_norm="rms_norm", dual_attention_layers=(0, 2),
        ),
    ),
    "s4": (
        "sd3",
        run_sd3,
        dict(
            batch=2, height=6, width=4, text_tokens=5, timestep=[370, 810],
            patch_size=2, out_channels=3, dual_attention_layers=(1, 3), pos_embed_max_size=5,
        ),
    ),
    # Rows and columns beyond the last whole patch, a table that is cut off the centre, a real time step.
    "s5": (
        "sd3",
        run_sd3,
        dict(
            batch=1, height=7, width=11, text_tokens=3, timestep=[123.456],
            patch_size=2, qk_norm="rms_norm", dual_attention_layers=(3,), pos_embed_max_size=8, out_channels=None,
        ),
    ),
    # Blocks left out: what a pruned model gives.
    "s6": (
        "sd3",
        run_sd3,
        dict(
            batch=1, height=4, width=6, text_tokens=7, timestep=[370], skip_layers=[2, 3],
            qk_norm="rms_norm", dual_attention_layers=(0, 1),
        ),
    ),
}  # fmt: skip


TESTS_ONLY = ("s5", "s6", "fl2-4", "fl2-5", "fl2-6")  # the others are in the engine check, which needs their outputs as a module


def main():
    for name, (family, run, case) in CASES.items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        if run is run_ppcl and "PPCL" not in os.environ:
            print(name, "left out: PPCL does not name the file of its class")
            continue
        folder = MODEL / family
        (folder / "goldens").mkdir(exist_ok=True)
        out, states = run(**case)
        golden = dict(
            generator="python training/goldens.py",
            reference=f"{'PPCL 4d054b3234e8, ' if run is run_ppcl else ''}diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float32, CPU",
            tolerance=2e-4,
            case=json.loads(json.dumps(case)),
            output=numbers(out),
            # embedded input first, then the state after each block
            states=[dict(image=numbers(image), text=[] if text is None else numbers(text)) for image, text in states],
        )
        (folder / "goldens" / f"{name}.json").write_text(json.dumps(golden) + "\n")
        print(name, list(out.shape), numbers(out)[:8], f"mean {out.double().mean():.7g} L2 {out.double().norm():.7g}")
        if name in TESTS_ONLY:
            continue
        rows = numbers(out)
        lines = [", ".join(map(str, rows[i : i + 8])) for i in range(0, len(rows), 8)]
        shape, title = list(out.shape), name.upper()
        constant = title.replace("-", "_")
        (folder / f"golden-{name}-output.ts").write_text(
            f"/** Output {shape} of golden case {title}, from {'PPCL' if run is run_ppcl else 'diffusers'} in float32. Written by `python training/goldens.py`. */\n"
            f"// biome-ignore format: a table\nexport const GOLDEN_{constant}_OUTPUT: readonly number[] = [\n"
            + "".join(f"  {line},\n" for line in lines)
            + "];\n"
        )


if __name__ == "__main__":
    main()
