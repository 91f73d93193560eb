"""FLUX.1: either stack of any depth, with and without guidance, positions from ids of any kind."""

import torch

from cases import Case, family


@family("FluxTransformer2DModel")
def flux(draw):
    axes = draw.axes(3)
    config = dict(
        patch_size=draw.of(1, 1, 2),
        in_channels=draw.between(1, 20),
        out_channels=draw.of(None, 1, 4),
        num_layers=draw.between(0, 4),
        num_single_layers=draw.between(0, 4),
        attention_head_dim=sum(axes),
        num_attention_heads=draw.between(1, 4),
        joint_attention_dim=draw.between(1, 40),
        pooled_projection_dim=draw.between(1, 24),
        guidance_embeds=draw.chance(0.5),
        axes_dims_rope=axes,
    )
    if config["num_layers"] + config["num_single_layers"] == 0:
        config["num_single_layers"] = 1
    case = Case("", config, {}, stacks=("transformer_blocks", "single_transformer_blocks"))
    case.traits.append("guidance" if config["guidance_embeds"] else "no guidance")
    if config["num_layers"] == 0:
        case.traits.append("no dual blocks")
    batch, text = draw.between(1, 3), draw.between(1, 9)
    height, width = draw.between(1, 6), draw.between(1, 6)
    kind = draw.of("grid", "grid", "random", "int64", "3-D")
    case.traits.append(f"ids: {kind}")
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    image_ids = torch.stack([torch.zeros(height, width), rows, columns], -1).reshape(-1, 3).float()
    text_ids = torch.zeros(text, 3)
    if kind == "random":
        image_ids, text_ids = 3 * draw.normal(height * width, 3), draw.normal(text, 3)
    if kind == "int64":
        image_ids, text_ids = image_ids.long(), text_ids.long() + draw.between(0, 5)
    if kind == "3-D":
        image_ids, text_ids = (ids[None].repeat(batch, 1, 1) for ids in (image_ids, text_ids))
    apart = draw.apart("axes")
    if apart.chance(0.1):
        axes = apart.axes(apart.of(1, 2, 4))
        case.traits.append(f"{len(axes)} axes")
        config.update(axes_dims_rope=axes, attention_head_dim=sum(axes))
        image_ids, text_ids = apart.normal(height * width, len(axes)), apart.normal(text, len(axes))
    one = lambda *shape: draw.normal(1 if draw.chance(0.15) else batch, *shape)
    case.tensors = dict(
        hidden_states=draw.normal(batch, height * width, config["in_channels"]),
        encoder_hidden_states=draw.normal(batch, text, config["joint_attention_dim"]),
        pooled_projections=one(config["pooled_projection_dim"]),
        timestep=draw.times(batch, case),
        img_ids=image_ids,
        txt_ids=text_ids,
    )
    if config["guidance_embeds"] != draw.chance(0.05):
        case.tensors["guidance"] = 1 + 4 * one().abs()
        if draw.chance(0.2):
            case.tensors["guidance"] = case.tensors["guidance"].long()
    return case
