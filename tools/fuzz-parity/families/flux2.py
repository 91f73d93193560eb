"""FLUX.2: either stack of any depth, with and without guidance, MLPs of any width, positions from ids of any kind."""

import torch

from cases import Case, family


@family("Flux2Transformer2DModel")
def flux2(draw):
    axes = draw.axes(4)
    config = dict(
        patch_size=draw.of(1, 1, 2),
        in_channels=draw.between(1, 20),
        out_channels=draw.of(None, None, 1, 4),
        num_layers=draw.between(0, 4),
        num_single_layers=draw.between(0, 4),
        attention_head_dim=sum(axes),
        num_attention_heads=draw.between(1, 4),
        joint_attention_dim=draw.between(1, 40),
        timestep_guidance_channels=draw.of(256, 256, 2 * draw.between(1, 40)),
        mlp_ratio=draw.of(3.0, 3.0, 4, draw.between(5, 50) / 10),
        guidance_embeds=draw.chance(0.5),
        axes_dims_rope=axes,
        rope_theta=draw.of(2000, 2000, 10000, 300),
    )
    if config["num_layers"] + config["num_single_layers"] == 0:
        config["num_single_layers"] = 1
    case = Case("", config, {}, stacks=("transformer_blocks", "single_transformer_blocks"))
    # Text and image are joined before the first modulation where there is no dual-stream block.
    case.spreads_rows = config["num_layers"] > 0
    case.traits.append("guidance" if config["guidance_embeds"] else "no guidance")
    for stack in ("num_layers", "num_single_layers"):
        if config[stack] == 0:
            case.traits.append(f"{stack} 0")
    batch, text = draw.between(1, 3), draw.between(1, 9)
    grids = [(draw.between(1, 5), draw.between(1, 5)) for _ in range(draw.of(1, 1, 2, 3))]
    if len(grids) > 1:
        case.traits.append(f"{len(grids) - 1} reference images")
    kind = draw.of("pipeline", "pipeline", "random", "float", "2-D")
    case.traits.append(f"ids: {kind}")
    image_ids = torch.cat([
        torch.cartesian_prod(torch.tensor([10 * i]), torch.arange(height), torch.arange(width), torch.arange(1))
        for i, (height, width) in enumerate(grids)
    ])  # fmt: skip
    text_ids = torch.cartesian_prod(torch.arange(1), torch.arange(1), torch.arange(1), torch.arange(text))
    if kind == "random":
        image_ids, text_ids = 3 * draw.normal(len(image_ids), 4), draw.normal(text, 4)
    if kind == "float":
        image_ids, text_ids = image_ids.float(), text_ids.float()
    if kind == "pipeline":
        # With a batch, of which the first sample counts.
        image_ids, text_ids = (ids[None].repeat(batch, 1, 1) for ids in (image_ids, text_ids))
    one = lambda *shape: draw.normal(1 if draw.chance(0.15) else batch, *shape)
    case.tensors = dict(
        hidden_states=draw.normal(batch, image_ids.shape[-2], config["in_channels"]),
        encoder_hidden_states=draw.normal(batch, text, config["joint_attention_dim"]),
        timestep=draw.times(batch, case),
        img_ids=image_ids,
        txt_ids=text_ids,
    )
    # A guidance that the model does not embed is left alone.
    if config["guidance_embeds"] or draw.chance(0.2):
        case.tensors["guidance"] = 1 + 4 * one().abs()
        if draw.chance(0.2):
            case.tensors["guidance"] = case.tensors["guidance"].long()
    return case
