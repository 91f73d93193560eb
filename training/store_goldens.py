"""Writes small models the way people store them, and what diffusers computes from the weights that are in them.

lib/testing/stored/goldens/ holds: every element type of GGUF that is read, with gguf-py's values (types.gguf, types.safetensors);
FLUX.1 in its original layout as a mixed GGUF and as 8-bit floats in ComfyUI's old form; FLUX.2 in its own as a mixed GGUF; Qwen-Image as 8-bit floats in
ComfyUI's present form, by markers and by the header's metadata; and outputs.json, the outputs of diffusers' classes on
the dequantised weights, with configs and inputs. Weights and inputs are hashes, as in goldens.py.

  python training/store_goldens.py        # torch, diffusers, gguf, safetensors, numpy; a few seconds
"""

import inspect
import json

import diffusers
import gguf
import numpy as np
import torch
from diffusers.loaders import single_file_utils
from gguf import GGMLQuantizationType as Q
from safetensors.torch import save_file

import goldens

FOLDER = goldens.ROOT / "lib/testing/stored/goldens"
FLUX = dict(
    patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
    joint_attention_dim=256, pooled_projection_dim=256, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
)  # fmt: skip
FLUX2 = dict(
    patch_size=1, in_channels=4, num_layers=1, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
    joint_attention_dim=256, axes_dims_rope=(4, 4, 4, 4), guidance_embeds=True,
)  # fmt: skip
QWEN = dict(
    patch_size=2, in_channels=16, out_channels=4, num_layers=1, attention_head_dim=16, num_attention_heads=2,
    joint_attention_dim=16, axes_dims_rope=(8, 4, 4),
)  # fmt: skip
BLOCK_TENSOR = 5000  # tensor index of the bytes of random blocks
LAYOUT = dict(batch=1, image_tokens=15, text_tokens=7, timestep=[0.37], image_shape=(1, 3, 5))


def random_blocks(qtype, shape, index, scale):
    """Blocks of hashed bytes, any of which is legal, with half-precision scales of about `scale`."""
    elements, size = gguf.GGML_QUANT_SIZES[qtype]
    count = int(np.prod(shape)) // elements
    blocks = ((goldens.fill(count * size, BLOCK_TENSOR + index) + 1) * 128).astype(np.uint8).reshape(count, size)
    halves = {Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [size - 2]}[qtype]
    for place, at in enumerate(halves):
        d = (scale * goldens.fill(count, BLOCK_TENSOR + 100 + index + 50 * place)).astype(np.float16)
        blocks[:, at : at + 2] = d.view(np.uint8).reshape(count, 2)
    return blocks.reshape(*shape[:-1], shape[-1] // elements * size)


def write_gguf(path, tensors, arch):
    """`tensors`: name to (stored, type). Gives what gguf-py makes of them."""
    writer = gguf.GGUFWriter(path, arch)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_array("contigua.test.words", ["one", "two"])
    for name, (data, qtype) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=qtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    values = {}
    for tensor in gguf.GGUFReader(path).tensors:
        shape = [int(n) for n in reversed(tensor.shape)]
        values[tensor.name] = torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(shape).copy())
    return values


def element_types():
    rows = (3 * goldens.fill(512, 4900)).astype(np.float32).reshape(2, 256)
    tensors = {}
    for qtype in (Q.F32, Q.F16, Q.BF16, Q.Q8_0, Q.Q4_0):
        tensors[qtype.name] = (gguf.quants.quantize(rows, qtype), qtype)
    for i, qtype in enumerate((Q.Q4_K, Q.Q5_K, Q.Q6_K)):
        tensors[qtype.name] = (random_blocks(qtype, (3, 512), i, 1.0), qtype)
    save_file(write_gguf(FOLDER / "types.gguf", tensors, "flux"), FOLDER / "types.safetensors")


