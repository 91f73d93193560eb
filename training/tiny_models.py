"""Writes one tiny model of each family by diffusers' `save_pretrained`, and two of them as other programs store them.

lib/testing/models/ holds a `transformer` folder in BF16 for each family; SD3.5 as one F16 file in the layout of Stability
AI; and FLUX.1 in the layout of Black Forest Labs as GGUF, with its config.json beside it. The journeys in e2e/ open them.
Weights are hashes, as in goldens.py, so the same configs give the same files. Both layouts are turned back by diffusers'
own converters before they are written.

  python training/tiny_models.py        # torch, diffusers, gguf, safetensors, numpy; a few seconds
"""

import json

import gguf
import torch
from diffusers.loaders import single_file_utils
from gguf import GGMLQuantizationType as Q
from safetensors.torch import save_file

import goldens
import store_goldens

FOLDER = goldens.ROOT / "lib/testing/models"
QWEN = dict(
    patch_size=2, in_channels=16, out_channels=4, num_layers=5, attention_head_dim=8, num_attention_heads=2,
    joint_attention_dim=16, axes_dims_rope=(4, 2, 2),
)  # fmt: skip
FLUX = dict(
    patch_size=1, in_channels=16, num_layers=3, num_single_layers=4, attention_head_dim=8, num_attention_heads=2,
    joint_attention_dim=16, pooled_projection_dim=16, axes_dims_rope=(4, 2, 2), guidance_embeds=True,
)  # fmt: skip
# As in SD3.5-medium, the first blocks attend twice; the table of positions holds the 8 x 8 patches of seeded noise.
SD3 = dict(
    sample_size=16, patch_size=2, in_channels=4, out_channels=4, num_layers=5, attention_head_dim=8, num_attention_heads=2,
    joint_attention_dim=16, caption_projection_dim=16, pooled_projection_dim=16, pos_embed_max_size=8,
    dual_attention_layers=(0, 1), qk_norm="rms_norm",
)  # fmt: skip
FLUX2 = dict(
    patch_size=1, in_channels=16, num_layers=3, num_single_layers=4, attention_head_dim=8, num_attention_heads=2,
    joint_attention_dim=16, timestep_guidance_channels=16, mlp_ratio=3.0, axes_dims_rope=(2, 2, 2, 2), guidance_embeds=True,
)  # fmt: skip
# Q8_0 blocks hold 32 elements of a row.
FLUX_GGUF = {**FLUX, "num_layers": 2, "num_single_layers": 3, "attention_head_dim": 16, "axes_dims_rope": (8, 4, 4)}
FOLDERS = {
    "qwen-image": ("QwenImageTransformer2DModel", QWEN),
    "flux": ("FluxTransformer2DModel", FLUX),
    "sd3": ("SD3Transformer2DModel", SD3),
    "flux2": ("Flux2Transformer2DModel", FLUX2),
}
SD3_BLOCK = {
    "norm1.linear": "x_block.adaLN_modulation.1", "norm1_context.linear": "context_block.adaLN_modulation.1",
    "attn.norm_q": "x_block.attn.ln_q", "attn.norm_k": "x_block.attn.ln_k",
    "attn.norm_added_q": "context_block.attn.ln_q", "attn.norm_added_k": "context_block.attn.ln_k",
    "attn.to_out.0": "x_block.attn.proj", "attn.to_add_out": "context_block.attn.proj",
    "attn2.norm_q": "x_block.attn2.ln_q", "attn2.norm_k": "x_block.attn2.ln_k", "attn2.to_out.0": "x_block.attn2.proj",
    "ff.net.0.proj": "x_block.mlp.fc1", "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1", "ff_context.net.2": "context_block.mlp.fc2",
}  # fmt: skip
SD3_FUSED = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
}
SD3_GLOBALS = {
    "pos_embed.proj": "x_embedder.proj", "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2", "context_embedder": "context_embedder",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0", "proj_out": "final_layer.linear",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
}  # fmt: skip


def original_sd3(state):
    """Stability AI's names: what diffusers' converter turns back."""

    def swapped(tensor):
        return torch.cat(tensor.chunk(2)[::-1])

    out = {"pos_embed": state["pos_embed.pos_embed"]}
    for ours, theirs in SD3_GLOBALS.items():
        for kind in ("weight", "bias"):
            out[f"{theirs}.{kind}"] = state[f"{ours}.{kind}"]
    last = SD3["num_layers"] - 1
    for kind in ("weight", "bias"):
        out[f"final_layer.adaLN_modulation.1.{kind}"] = swapped(state[f"norm_out.linear.{kind}"])
        for i in range(SD3["num_layers"]):
            a, b = f"joint_blocks.{i}", f"transformer_blocks.{i}"
            for ours, theirs in SD3_BLOCK.items():
                if f"{b}.{ours}.{kind}" not in state:
                    continue
                tensor = state[f"{b}.{ours}.{kind}"]
                out[f"{a}.{theirs}.{kind}"] = swapped(tensor) if i == last and ours == "norm1_context.linear" else tensor
            for theirs, parts in SD3_FUSED.items():
                if f"{b}.{parts[0]}.{kind}" in state:
                    out[f"{a}.{theirs}.{kind}"] = torch.cat([state[f"{b}.{part}.{kind}"] for part in parts])
    return {name: tensor.contiguous() for name, tensor in out.items()}


def check_same(converted, state):
    assert converted.keys() == state.keys(), converted.keys() ^ state.keys()
    for name, tensor in state.items():
        assert torch.equal(converted[name], tensor), name


def write_sd3_file():
    state = goldens.golden_model("SD3Transformer2DModel", SD3).half().state_dict()
    original = original_sd3(state)
    check_same(single_file_utils.convert_sd3_transformer_checkpoint_to_diffusers(dict(original)), state)
    save_file(original, FOLDER / "sd3.5-tiny.safetensors")


def write_flux_gguf():
    model = goldens.golden_model("FluxTransformer2DModel", FLUX_GGUF)
    state = model.state_dict()
    original = store_goldens.original_flux(state, FLUX_GGUF)
    check_same(store_goldens.to_diffusers(original, FLUX_GGUF), state)
    tensors = {}
    for name, tensor in original.items():
        data = tensor.numpy()
        qtype = Q.F32 if data.ndim == 1 else Q.F16 if data.shape[-1] % 32 else Q.Q8_0
        tensors[name] = (gguf.quants.quantize(data, qtype), qtype)
    folder = FOLDER / "flux-gguf"
    folder.mkdir(exist_ok=True)
    store_goldens.write_gguf(folder / "flux1-tiny-Q8_0.gguf", tensors, "flux")
    config = {"_class_name": "FluxTransformer2DModel", **FLUX_GGUF}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, (class_name, config) in FOLDERS.items():
        goldens.golden_model(class_name, config).bfloat16().save_pretrained(FOLDER / name / "transformer")
    write_sd3_file()
    write_flux_gguf()


if __name__ == "__main__":
    main()
