"""Tiny random checkpoints of every family under their real names, with references for their results.

Norms and biases are random too, because constants would hide a missing or misplaced part.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sjdexport.safetensors import write_safetensors

from . import family_reference as reference
from . import image_decoder_reference, text_encoder_reference, tiny

CODES = image_decoder_reference.CODES
Weights = dict[str, Tensor]  # float64


@dataclasses.dataclass(frozen=True)
class Sizes:
    vocabulary: int
    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 4
    head_dim: int = 16
    inner: int = 96


@dataclasses.dataclass
class Written:
    """A checkpoint on disk, and the expected results of its export."""

    arguments: list[object]  # for export.py, except --out
    weights: Weights
    logits: Callable[[list[int]], Tensor]  # from the ids of a lane to logits [n, codes]
    prompts: list[list[int]]  # of two lanes, with different lengths if the family allows that
    row_end: list[int]  # forced after each row
    first_code: int
    inputs: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)  # the transformer's inputs that only this family has
    logits_of_text: Callable[[list[int]], Callable[[list[int]], Tensor]] | None = None  # returns `logits` for the ids of an encoded text


class Random:
    focus = 1.0  # factor of queries; larger ones make attention look at single places

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def matrix(self, rows: int, columns: int, gain: float = 1) -> Tensor:
        return self._tensor(self._random.normal(0, gain * columns**-0.5, (rows, columns)))

    def gamma(self, *shape: int) -> Tensor:
        return self._tensor(self._random.uniform(0.5, 1.5, shape))

    def beta(self, *shape: int) -> Tensor:
        return self._tensor(self._random.normal(0, 0.3, shape))

    def normal(self, *shape: int) -> Tensor:
        return self._tensor(self._random.normal(0, 1, shape))

    @staticmethod
    def _tensor(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).double()


def llama(random: Random, s: Sizes, prefix: str = "model.", norm_rows: tuple[int, int] | None = None) -> Weights:
    """A transformer under Hugging Face's names, without a head."""
    w = {f"{prefix}embed_tokens.weight": random.normal(s.vocabulary, s.hidden), f"{prefix}norm.weight": random.gamma(s.hidden)}
    for i in range(s.layers):
        layer = {
            "input_layernorm.weight": random.gamma(s.hidden), "post_attention_layernorm.weight": random.gamma(s.hidden),
            "self_attn.o_proj.weight": random.matrix(s.hidden, s.heads * s.head_dim),
            "mlp.gate_proj.weight": random.matrix(s.inner, s.hidden), "mlp.up_proj.weight": random.matrix(s.inner, s.hidden),
            "mlp.down_proj.weight": random.matrix(s.hidden, s.inner),
        }
        for part, heads in (("q", s.heads), ("k", s.kv_heads), ("v", s.kv_heads)):
            layer[f"self_attn.{part}_proj.weight"] = random.matrix(heads * s.head_dim, s.hidden, gain=random.focus if part == "q" else 1)
        if norm_rows:
            for part, rows, gain in zip("qk", norm_rows, (random.focus, 1)):
                layer[f"self_attn.{part}_norm.weight"] = gain * random.gamma(rows, s.head_dim)
                layer[f"self_attn.{part}_norm.bias"] = gain * random.beta(rows, s.head_dim)
        w |= {f"{prefix}layers.{i}.{name}": values for name, values in layer.items()}
    return w


def blocks(w: Weights, s: Sizes, prefix: str = "model.") -> list[Weights]:
    return [reference.hugging_face_block(w, f"{prefix}layers.{i}.") for i in range(s.layers)]


def config(s: Sizes, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": s.hidden, "num_hidden_layers": s.layers, "num_attention_heads": s.heads, "num_key_value_heads": s.kv_heads,
        "intermediate_size": s.inner, "vocab_size": s.vocabulary, "rms_norm_eps": 1e-5, **more,
    }


def image_weights(model: torch.nn.Module, prefix: str = "") -> Weights:
    image_decoder_reference.randomize(model, seed=3)
    return {prefix + name: values for name, values in model.state_dict().items() if values.is_floating_point()}