def original_flux(state, config=FLUX):
    """BFL's names: what diffusers' converter turns back."""
    out = {}

    def take(to, *names):
        for kind in ("weight", "bias"):
            out[f"{to}.{kind}"] = torch.cat([state[f"{name}.{kind}"] for name in names])

    for to, name in (("time_in", "timestep"), ("vector_in", "text"), ("guidance_in", "guidance")):
        take(f"{to}.in_layer", f"time_text_embed.{name}_embedder.linear_1")
        take(f"{to}.out_layer", f"time_text_embed.{name}_embedder.linear_2")
    take("txt_in", "context_embedder")
    take("img_in", "x_embedder")
    for i in range(config["num_layers"]):
        a, b = f"double_blocks.{i}", f"transformer_blocks.{i}"
        for side, norm, qkv, names, gains, ff in (
            ("img", "norm1", ("to_q", "to_k", "to_v"), "to_out.0", ("norm_q", "norm_k"), "ff"),
            ("txt", "norm1_context", ("add_q_proj", "add_k_proj", "add_v_proj"), "to_add_out", ("norm_added_q", "norm_added_k"), "ff_context"),
        ):
            take(f"{a}.{side}_mod.lin", f"{b}.{norm}.linear")
            take(f"{a}.{side}_attn.qkv", *[f"{b}.attn.{n}" for n in qkv])
            take(f"{a}.{side}_attn.proj", f"{b}.attn.{names}")
            take(f"{a}.{side}_mlp.0", f"{b}.{ff}.net.0.proj")
            take(f"{a}.{side}_mlp.2", f"{b}.{ff}.net.2")
            for gain, n in zip(("query_norm", "key_norm"), gains):
                out[f"{a}.{side}_attn.norm.{gain}.scale"] = state[f"{b}.attn.{n}.weight"]
    for i in range(config["num_single_layers"]):
        a, b = f"single_blocks.{i}", f"single_transformer_blocks.{i}"
        take(f"{a}.modulation.lin", f"{b}.norm.linear")
        take(f"{a}.linear1", *[f"{b}.attn.{n}" for n in ("to_q", "to_k", "to_v")], f"{b}.proj_mlp")
        take(f"{a}.linear2", f"{b}.proj_out")
        for gain, n in (("query_norm", "norm_q"), ("key_norm", "norm_k")):
            out[f"{a}.norm.{gain}.scale"] = state[f"{b}.attn.{n}.weight"]
    take("final_layer.linear", "proj_out")
    for kind in ("weight", "bias"):
        scale, shift = state[f"norm_out.linear.{kind}"].chunk(2)
        out[f"final_layer.adaLN_modulation.1.{kind}"] = torch.cat([shift, scale])
    return out


def original_flux2(state):
    """BFL's names of FLUX.2: what diffusers' converter turns back."""
    out = {}

    def take(to, *names):
        out[to] = torch.cat([state[f"{name}.weight"] for name in names])

    for to, name in (("time_in", "timestep"), ("guidance_in", "guidance")):
        take(f"{to}.in_layer.weight", f"time_guidance_embed.{name}_embedder.linear_1")
        take(f"{to}.out_layer.weight", f"time_guidance_embed.{name}_embedder.linear_2")
    for name in ("double_stream_modulation_img", "double_stream_modulation_txt", "single_stream_modulation"):
        take(f"{name}.lin.weight", f"{name}.linear")
    take("txt_in.weight", "context_embedder")
    take("img_in.weight", "x_embedder")
    for i in range(FLUX2["num_layers"]):
        a, b = f"double_blocks.{i}", f"transformer_blocks.{i}"
        for side, qkv, proj, gains, ff in (
            ("img", ("to_q", "to_k", "to_v"), "to_out.0", ("norm_q", "norm_k"), "ff"),
            ("txt", ("add_q_proj", "add_k_proj", "add_v_proj"), "to_add_out", ("norm_added_q", "norm_added_k"), "ff_context"),
        ):
            take(f"{a}.{side}_attn.qkv.weight", *[f"{b}.attn.{n}" for n in qkv])
            take(f"{a}.{side}_attn.proj.weight", f"{b}.attn.{proj}")
            take(f"{a}.{side}_mlp.0.weight", f"{b}.{ff}.linear_in")
            take(f"{a}.{side}_mlp.2.weight", f"{b}.{ff}.linear_out")
            for gain, n in zip(("query_norm", "key_norm"), gains):
                take(f"{a}.{side}_attn.norm.{gain}.scale", f"{b}.attn.{n}")
    for i in range(FLUX2["num_single_layers"]):
        a, b = f"single_blocks.{i}", f"single_transformer_blocks.{i}.attn"
        take(f"{a}.linear1.weight", f"{b}.to_qkv_mlp_proj")
        take(f"{a}.linear2.weight", f"{b}.to_out")
        take(f"{a}.norm.query_norm.scale", f"{b}.norm_q")
        take(f"{a}.norm.key_norm.scale", f"{b}.norm_k")
    take("final_layer.linear.weight", "proj_out")
    scale, shift = state["norm_out.linear.weight"].chunk(2)
    out["final_layer.adaLN_modulation.1.weight"] = torch.cat([shift, scale])
    return out


