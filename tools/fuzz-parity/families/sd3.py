"""SD3 and SD3.5: pictures of any size up to the table of positions, stored or left out; dual attention in any blocks; norms or none."""

import copy

import torch
from cases import Case, family
from diffusers.models.attention import JointTransformerBlock
from edits import student_block


@family("SD3Transformer2DModel")
def sd3(draw):
    heads = draw.between(1, 4)
    head_dim = draw.of(*(dim for dim in (1, 2, 3, 4, 6, 8, 12, 16, 32) if heads * dim % 4 == 0))
    patch, depth, most = draw.of(1, 2, 2, 3), draw.between(1, 6), draw.between(1, 12)
    dual = draw.of("none", "some", "some", "first", "all")
    chosen = dict(
        none=[], some=[i for i in range(depth) if draw.chance(0.4)], first=list(range((depth + 1) // 2)), all=list(range(depth))
    )[dual]
    if draw.chance(0.1):
        chosen = [*chosen, depth + 3]  # a number that no block has means nothing
    config = dict(
        sample_size=patch * draw.between(1, 16) + draw.between(0, patch - 1),
        patch_size=patch,
        in_channels=draw.between(1, 17),
        num_layers=depth,
        attention_head_dim=head_dim,
        num_attention_heads=heads,
        joint_attention_dim=draw.between(1, 40),
        caption_projection_dim=heads * head_dim,
        pooled_projection_dim=draw.between(1, 24),
        out_channels=draw.of(None, 1, 4, 16),
        pos_embed_max_size=most,
        dual_attention_layers=chosen,
        qk_norm=draw.of(None, "rms_norm"),
    )
    case = Case("", config, {}, traits=[f"dual attention: {len([i for i in chosen if i < depth])} of {depth}"])
    if depth - 1 in chosen:
        case.traits.append("last block dual")
    if config["qk_norm"]:
        case.traits.append("q/k norm")
    if draw.chance(0.3):
        case.left_out.append("pos_embed.pos_embed")
        case.traits.append("no stored positions")

    batch, text = draw.between(1, 3), draw.between(1, 9)
    side = lambda: patch * min(draw.between(1, 7), most) + draw.between(0, patch - 1)
    height, width = side(), side()
    if draw.chance(0.04):
        height = patch * (most + 1)
        case.traits.append("larger than the table")
    if height % patch or width % patch:
        case.traits.append("part of a patch over")
    one = lambda *shape: draw.normal(1 if draw.chance(0.15) else batch, *shape)
    times = draw.times(batch, case)
    # A scheduler's steps are 0 to 1000 here.
    if times.is_floating_point() and "timestep outside 0..1" not in case.traits and draw.chance(0.7):
        times = (times.double() * 1000).to(times.dtype)
    case.tensors = dict(
        hidden_states=draw.normal(batch, config["in_channels"], height, width),
        encoder_hidden_states=draw.normal(batch, text, config["joint_attention_dim"]),
        pooled_projections=one(config["pooled_projection_dim"]),
        timestep=times,
    )
    return case


@student_block("SD3Transformer2DModel")
def last_block(model, first, last):
    """A student in the last block's place gives no text: it starts as the interval's first block without its text output."""
    block = model.transformer_blocks[first]
    if last < len(model.transformer_blocks) - 1 or block.context_pre_only:
        return copy.deepcopy(block)
    config = model.config
    made = JointTransformerBlock(
        dim=model.inner_dim,
        num_attention_heads=config.num_attention_heads,
        attention_head_dim=config.attention_head_dim,
        context_pre_only=True,
        qk_norm=config.qk_norm,
        use_dual_attention=block.use_dual_attention,
    )
    weights = block.state_dict()
    for part in ("weight", "bias"):
        # shift, scale, gate of the attention, then of the MLP; a last block's has scale, shift.
        shift, scale, *_ = weights[f"norm1_context.linear.{part}"].chunk(6)
        weights[f"norm1_context.linear.{part}"] = torch.cat([scale, shift])
    made.load_state_dict({name: weights[name] for name in made.state_dict()})
    return made.eval().requires_grad_(False)