def save(path: Path, w: Weights, dtype: torch.dtype = torch.float32) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        write_safetensors(path, {name: values.to(dtype).numpy() for name, values in w.items()})
    return path


def save_torch(path: Path, w: Weights, wrapper: str | None = None, **beside: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: values.float() for name, values in w.items()}
    torch.save({wrapper: tensors, **beside} if wrapper else tensors, path)
    return path


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def tokenizer_json(tokens: Sequence[str], added: Sequence[str] = ()) -> dict[str, Any]:
    """Byte-level BPE with `tokens` and the bytes in the vocabulary, and `added` after it."""
    vocabulary = {token: id for id, token in enumerate([*tokens, *tiny.byte_alphabet()])}
    ids = {**{token: vocabulary[token] for token in tokens}, **{token: len(vocabulary) + i for i, token in enumerate(added)}}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [{"id": id, "content": token, **flags} for token, id in ids.items()],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": []},
    }


# --- Chameleon ------------------------------------------------------------------------------------------------------

COUNTS = 33  # tokens for the sides of the grid


def spelled(code: int) -> str:
    """The name of a code's token, which has its decimal digits as letters."""
    return "IMGIMG" + "".join(chr(ord("A") + int(digit)) for digit in str(code)) + "Z"


def chameleon_tokens(order: Sequence[int]) -> list[str]:
    """All tokens. `order` lists the codes in the order of their tokens."""
    return ["<s>", "<pad>", "</s>", "<unk>", *(spelled(code) for code in order), "<eoss>", "<racm3:break>", "<reserved08706>",
            "<reserved08799>", *(f"<reserved{8800 + n:05d}>" for n in range(COUNTS))]


def chameleon(
    folder: Path, *, norm_rows: int = 1, heads: int = 4, order: Sequence[int] = range(CODES), swin: bool = False, meta: bool = False,
    lumina: bool = False,
) -> Written:
    """A Chameleon in the form of one of the published models.

    Meta's larger ones have parameter files, here with values that are not the defaults.
    """
    epsilon, theta = (1e-3, 50000.0) if meta and swin else (1e-5, 10000.0)
    tokens = chameleon_tokens(order)
    s = Sizes(vocabulary=len(tokens) + 256, hidden=16 * heads, heads=heads)
    random = Random(11)
    # Hugging Face's norms have a row for each head, or one for each part of the model.
    w = llama(random, s, norm_rows=(norm_rows, norm_rows))
    w["lm_head.weight"] = random.matrix(s.vocabulary, s.hidden, gain=2)
    vq = image_weights(image_decoder_reference.Vqgan())
    rows = [4 + list(order).index(code) for code in range(CODES)]  # of each code, in the vocabulary

    def logits(ids: list[int]) -> Tensor:
        # The ids are those of the exported model, where code c is 4 + c.
        x = w["model.embed_tokens.weight"][[rows[id - 4] if 4 <= id < 4 + CODES else id for id in ids]]
        x = reference.decode(x, blocks(w, s), s.heads, s.kv_heads, epsilon, reference.half_split(theta), norm_after=swin)
        return reference.rms_norm(x, w["model.norm.weight"], epsilon) @ w["lm_head.weight"][rows].T

    arguments: list[object]
    if meta:
        save_torch(folder / "models" / "7b" / "consolidated.pth", to_meta(w, s))
        if swin:
            parameters = {
                "dim": s.hidden, "n_layers": s.layers, "n_heads": heads, "norm_eps": epsilon, "rope_theta": theta, "vocab_size": -1,
                "swin_norm": False}
            write_json(folder / "models" / "7b" / "params.json", {"model": parameters, "seed": 777})
            write_json(folder / "models" / "7b" / "consolidate_params.json", {"model_parallel_size": 1, "swin_norm": True})
        save_torch(folder / "tokenizer" / "vqgan.ckpt", vq, "state_dict", epoch=3)
        write_json(folder / "tokenizer" / "text_tokenizer.json", tokenizer_json(tokens))
        arguments = ["--checkpoint", folder / "models" / "7b", "--vq", folder / "tokenizer" / "vqgan.ckpt"]
    else:
        write_json(folder / "config.json", config(s, model_type="chameleon", max_position_embeddings=20000, swin_norm=swin))
        write_json(folder / "tokenizer.json", tokenizer_json(tokens))
        arguments = ["--checkpoint", folder]
        if lumina:
            save(folder / "model.safetensors", w)
            arguments += ["--vq", save_torch(folder / "vq" / "vqgan.ckpt", vq, "state_dict"), "--size", "512"]
        else:
            save(folder / "model.safetensors", w | {f"model.vqmodel.{name}": values for name, values in vq.items()})
    start, turn_end = 4 + CODES + 1, 4 + CODES + 2
    prompts = [[0, 100, 101, 102, turn_end, start], [0, start]]
    row_end = [turn_end + 1] if lumina else []
    if lumina:
        header = [start, turn_end + 2 + 4, turn_end + 2 + 6]
        prompts = [[0, 100, 101, 102, turn_end, *header], header]
    return Written(arguments, w, logits, prompts, row_end, 4)