def to_diffusers(original, config=FLUX):
    """diffusers' own converter, for another width than the one that is written into it."""
    width = config["attention_head_dim"] * config["num_attention_heads"]
    source = inspect.getsource(single_file_utils.convert_flux_transformer_checkpoint_to_diffusers)
    assert source.count("inner_dim = 3072") == 1
    scope = dict(vars(single_file_utils))
    exec(source.replace("inner_dim = 3072", f"inner_dim = {width}"), scope)
    return scope["convert_flux_transformer_checkpoint_to_diffusers"](dict(original))


@torch.no_grad()
def flux_output(original):
    model = diffusers.FluxTransformer2DModel(**FLUX).eval()
    model.load_state_dict(to_diffusers(original))
    _, height, width = LAYOUT["image_shape"]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return model(
        hidden_states=goldens.hashed(goldens.HIDDEN, 1, 15, FLUX["in_channels"]),
        encoder_hidden_states=goldens.hashed(goldens.TEXT, 1, 7, FLUX["joint_attention_dim"]),
        pooled_projections=goldens.hashed(goldens.POOLED, 1, FLUX["pooled_projection_dim"]),
        timestep=torch.tensor(LAYOUT["timestep"]),
        img_ids=torch.stack([torch.zeros(height, width), rows, columns], -1).reshape(-1, 3).float(),
        txt_ids=torch.zeros(7, 3),
        guidance=torch.tensor([3.5]),
        return_dict=False,
    )[0]


@torch.no_grad()
def flux2_output(original):
    model = diffusers.Flux2Transformer2DModel(**FLUX2).eval()
    model.load_state_dict(single_file_utils.convert_flux2_transformer_checkpoint_to_diffusers(dict(original)))
    inputs = goldens.flux2_inputs(1, LAYOUT["text_tokens"], LAYOUT["timestep"], [LAYOUT["image_shape"]], 3.5, **FLUX2)
    return model(**inputs)[0]


@torch.no_grad()
def qwen_output(state):
    model = diffusers.QwenImageTransformer2DModel(**QWEN).eval()
    model.load_state_dict(state)
    return model(
        hidden_states=goldens.hashed(goldens.HIDDEN, 1, 15, QWEN["in_channels"]),
        encoder_hidden_states=goldens.hashed(goldens.TEXT, 1, 7, QWEN["joint_attention_dim"]),
        timestep=torch.tensor(LAYOUT["timestep"]),
        img_shapes=[LAYOUT["image_shape"]],
        return_dict=False,
    )[0]


def mixed_gguf(original):
    """Small tensors in F32 and one in BF16 or F16, matrices in the block types that their rows allow."""
    k_types = {"time_in.in_layer.weight": (Q.Q5_K, 2e-4), "txt_in.weight": (Q.Q4_K, 2e-4), "vector_in.in_layer.weight": (Q.Q6_K, 1e-4)}
    tensors, matrices = {}, 0
    for i, (name, tensor) in enumerate(original.items()):
        data = tensor.numpy()
        if name in k_types:
            qtype, scale = k_types[name]
            tensors[name] = (random_blocks(qtype, data.shape, 10 + i, scale), qtype)
        elif data.ndim == 1 or data.shape[-1] % 32:
            tensors[name] = (data, Q.F32)
        else:
            qtype = (Q.Q8_0, Q.Q4_0, Q.BF16, Q.F16)[matrices % 4]
            matrices += 1
            tensors[name] = (gguf.quants.quantize(data, qtype), qtype)
    return tensors


