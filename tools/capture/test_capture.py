"""Runs contigua_capture.py on tiny pipelines of diffusers with random weights, and compares what it writes with states that
are taken here in another way.

  python3 tools/capture/test_capture.py             # torch, diffusers, transformers, safetensors; about a minute on a CPU
  python3 tools/capture/test_capture.py --fixtures  # also writes lib/testing/traces/, which tests in TypeScript read

The fixtures are captured from the models of lib/testing/models/ (training/tiny_models.py).
"""

import json
import sys
import tempfile
import unittest
from pathlib import Path

import diffusers
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).resolve().parent))
import contigua_capture as tool  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "lib/testing/models"
FIXTURES = ROOT / "lib/testing/traces"
PROMPTS, STEPS, TEXT = 8, 6, 7

torch.set_num_threads(1)
diffusers.logging.set_verbosity_error()


def transformer(family):
    name = json.loads((MODELS / family / "transformer/config.json").read_text())["_class_name"]
    return getattr(diffusers, name).from_pretrained(MODELS / family / "transformer", torch_dtype=torch.float32).eval()


def scheduler(**options):
    return diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0, **options)


def seeded(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def tiny_vae():
    torch.manual_seed(0)
    return diffusers.AutoencoderKLQwenImage(
        base_dim=24, z_dim=4, dim_mult=[1, 2, 4], num_res_blocks=1, temperal_downsample=[False, True],
        latents_mean=[0.0] * 4, latents_std=[1.0] * 4,
    )  # fmt: skip


class Case:
    """A pipeline, and how it is called for the prompt of a number."""

    def __init__(self, family, pipe, arguments, passes=1):
        self.family, self.pipe, self.arguments, self.passes = family, pipe, arguments, passes
        pipe.set_progress_bar_config(disable=True)

    def generate(self, prompts=range(PROMPTS), steps=STEPS, **options):
        for number in prompts:
            with torch.no_grad():
                self.pipe(
                    num_inference_steps=steps, output_type="latent", generator=torch.Generator().manual_seed(number),
                    **self.arguments(number), **options,
                )  # fmt: skip


def text_of(number, width=16, seed=0):
    """Prompts of different lengths, with a mask."""
    return seeded(1, TEXT - number % 3, width, seed=seed + number)


def qwen():
    pipe = diffusers.QwenImagePipeline(scheduler(), None, None, None, transformer("qwen-image"))

    def arguments(number):
        text, negative = text_of(number), seeded(1, 3, 16, seed=99)
        return dict(
            prompt_embeds=text, prompt_embeds_mask=torch.ones(text.shape[:2], dtype=torch.int64), height=64, width=64,
            negative_prompt_embeds=negative, negative_prompt_embeds_mask=torch.ones(1, 3, dtype=torch.int64),
            true_cfg_scale=4.0,
        )  # fmt: skip

    return Case("qwen-image", pipe, arguments, passes=2)


def qwen_edit():
    pipe = diffusers.QwenImageEditPipeline(scheduler(), tiny_vae(), None, None, None, transformer("qwen-image"))

    def arguments(number):
        text = text_of(number)
        image = Image.new("RGB", (64, 64), (40 * number, 90, 160))
        return dict(
            image=image, prompt_embeds=text, prompt_embeds_mask=torch.ones(text.shape[:2], dtype=torch.int64),
            height=64, width=64,
        )  # fmt: skip

    # The pipeline brings every image to a million pixels; that of a test is kept small.
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit

    pipeline_qwenimage_edit.calculate_dimensions = lambda area, ratio: (64, 64, None)
    return Case("qwen-image", pipe, arguments)


def sd3():
    pipe = diffusers.StableDiffusion3Pipeline(transformer("sd3"), scheduler(), None, *[None] * 6)

    def arguments(number):
        return dict(
            prompt_embeds=seeded(1, TEXT, 16, seed=number), pooled_prompt_embeds=seeded(1, 16, seed=50 + number),
            negative_prompt_embeds=seeded(1, TEXT, 16, seed=99), negative_pooled_prompt_embeds=seeded(1, 16, seed=98),
            guidance_scale=5.0, height=64, width=64,
        )  # fmt: skip

    return Case("sd3", pipe, arguments, passes=2)


def flux():
    pipe = diffusers.FluxPipeline(scheduler(), None, None, None, None, None, transformer("flux"))

    def arguments(number):
        return dict(
            prompt_embeds=seeded(1, TEXT, 16, seed=number), pooled_prompt_embeds=seeded(1, 16, seed=50 + number),
            guidance_scale=3.5, height=64, width=64,
        )  # fmt: skip

    return Case("flux", pipe, arguments)


def flux2():
    pipe = diffusers.Flux2Pipeline(scheduler(use_dynamic_shifting=True), None, None, None, transformer("flux2"))

    def arguments(number):
        return dict(prompt_embeds=seeded(1, TEXT, 16, seed=number), guidance_scale=4.0, height=64, width=64)

    return Case("flux2", pipe, arguments)


CASES = {"qwen-image": qwen, "qwen-image-edit": qwen_edit, "sd3": sd3, "flux": flux, "flux2": flux2}
LISTS = ("transformer_blocks", "single_transformer_blocks")


def watch(model):
    """Every state of every forward pass, whole, by wrapping the blocks' forward methods: [{index: (image, text)}]."""
    passes = []
    blocks = [block for name in LISTS for block in getattr(model, name, [])]

    def wrapped(index, block):
        forward = block.forward

        def run(*args, **kwargs):
            if index == 0:
                passes.append({-1: (kwargs["hidden_states"].clone(), kwargs["encoder_hidden_states"].clone())})
            out = forward(*args, **kwargs)
            tokens = passes[-1][-1][1].shape[1]
            text, image = out if isinstance(out, tuple) else (out[:, :tokens], out[:, tokens:])
            passes[-1][index] = (image.clone(), passes[-1][index - 1][1] if index == len(blocks) - 1 else text.clone())
            return out

        block.forward = run

    for index, block in enumerate(blocks):
        wrapped(index, block)
    return passes, lambda: [delattr(block, "forward") for block in blocks]


def opened(path):
    with safe_open(path, "pt") as file:
        return load_file(path), {key: value for key, value in (file.metadata() or {}).items()}


def state(tensors, stream, index):
    return tensors[tool.state_name(stream, index)]


class CaptureTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)

    def capture(self, case, steps=STEPS, prompts=range(PROMPTS), **options):
        chosen = dict(rows=128, timesteps=3, seed=1, samples=3 * PROMPTS, dtype="F32") | options
        with tool.Capture(case.pipe, self.out, **chosen) as capture:
            case.generate(prompts, steps)
        return capture

    def test_rows_are_those_of_the_model(self):
        for name, make in CASES.items():
            with self.subTest(name):
                case = make()
                passes, stop = watch(case.pipe.transformer)
                self.capture(case)
                stop()
                tensors, metadata = opened(self.out / "trace.safetensors")
                blocks = len(json.loads(metadata["model"])["blocks"])
                steps = json.loads(metadata["sampling"])["steps"]
                self.assertEqual(steps, [1, 3, 5])
                # The prompt's passes: first of each step, or the second half of the batch.
                apart = case.passes if name == "qwen-image" else 1
                captured = [passes[(p * STEPS + s) * apart] for p in range(PROMPTS) for s in steps]
                for at, stream in enumerate(("image", "text")):
                    sample, token = tensors[f"{stream}.sample"], tensors[f"{stream}.token"]
                    self.assertLessEqual(len(sample), 128)
                    self.assertEqual(len(set(sample.tolist())), 3 * PROMPTS)
                    for index in range(-1, blocks):
                        rows = state(tensors, stream, index)
                        for row, (s, t) in enumerate(zip(sample.tolist(), token.tolist())):
                            self.assertTrue(torch.equal(rows[row], captured[s][index][at][-1, t]), (stream, index, row))
                self.assertEqual(tensors["image.prompt_group"].unique().tolist(), list(range(PROMPTS)))

    def test_calibration_gives_the_same_states(self):
        for name, make in CASES.items():
            with self.subTest(name):
                case = make()
                self.capture(case)
                tensors, _ = opened(self.out / "trace.safetensors")
                inputs, metadata = opened(self.out / "calibration.safetensors")
                samples = len(inputs["timestep"])
                self.assertEqual(samples, 3 * PROMPTS)
                given = {key: value for key, value in inputs.items() if key != "prompt_group"}
                if "img_shapes" in metadata:
                    given["img_shapes"] = json.loads(metadata["img_shapes"])
                if "encoder_hidden_states_mask" in given:
                    given["encoder_hidden_states_mask"] = given["encoder_hidden_states_mask"].to(torch.int64)
                passes, stop = watch(case.pipe.transformer)
                with torch.no_grad():
                    case.pipe.transformer(**given)
                stop()
                for at, stream in enumerate(("image", "text")):
                    sample, token = tensors[f"{stream}.sample"].long(), tensors[f"{stream}.token"].long()
                    for index, both in passes[0].items():
                        torch.testing.assert_close(state(tensors, stream, index), both[at][sample, token], rtol=1e-4, atol=1e-4)

    def test_both_passes(self):
        for name in ("qwen-image", "sd3"):
            with self.subTest(name):
                case = CASES[name]()
                self.capture(case, passes="both", samples=6 * PROMPTS, rows=4096)
                tensors, metadata = opened(self.out / "trace.safetensors")
                sampling = json.loads(metadata["sampling"])
                self.assertEqual((sampling["samples"], sampling["negativeSamples"]), (6 * PROMPTS, 3 * PROMPTS))
                # Text rows of the prompt's passes alone; a negative pass is of the group of its prompt.
                self.assertEqual(len(set(tensors["image.sample"].tolist())), 6 * PROMPTS)
                self.assertEqual(len(set(tensors["text.sample"].tolist())), 3 * PROMPTS)
                inputs, _ = opened(self.out / "calibration.safetensors")
                self.assertEqual(torch.bincount(inputs["prompt_group"]).tolist(), [6] * PROMPTS)

    def test_shares_are_even_and_the_seed_decides(self):
        case = flux()
        read = lambda: load_file(self.out / "trace.safetensors")  # noqa: E731
        self.capture(case, rows=100, samples=None)
        first = read()
        counts = torch.bincount(first["image.sample"]).tolist()
        self.assertEqual(sum(counts), 100)
        self.assertLessEqual(max(counts) - min(counts), 1)
        self.capture(case, rows=100, samples=None)
        again = read()
        self.assertTrue(all(torch.equal(first[key], again[key]) for key in first))
        self.capture(case, rows=100, samples=None, seed=2)
        self.assertFalse(torch.equal(first["image.token"], read()["image.token"]))

    def test_pictures_of_one_prompt_are_one_group(self):
        for passes in ("conditional", "both"):
            case = sd3()
            single = case.arguments
            case.arguments = lambda number, single=single: {
                name: value.repeat(2, *[1] * (value.ndim - 1)) if torch.is_tensor(value) else value
                for name, value in single(number).items()
            }
            with tool.Capture(case.pipe, self.out, timesteps=3, passes=passes):
                case.generate(range(2))
            inputs = load_file(self.out / "calibration.safetensors")
            self.assertEqual(torch.bincount(inputs["prompt_group"]).tolist(), [6, 6] if passes == "conditional" else [12, 12])
            # Elements of one batch follow each other: both pictures of a prompt at one time step.
            self.assertEqual(inputs["prompt_group"][:6].tolist(), [0] * 6)

    def test_numbers_are_written_as_javascript_writes_them(self):
        numbers = [1e-6, 1e-7, 2.5e-7, 3.0, 2000, 0.1, 1.5e20, 123456.75, True, None]
        self.assertEqual(
            tool.javascript_json({"a": numbers, "é": "ü"}),
            '{"a":[0.000001,1e-7,2.5e-7,3,2000,0.1,150000000000000000000,123456.75,true,null],"é":"ü"}',
        )

    def test_no_fingerprint_without_files(self):
        self.assertIsNone(tool.fingerprint_of(self.out))
        self.assertIsNone(tool.fingerprint_of(""))

    def test_dtypes(self):
        self.capture(flux(), dtype="BF16")
        self.assertEqual(load_file(self.out / "trace.safetensors")["text.input"].dtype, torch.bfloat16)

    def test_boundaries(self):
        for name, make in CASES.items():
            with self.subTest(name):
                case = make()
                passes, stop = watch(case.pipe.transformer)
                last = len(case.pipe.transformer.transformer_blocks)
                last += len(getattr(case.pipe.transformer, "single_transformer_blocks", []))
                self.capture(case, intervals=[(0, 1), (last - 2, last - 1)])
                stop()
                tensors, about = opened(self.out / "boundaries.safetensors")
                self.assertEqual(len(tensors), 8)
                _, traced = opened(self.out / "trace.safetensors")
                self.assertEqual(about["contigua_boundaries"], "2")
                self.assertEqual([about["model"], about["calibration"]], [traced["model"], traced["calibration"]])
                self.assertIsNotNone(json.loads(about["model"])["fingerprint"])
                apart = case.passes if name == "qwen-image" else 1
                for sample in range(3 * PROMPTS):
                    whole = passes[(sample // 3 * STEPS + (1, 3, 5)[sample % 3]) * apart]
                    for index in (-1, 1, last - 3, last - 1):
                        for at, stream in enumerate(("image", "text")):
                            expected = whole[index][at][-1]
                            found = state(tensors, stream, index)[sample, : len(expected)]
                            self.assertTrue(torch.equal(found, expected), (stream, index, sample))

    def test_nothing_is_left_after_an_error(self):
        case = flux()
        with self.assertRaisesRegex(ZeroDivisionError, ""), tool.Capture(case.pipe, self.out):
            case.generate(range(1))
            raise ZeroDivisionError
        self.assertEqual(list(self.out.iterdir()), [])
        self.assertFalse(case.pipe.transformer._forward_hooks or case.pipe.transformer._forward_pre_hooks)
        self.assertFalse(any(b._forward_hooks for b in case.pipe.transformer.transformer_blocks))
        self.assertNotIn("set_timesteps", vars(case.pipe.scheduler))

    def test_values_that_are_not_finite_are_named(self):
        case = flux()
        with torch.no_grad():
            case.pipe.transformer.transformer_blocks[1].ff.net[2].bias[0] = float("nan")
        with self.assertRaisesRegex(tool.CaptureError, "image: the state after block 1"):
            self.capture(case, timesteps=STEPS)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_a_block_that_is_skipped_is_named(self):
        case = flux()
        model = case.pipe.transformer
        whole = model.transformer_blocks
        model.transformer_blocks = torch.nn.ModuleList([*whole])
        with self.assertRaisesRegex(tool.CaptureError, "Block 2 did not run"), tool.Capture(case.pipe, self.out):
            model.transformer_blocks = whole[:2]
            case.generate(range(1))

    def test_the_command(self):
        folder = self.out / "model"
        sd3_with_encoders().save_pretrained(folder)
        (self.out / "prompts.txt").write_text("a red square\n\na blue circle\n", encoding="utf-8")
        tool.main([
            str(folder), "--prompts", str(self.out / "prompts.txt"), "--out", str(self.out / "trace"), "--timesteps", "2",
            "--steps", "5", "--height", "64", "--width", "64", "--model-dtype", "float32", "--rows", "64",
            "--max-sequence-length", "16", "--device", "cpu",
        ])  # fmt: skip
        tensors, metadata = opened(self.out / "trace" / "trace.safetensors")
        self.assertEqual(json.loads(metadata["sampling"])["samples"], 4)
        self.assertEqual(tensors["image.prompt_group"].unique().tolist(), [0, 1])
        self.assertEqual({path.name for path in (self.out / "trace").iterdir()}, {"trace.safetensors", "calibration.safetensors"})


def sd3_with_encoders():
    """With text encoders that know single letters."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer, T5Config, T5EncoderModel, T5TokenizerFast

    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    folder = tempfile.mkdtemp()
    Path(folder, "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    Path(folder, "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(f"{folder}/vocab.json", f"{folder}/merges.txt", model_max_length=77)
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, projection_dim=8,
        max_position_embeddings=77, bos_token_id=len(words) - 2, eos_token_id=len(words) - 1, pad_token_id=len(words) - 1,
    )  # fmt: skip
    torch.manual_seed(0)
    encoders = [CLIPTextModelWithProjection(config) for _ in range(2)]
    vae = diffusers.AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4, norm_num_groups=4, sample_size=64, use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    t5 = T5EncoderModel(T5Config(vocab_size=len(letters) + 3, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2))
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((letter, -1.0) for letter in letters)]
    return diffusers.StableDiffusion3Pipeline(
        transformer("sd3"), scheduler(), vae, encoders[0], tokenizer, encoders[1], tokenizer, t5,
        T5TokenizerFast(vocab=pieces, extra_ids=0),
    )  # fmt: skip


def write_fixtures():
    for name, make in CASES.items():
        case = make()
        with tool.Capture(
            case.pipe, FIXTURES / name, rows=96, timesteps=3, seed=1, samples=3 * PROMPTS, dtype="F32", name=f"tiny-{name}",
            intervals=[(1, 2)] if name in ("qwen-image", "flux") else [],
        ):  # fmt: skip
            case.generate()
        print(f"wrote {FIXTURES / name}", file=sys.stderr)


if __name__ == "__main__":
    if "--fixtures" in sys.argv:
        sys.argv.remove("--fixtures")
        write_fixtures()
    unittest.main()