def to_meta(w: Weights, s: Sizes) -> Weights:
    """Meta's names and its order of channels, in which channels that are rotated together are neighbors."""
    names = {"embed_tokens": "tok_embeddings", "self_attn.q_proj": "attention.wq", "self_attn.k_proj": "attention.wk",
             "self_attn.v_proj": "attention.wv", "self_attn.o_proj": "attention.wo",
             "self_attn.q_norm": "attention.q_normalization", "self_attn.k_norm": "attention.k_normalization",
             "mlp.gate_proj": "feed_forward.w1", "mlp.up_proj": "feed_forward.w3", "mlp.down_proj": "feed_forward.w2",
             "post_attention_layernorm": "ffn_norm", "input_layernorm": "attention_norm", "lm_head": "output"}
    meta = {}
    for name, values in w.items():
        if any(part in name for part in ("q_proj", "k_proj", "q_norm", "k_norm")):
            columns = values.reshape(-1, 2, s.head_dim // 2, *values.shape[1:] if "proj" in name else ())
            values = columns.transpose(1, 2).reshape(values.shape)
        name = name.removeprefix("model.")
        for old, new in names.items():
            name = name.replace(old, new)
        meta[name] = values
    return meta


# --- Emu3 -----------------------------------------------------------------------------------------------------------

MERGED = ["th", "the", " f", " fo", " fox"]


def emu3(folder: Path) -> Written:
    ranks = [bytes([byte]) for byte in range(256)] + [token.encode() for token in MERGED]
    first_code = len(ranks) + 208 + 3
    s = Sizes(vocabulary=first_code + CODES, hidden=128, heads=8, kv_heads=2)
    random = Random(12)
    w = llama(random, s)
    w["lm_head.weight"] = random.matrix(s.vocabulary, s.hidden, gain=2)
    write_json(folder / "config.json", config(s, model_type="Emu3", max_position_embeddings=9216, rope_theta=1000000.0))
    (folder / "emu3.tiktoken").write_bytes(b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(ranks)))
    vision = ["<|image token|>", "<|image start|>", "<|image end|>", *(f"<|visual token {code:06d}|>" for code in range(CODES))]
    (folder / "emu3_vision_tokens.txt").write_text("\n".join(vision) + "\n")
    names = list(w)
    files = {"model-00001-of-00002.safetensors": names[:9], "model-00002-of-00002.safetensors": names[9:]}
    for file, part in files.items():
        save(folder / file, {name: w[name] for name in part})
    write_json(folder / "model.safetensors.index.json", {"weight_map": {name: file for file, part in files.items() for name in part}})
    vq = folder.parent / "Emu3-VisionTokenizer"
    save(vq / "model.safetensors", image_weights(image_decoder_reference.Emu3()))

    def logits(ids: list[int]) -> Tensor:
        x = reference.decode(w["model.embed_tokens.weight"][ids], blocks(w, s), s.heads, s.kv_heads, 1e-5, reference.half_split(1e6))
        return (reference.rms_norm(x, w["model.norm.weight"], 1e-5) @ w["lm_head.weight"].T)[:, first_code:]

    begin, image_start, codes_start, row_end = first_code - 5, first_code - 2, first_code - 3, first_code - 8
    tail = [image_start, 57, 48, 42, 57, 48, codes_start]
    return Written(
        ["--checkpoint", folder, "--vq", vq], w, logits, [[begin, 102, 111, 120, *tail], [begin, 120, *tail]], [row_end], first_code)