def scaled(weight, dtype):
    """Per-tensor scaling to the type's largest number, as ComfyUI's converters do."""
    scale = weight.abs().max() / torch.finfo(dtype).max
    return (weight / scale).to(dtype), scale.float()


def old_scaled_flux(original):
    prefix = "model.diffusion_model."
    tensors, values = {f"{prefix}scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}, {}
    for name, tensor in original.items():
        if tensor.ndim == 2 and "blocks" in name:
            stored, scale = scaled(tensor, torch.float8_e4m3fn)
            tensors[prefix + name] = stored
            tensors[prefix + name.replace(".weight", ".scale_weight")] = scale
            tensors[prefix + name.replace(".weight", ".scale_input")] = torch.tensor(2.0)
            values[name] = stored.float() * scale
        else:
            tensors[prefix + name] = values[name] = tensor.bfloat16()
            values[name] = values[name].float()
    # The rest of an all-in-one checkpoint, which is left alone.
    tensors["vae.decoder.conv_in.weight"] = torch.zeros(2, 2)
    tensors["text_encoders.t5xxl.transformer.shared.weight"] = torch.zeros(2, 2)
    return tensors, values


def scaled_qwen(state, by_metadata):
    layers, tensors, values = {}, {}, {}
    for i, (name, tensor) in enumerate(state.items()):
        if tensor.ndim == 2 and "transformer_blocks" in name:
            dtype, form = ((torch.float8_e4m3fn, "float8_e4m3fn"), (torch.float8_e5m2, "float8_e5m2"))[i % 3 == 0]
            layer = name.removesuffix(".weight")
            tensors[name], tensors[f"{layer}.weight_scale"] = scaled(tensor, dtype)
            values[name] = tensors[name].float() * tensors[f"{layer}.weight_scale"]
            layers[layer] = {"format": form}
            if not by_metadata:
                marker = json.dumps(layers[layer]).encode()
                tensors[f"{layer}.comfy_quant"] = torch.frombuffer(bytearray(marker), dtype=torch.uint8)
        elif tensor.ndim == 2:
            tensors[name] = tensor.to(torch.float8_e4m3fn)  # plain: no scale, none needed
            values[name] = tensors[name].float()
        else:
            tensors[name] = values[name] = tensor
    metadata = {"_quantization_metadata": json.dumps({"format_version": "1.0", "layers": layers})} if by_metadata else {}
    return tensors, values, metadata


def main():
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    element_types()
    flux = original_flux(goldens.golden_model("FluxTransformer2DModel", FLUX).state_dict())
    outputs = {}

    def case(file, class_name, config, output):
        outputs[file] = dict(config={"_class_name": class_name, **config}, **LAYOUT, guidance=3.5, output=goldens.numbers(output))

    values = write_gguf(FOLDER / "flux.gguf", mixed_gguf(flux), "flux")
    case("flux.gguf", "FluxTransformer2DModel", FLUX, flux_output(values))
    tensors, values = old_scaled_flux(flux)
    save_file(tensors, FOLDER / "flux-scaled.safetensors")
    case("flux-scaled.safetensors", "FluxTransformer2DModel", FLUX, flux_output(values))
    case("original", "FluxTransformer2DModel", FLUX, flux_output(flux))
    flux2 = original_flux2(goldens.golden_model("Flux2Transformer2DModel", FLUX2).state_dict())
    values = write_gguf(FOLDER / "flux2.gguf", mixed_gguf(flux2), "flux")
    case("flux2.gguf", "Flux2Transformer2DModel", FLUX2, flux2_output(values))
    case("flux2-original", "Flux2Transformer2DModel", FLUX2, flux2_output(flux2))
    qwen = goldens.golden_model("QwenImageTransformer2DModel", QWEN).state_dict()
    for file, by_metadata in (("qwen-scaled-markers.safetensors", False), ("qwen-scaled-metadata.safetensors", True)):
        tensors, values, metadata = scaled_qwen(qwen, by_metadata)
        save_file(tensors, FOLDER / file, metadata=metadata)
        case(file, "QwenImageTransformer2DModel", QWEN, qwen_output(values))
    (FOLDER / "outputs.json").write_text(json.dumps(outputs) + "\n")


if __name__ == "__main__":
    main()