# --- LlamaGen -------------------------------------------------------------------------------------------------------

PLACES, T5_WIDTH, CLASSES = 120, 24, 10


def llamagen(folder: Path, *, text: bool, head_dim: int = 64, size: int | None = 64) -> Written:
    """`size` is in pixels, four to a code. With None, only the name of the file contains it, which is 256."""
    side = (size or 256) // 4
    s = Sizes(vocabulary=CODES, hidden=2 * head_dim, heads=2, kv_heads=2, head_dim=head_dim, inner=160)
    random = Random(13)
    standard = llama(random, s)
    standard["lm_head.weight"] = random.matrix(CODES, s.hidden, gain=2)
    w = {}
    for name, values in standard.items():
        if "q_proj" in name:
            parts = [standard[name.replace("q_proj", f"{part}_proj")] for part in "qkv"]
            w[name.replace("model.", "").replace("self_attn.q_proj", "attention.wqkv")] = torch.cat(parts)
        elif "k_proj" not in name and "v_proj" not in name:
            w |= to_meta({name: values}, s)
    vq = save_torch(folder / "vq_ds16.pt", image_weights(image_decoder_reference.LlamaGen()), "model")
    rotate = reference.by_row_and_column(side, PLACES if text else 1)
    options: list[object] = [] if size is None else ["--size", size]
    if not text:
        w["cls_embedding.embedding_table.weight"] = random.normal(CLASSES + 1, s.hidden)
        table = torch.cat([w["tok_embeddings.weight"], w["cls_embedding.embedding_table.weight"]])

        def logits(ids: list[int]) -> Tensor:
            x = reference.decode(table[ids], blocks(standard, s), s.heads, s.kv_heads, 1e-5, rotate)
            return reference.rms_norm(x, w["norm.weight"], 1e-5) @ w["output.weight"].T

        file = save_torch(folder / "c2i_B_256.pt", w, "model", steps=1)
        return Written(["--checkpoint", file, "--vq", vq, *options], w, logits, [[CODES + 7], [CODES + CLASSES]], [], 0)

    w["cls_embedding.cap_proj.fc1.weight"] = random.matrix(s.hidden, T5_WIDTH)
    w["cls_embedding.cap_proj.fc2.weight"] = random.matrix(s.hidden, s.hidden)
    w["cls_embedding.uncond_embedding"] = random.normal(PLACES, T5_WIDTH)
    visible = 7  # of the places
    condition = random.normal(2 * visible, s.hidden)

    def padded_logits(condition: Tensor, ids: list[int]) -> Tensor:
        """Logits with all places: padding comes first and is masked, as in LlamaGen's own code."""
        first, visible = ids[0] - CODES, len(condition) // 2
        assert ids[:visible] == [CODES + first + i for i in range(visible)]
        padding = PLACES - visible
        x = torch.cat(
            [torch.full((padding, s.hidden), 9.0).double(), condition[first : first + visible], w["tok_embeddings.weight"][ids[visible:]]])
        sees = torch.ones(len(x), len(x), dtype=torch.bool)
        sees[:, :padding] = False
        x = reference.decode(x, blocks(standard, s), s.heads, s.kv_heads, 1e-5, rotate, sees=sees)
        return (reference.rms_norm(x, w["norm.weight"], 1e-5) @ w["output.weight"].T)[padding:]

    file = save_torch(folder / "t2i_XL_stage1_256.pt", w, "model")
    t5 = write_t5(folder / "flan-t5", random)
    inputs = {"condition": condition.float().numpy(), "position_offset": np.array([PLACES - visible])}
    prompts = [[CODES + i for i in range(visible)], [CODES + visible + i for i in range(visible)]]
    arguments = ["--checkpoint", file, "--vq", vq, "--text-encoder", folder / "flan-t5", *options]

    def logits_of_text(ids: list[int]) -> Callable[[list[int]], Tensor]:
        return functools.partial(padded_logits, text_encoder_reference.condition(t5, w, ids))

    return Written(arguments, w, functools.partial(padded_logits, condition), prompts, [], 0, inputs, logits_of_text)


def write_t5(folder: Path, random: Random) -> Weights:
    heads, inner = 2, 32
    w = {"shared.weight": random.normal(40, T5_WIDTH), "encoder.final_layer_norm.weight": random.gamma(T5_WIDTH),
         "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": random.normal(32, heads)}
    for part in "qkvo":
        w[f"encoder.block.0.layer.0.SelfAttention.{part}.weight"] = random.matrix(T5_WIDTH, T5_WIDTH)
    for part in ("wi_0", "wi_1"):
        w[f"encoder.block.0.layer.1.DenseReluDense.{part}.weight"] = random.matrix(inner, T5_WIDTH)
    w["encoder.block.0.layer.1.DenseReluDense.wo.weight"] = random.matrix(T5_WIDTH, inner)
    for layer in (0, 1):
        w[f"encoder.block.0.layer.{layer}.layer_norm.weight"] = random.gamma(T5_WIDTH)
    save(folder / "model.safetensors", w)
    (folder / "spiece.model").write_bytes(unigram(["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz", "▁fox"]))
    return w


def unigram(pieces: Sequence[str]) -> bytes:
    """A SentencePiece model as a protocol buffer."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    kinds = {"<pad>": 3, "</s>": 3, "<unk>": 2}
    messages = [
        field(1, field(1, piece.encode()) + b"\x15" + np.float32(-i).tobytes() + bytes([3 << 3, kinds.get(piece, 1)])) for i,
        piece in enumerate(pieces)]
    return b"".join(messages) + field(2, bytes([3 << 3, 1])) + field(3, field(1, b"identity"))


# --- Janus ----------------------------------------------------------------------------------------------------------

JANUS_TOKENS = ["<｜begin▁of▁sentence｜>", "<｜▁pad▁｜>", "<begin_of_image>", "<|User|>", "<|Assistant|>"]


def janus(folder: Path, *, port: bool) -> Written:
    text_tokens = 256 + len(JANUS_TOKENS)
    s = Sizes(vocabulary=text_tokens + 3, hidden=128, heads=1, kv_heads=1, head_dim=128, inner=256)
    random = Random(14)
    language = "model.language_model." if port else "language_model.model."
    w = llama(random, s, language)
    w["lm_head.weight" if port else "language_model.lm_head.weight"] = random.matrix(s.vocabulary, s.hidden)
    names = (
        ("model.generation_embeddings", "model.generation_aligner.fc1", "model.generation_aligner.hidden_layers.0",
         "model.generation_head.proj_out", "model.generation_head.vision_head")
        if port else ("gen_embed", "gen_aligner.layers.0", "gen_aligner.layers.2", "gen_head.output_mlp_projector", "gen_head.vision_head"))
    embed, *linears = names
    w[f"{embed}.weight"] = random.normal(CODES, 8)
    for name, outputs, inputs in zip(linears, (s.hidden, s.hidden, s.hidden, CODES), (8, s.hidden, s.hidden, s.hidden)):
        w[f"{name}.weight"], w[f"{name}.bias"] = random.matrix(outputs, inputs, gain=2), random.beta(outputs)
    image = image_decoder_reference.LlamaGen
    w |= {
        name: values.double() for name,
        values in image_weights(image.hugging_face() if port else image(), "model.vqmodel." if port else "gen_vision_model.").items()}
    sizes = config(s, max_position_embeddings=16384)
    if port:
        write_json(folder / "config.json", {"model_type": "janus", "text_config": {**sizes, "rms_norm_eps": 1e-6}})
        save(folder / "model.safetensors", w)
    else:  # its config.json leaves much to LLaMA's defaults
        left = {key: sizes[key] for key in ("num_hidden_layers", "vocab_size", "max_position_embeddings")}
        write_json(folder / "config.json", {"model_type": "multi_modality", "language_config": left})
        save_torch(folder / "pytorch_model-00001-of-00002.bin", dict(list(w.items())[:12]))
        save_torch(folder / "pytorch_model-00002-of-00002.bin", dict(list(w.items())[12:]))
    write_json(folder / "tokenizer.json", tokenizer_json([], JANUS_TOKENS))

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def logits(ids: list[int], unseen: Sequence[int] = ()) -> Tensor:
        codes = linear(linears[1], reference.gelu(linear(linears[0], w[f"{embed}.weight"])))
        sees = torch.ones(len(ids), len(ids), dtype=torch.bool)
        sees[:, list(unseen)] = False
        x = torch.cat([w[f"{language}embed_tokens.weight"], codes])[ids]
        x = reference.decode(x, blocks(w, s, language), 1, 1, 1e-6, reference.half_split(10000), sees=sees)
        return linear(linears[3], reference.gelu(linear(linears[2], reference.rms_norm(x, w[f"{language}norm.weight"], 1e-6))))

    begin, pad, image_start = 256, 257, 258
    return Written(
        ["--checkpoint", folder], w, logits, [[begin, 259, 70, 71, 72, 260, image_start], [begin, *[pad] * 5, image_start]], [],
        s.vocabulary)


# --- Lumina-mGPT 2.0 ------------------------------------------------------------------------------------------------

def lumina2(folder: Path) -> Written:
    """The ids are fixed and large, so the embedding has many rows, most of them zeros."""
    first_code = 155000
    s = Sizes(vocabulary=171384, hidden=32, heads=2, kv_heads=2)
    random = Random(15)
    w = llama(random, dataclasses.replace(s, vocabulary=600), norm_rows=(2, 2))
    head = random.matrix(CODES, s.hidden, gain=2)
    for name, rows in (("model.embed_tokens.weight", random.normal(CODES, s.hidden)), ("lm_head.weight", head)):
        table = torch.zeros(s.vocabulary, s.hidden).double()
        table[:600] = w.get(name, table[:600])
        table[first_code : first_code + CODES] = rows
        table[151665:151671] = random.normal(6, s.hidden)
        w[name] = table
    write_json(folder / "config.json", config(s, model_type="chameleon", max_position_embeddings=40960, bos_token_id=1, eos_token_id=2))
    # The tokenizer has no first token of a text, although config.json names one.
    write_json(folder / "tokenizer_config.json", {"bos_token": None, "eos_token": {"content": "<reserved08707>", "special": True}})
    write_json(folder / "tokenizer.json", tokenizer_json([f"<reserved{8700 + n:05d}>" for n in range(140)]))
    save(folder / "model.safetensors", w, torch.float16)
    w = {name: values.half().double() for name, values in w.items()}
    vq = save_torch(folder / "vq" / "movqgan.ckpt", image_weights(image_decoder_reference.Movq()))

    def logits(ids: list[int]) -> Tensor:
        x = reference.decode(w["model.embed_tokens.weight"][ids], blocks(w, s), s.heads, s.kv_heads, 1e-5, reference.half_split(10000))
        return reference.rms_norm(x, w["model.norm.weight"], 1e-5) @ w["lm_head.weight"][first_code : first_code + CODES].T

    header = [151665, 108, 108]
    return Written(
        ["--checkpoint", folder, "--vq", vq, "--size", "768"], w, logits, [[7, 90, 91, 6, *header], header], [151670], first_code)
