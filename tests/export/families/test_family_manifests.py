"""model.json of each family: prompts, sizes, guidance and licenses as published, and messages about missing or wrong input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from harness import family_checkpoints as checkpoints
from harness.exports import assert_one_sentence, run_export
from harness.family_checkpoints import CODES, Written
from harness.runner import Runner
from sjdexport import contract
from sjdexport.families import emu3, llamagen, lumina


def manifest(written: Written, out: Path, pictures: str = "") -> dict:
    done = run_export(*written.arguments, "--out", out, "--precision", "fp32", "--pictures", pictures)
    assert done.returncode == 0, done.stderr
    return json.loads((out / "model.json").read_text())


def sampling(guidance: float, temperature: float, top_k: int, top_p: float) -> dict:
    return {
        "guidance": guidance, "temperature": temperature, "topK": top_k, "topP": top_p,
        "order": ["guidance", "temperature", "topK", "topP"]}


def test_anole_has_the_published_settings(tmp_path: Path) -> None:
    model = manifest(checkpoints.chameleon(tmp_path / "checkpoint"), tmp_path / "out")
    end, start, turn = 4 + CODES, 5 + CODES, 6 + CODES
    assert model["prompt"] == {"conditional": [0, {"text": "{prompt}"}, turn, start], "unconditional": [0, start], "negative": None,
                               "cleaning": None, "maxTokens": 1024}
    assert model["layout"] == {"firstCode": 4, "codes": CODES, "rowSuffix": [], "suffix": [end]}
    assert model["image"] == {"graph": "image_decoder.onnx", "pixelsPerCode": 4, "sizes": [[512, 512]]}
    assert model["sampling"] == sampling(3.0, 0.7, 0, 0.9)
    assert model["license"]["id"] == "chameleon-research" and model["license"]["commercial"] is False
    attribution = "Chameleon is licensed under the Chameleon Research License, Copyright (c) Meta Platforms, Inc. All Rights Reserved."
    assert attribution in model["license"]["notice"]


@pytest.mark.parametrize("meta", [False, True])
def test_anole_with_a_size_or_another_image_decoder_is_not_taken_for_lumina(tmp_path: Path, meta: bool) -> None:
    written = with_size(checkpoints.chameleon(tmp_path / "checkpoint", meta=meta), 512)
    if not meta:
        checkpoints.chameleon(tmp_path / "other", lumina=True)
        written.arguments += ["--vq", tmp_path / "other" / "vq" / "vqgan.ckpt"]
    model = manifest(written, tmp_path / "out")
    assert model["image"]["sizes"] == [[512, 512]] and model["layout"]["rowSuffix"] == [] and model["sampling"]["topP"] == 0.9


@pytest.mark.parametrize("is_lumina", [False, True])
def test_a_given_prompt_does_not_change_other_settings(tmp_path: Path, is_lumina: bool) -> None:
    written = checkpoints.chameleon(tmp_path / "checkpoint", lumina=is_lumina)
    model = manifest(written, tmp_path / "out")
    given = {section: model[section] for section in ("prompt", "layout")}
    again = manifest(with_sections(written, **given, image={"sizes": model["image"]["sizes"]}), tmp_path / "again")
    assert {**again, "name": "out"} == {**model, "name": "out", "files": again["files"]}


def test_lumina_has_the_published_settings(tmp_path: Path) -> None:
    model = manifest(checkpoints.chameleon(tmp_path / "checkpoint", lumina=True), tmp_path / "out")
    end, start, turn, new_line, none = range(4 + CODES, 9 + CODES)
    # 8 codes of 4 pixels to 32 pixels
    header = [start, {"from": none, "plus": "rows", "per": 8}, {"from": none, "plus": "columns", "per": 8}]
    text = {"text": "Generate an image of {width}x{height} according to the following prompt:\n{prompt}"}
    assert model["prompt"]["conditional"] == [0, text, turn, *header]
    assert model["prompt"]["unconditional"] == header
    assert model["layout"] == {"firstCode": 4, "codes": CODES, "rowSuffix": [new_line], "suffix": [end, turn]}
    assert model["image"]["sizes"][0] == [512, 512] and [1024, 256] in model["image"]["sizes"]
    assert model["sampling"] == sampling(4.0, 1.0, 2000, 1.0)
    assert model["decoding"] == {"method": "sjd", "window": 16, "initialization": "uniform", "sequential": {"first": 0, "last": 12}}
    assert model["family"] == "chameleon"


def test_text_of_lumina_has_the_space_that_pictures_leave(tmp_path: Path) -> None:
    longest = max((width // 4 + 1) * (height // 4) for width, height in lumina.sizes(512))
    written = with_config(checkpoints.chameleon(tmp_path / "checkpoint", lumina=True), max_position_embeddings=longest + 5 + 2 + 30)
    assert manifest(written, tmp_path / "out")["prompt"]["maxTokens"] == 30


def test_janus_with_a_given_prompt_needs_no_special_tokens(tmp_path: Path) -> None:
    prompt = {"conditional": [5, {"text": "{prompt}"}], "unconditional": [5], "maxTokens": 9, "negative": None, "cleaning": None}
    written = with_tokenizer(checkpoints.janus(tmp_path / "checkpoint", port=True), [], checkpoints.JANUS_TOKENS[:2])
    assert manifest(with_sections(written, prompt=prompt), tmp_path / "out")["prompt"] == prompt


def test_text_of_lumina2_has_the_space_that_pictures_leave(tmp_path: Path) -> None:
    longest = max((width // 4 + 1) * (height // 4) for width, height in lumina.sizes(768))
    written = with_config(checkpoints.lumina2(tmp_path / "checkpoint"), max_position_embeddings=longest + 5 + 1 + 30)
    assert manifest(written, tmp_path / "out")["prompt"]["maxTokens"] == 30


@pytest.mark.parametrize("target", [512, 768, 1024])
def test_sizes_of_lumina_are_as_large_as_possible(target: int) -> None:
    sizes = lumina.sizes(target)
    assert sizes[0] == [target, target] and [2 * target, target // 2] in sizes and [target // 2, 2 * target] in sizes
    assert len({tuple(size) for size in sizes}) == len(sizes)
    assert {(width, height) for width, height in sizes} == {(height, width) for width, height in sizes}
    for width, height in sizes:
        assert width % 32 == height % 32 == 0 and width * height <= target**2 and max(width, height) <= 4 * min(width, height)
        assert (width + 32) * (height + 32) > target**2  # about as large as can be


def test_emu3_has_the_published_settings(tmp_path: Path) -> None:
    written = checkpoints.emu3(tmp_path / "checkpoint")
    model = manifest(written, tmp_path / "out")
    first = written.first_code

    def lane(text: str) -> list:
        return [first - 5, {"text": text}, first - 2, {"text": "{rows}*{columns}"}, first - 3]

    assert model["prompt"]["conditional"] == lane("{prompt} masterpiece, film grained, best quality.")
    assert model["prompt"]["unconditional"] == lane("{negative}")
    assert model["prompt"]["negative"].startswith("lowres, bad anatomy")
    assert model["layout"] == {"firstCode": first, "codes": CODES, "rowSuffix": [first - 8], "suffix": [first - 7, first - 1, first - 4]}
    assert model["sampling"] == sampling(3.0, 1.0, 2048, 1.0)
    assert model["image"]["sizes"][0] == [720, 720]
    assert model["decoding"]["sequential"] == {"first": 1, "last": 1}
    assert model["license"]["id"] == "unknown" and model["license"]["commercial"] is False and "code" in model["license"]["notice"]


def test_the_sizes_of_emu3_follow_from_the_area_in_its_config(tmp_path: Path) -> None:
    written = with_config(checkpoints.emu3(tmp_path / "checkpoint"), image_area=512 * 512)
    assert manifest(written, tmp_path / "out")["image"]["sizes"][:2] == [[512, 512], [592, 440]]


def test_structural_ids_of_emu3_are_the_published_ones() -> None:
    """The published vocabulary has its codes from 151854 on."""
    published = {emu3.BEGIN: 151849, emu3.END: 151850, emu3.CODES_START: 151851, emu3.IMAGE_START: 151852, emu3.IMAGE_END: 151853,
                 emu3.ROW_END: 151846, emu3.FRAME_END: 151847}
    assert all(151854 + distance == id for distance, id in published.items())
    assert emu3.size(16, 9) == [960, 544] and emu3.size(1, 1) == [720, 720]


def test_llamagen_by_class_has_the_published_settings(tmp_path: Path) -> None:
    model = manifest(checkpoints.llamagen(tmp_path, text=False, size=None), tmp_path / "out")
    assert model["image"] == {"graph": "image_decoder.onnx", "pixelsPerCode": 4, "sizes": [[256, 256]]}
    assert model["prompt"] == {"conditional": [{"class": CODES, "of": checkpoints.CLASSES}], "unconditional": [CODES + checkpoints.CLASSES],
                               "negative": None, "cleaning": None, "maxTokens": 1}
    assert "tokenizer" not in model and "textEncoder" not in model and not any(name.startswith("tokenizer.") for name in model["files"])
    assert model["layout"] == {"firstCode": 0, "codes": CODES, "rowSuffix": [], "suffix": []}
    assert model["transformer"]["maxPositions"] == 1 + 64**2
    assert model["sampling"] == sampling(4.0, 1.0, 2000, 1.0)
    assert model["license"] == {"id": "MIT", "notice": model["license"]["notice"], "commercial": True}


def test_llamagen_by_text_has_the_published_settings(tmp_path: Path, runner: Runner) -> None:
    model = manifest(checkpoints.llamagen(tmp_path, text=True), tmp_path / "out", pictures="2,4")
    assert model["transformer"]["precisions"]["fp32"]["batches"] == {}  # each picture has its own text
    assert model["textEncoder"] == {"graph": "text_encoder.onnx", "places": 120, "firstId": CODES, "ids": [{"text": "{prompt}"}, 1]}
    assert model["prompt"] == {"conditional": [{"encoded": "prompt"}], "unconditional": [{"encoded": "nothing"}], "negative": None,
                               "cleaning": "t5-captions", "maxTokens": 119}
    assert model["sampling"] == sampling(7.5, 1.0, 1000, 1.0)
    assert model["decoding"] == {"method": "sjd", "window": 16, "initialization": "repeat-left", "sequential": {"first": 1, "last": 18}}
    assert set(model["files"]) >= {"text_encoder.onnx", "text_encoder.data", "tokenizer.spiece.model"}
    runner.tokenizer("t2i tokenizer", tmp_path / "out", model["tokenizer"])
    runner.load("t2i encoder", tmp_path / "out" / contract.TEXT_ENCODER)
    with_end = np.array([[*runner.tokenize("t2i tokenizer", ["a fox"])[0], 1]])
    condition = runner.run("t2i encoder", {contract.IDS: with_end}, [contract.CONDITION])[contract.CONDITION]
    assert condition.shape == (2 * with_end.shape[1], 128) and np.isfinite(condition).all()


def test_documents_next_to_a_single_file_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "Emu3"}')
    (tmp_path / "generation.json").write_text('{"name": "another"}')
    assert manifest(checkpoints.llamagen(tmp_path, text=False), tmp_path / "out")["name"] == "out"


@pytest.mark.parametrize("port", [False, True])
def test_janus_has_the_published_settings(tmp_path: Path, port: bool) -> None:
    written = checkpoints.janus(tmp_path / "checkpoint", port=port)
    model = manifest(written, tmp_path / "out")
    assert model["prompt"]["conditional"] == [256, 259, {"text": ": {prompt}\n\n"}, 260, {"text": ":"}, 258]
    assert model["prompt"]["unconditional"] == [256, {"fill": 257}, 258]
    assert model["prompt"]["cleaning"] == "strip"
    assert model["layout"] == {"firstCode": written.first_code, "codes": CODES, "rowSuffix": [], "suffix": []}
    assert model["image"]["sizes"] == [[384, 384]]
    assert model["sampling"] == sampling(5.0, 1.0, 0, 1.0)
    assert model["transformer"]["maxPositions"] == 4096
    assert model["license"]["commercial"] is True


def test_lumina2_has_the_published_settings(tmp_path: Path) -> None:
    model = manifest(checkpoints.lumina2(tmp_path / "checkpoint"), tmp_path / "out")
    header = [151665, {"from": 100, "plus": "rows", "per": 8}, {"from": 100, "plus": "columns", "per": 8}]
    assert model["family"] == "lumina2"
    assert model["prompt"]["conditional"][0] == 7 and model["prompt"]["conditional"][2:] == [6, *header]
    assert model["prompt"]["unconditional"] == header
    assert model["layout"] == {"firstCode": 155000, "codes": CODES, "rowSuffix": [151670], "suffix": [151666]}
    assert model["sampling"] == sampling(4.0, 1.0, 4096, 1.0)
    assert model["decoding"]["sequential"] == {"first": 0, "last": 12}


def test_prompts_of_lumina2_begin_with_the_token_that_the_tokenizer_names(tmp_path: Path) -> None:
    written = with_special_tokens(checkpoints.lumina2(tmp_path / "checkpoint"), bos_token="<reserved08709>", eos_token="<reserved08708>")
    assert manifest(written, tmp_path / "out")["prompt"]["conditional"][0] == 9


def test_lumina2_with_a_given_prompt_needs_no_size(tmp_path: Path) -> None:
    prompt = {"conditional": [5, {"text": "{prompt}"}], "unconditional": [5], "maxTokens": 9, "negative": None, "cleaning": None}
    written = with_sections(without(checkpoints.lumina2(tmp_path / "checkpoint"), "--size"), prompt=prompt, image={"sizes": [[64, 64]]})
    model = manifest(written, tmp_path / "out")
    assert model["prompt"] == prompt and model["layout"]["firstCode"] == 155000


def test_the_heads_of_all_llamagen_models_in_the_published_code_are_known() -> None:
    """Layers, heads and width of B, L, XL, XXL, XXXL, 1B, 3B and 7B."""
    published = [(12, 768), (16, 1024), (20, 1280), (24, 1536), (40, 2560), (32, 2048), (32, 3200), (32, 4096)]
    assert all(llamagen.HEAD_DIMS[width] * heads == width for heads, width in published)


def test_lumina_ends_drafts_where_the_published_code_does() -> None:
    """The published loop drafts up to token columns * rows + rows - 10 after the text, and the header's three tokens come first."""
    columns = rows = 32
    drafted = range(columns * rows + rows - 10)
    picture = [is_code for _ in range(rows) for is_code in [*[True] * columns, False]]
    not_drafted = picture[len(drafted) - 3 :]
    assert sum(not_drafted) == lumina.SEQUENTIAL["last"]


# --- Missing or wrong input -----------------------------------------------------------------------------------------

def without(written: Written, *options: str) -> Written:
    """The same without these options and their values."""
    arguments = list(written.arguments)
    for option in options:
        at = arguments.index(option)
        del arguments[at : at + 2]
    written.arguments = arguments
    return written


def renamed(written: Written, old: str, new: str) -> Written:
    path = Path(str(written.arguments[1]))
    (path if path.is_dir() else path.parent).joinpath(old).rename((path if path.is_dir() else path.parent) / new)
    written.arguments = [
        new if argument == old else path.parent / new if argument == path.parent / old else argument for argument in written.arguments]
    return written


def copied(written: Written, old: str, new: str) -> Written:
    folder = Path(str(written.arguments[1]))
    (folder / new).write_bytes((folder / old).read_bytes())
    return written


def with_tokenizer(written: Written, tokens: list[str], added: list[str]) -> Written:
    checkpoints.write_json(Path(str(written.arguments[1])) / "tokenizer.json", checkpoints.tokenizer_json(tokens, added))
    return written


def with_special_tokens(written: Written, **tokens: str) -> Written:
    checkpoints.write_json(Path(str(written.arguments[1])) / "special_tokens_map.json", tokens)
    return written


def with_tensor(written: Written, name: str) -> Written:
    folder = Path(str(written.arguments[1]))
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    checkpoints.save(folder / "model-more.safetensors", {name: torch.ones(1)})
    return written


def with_parameters(written: Written, **fields: object) -> Written:
    checkpoints.write_json(Path(str(written.arguments[1])) / "params.json", {"model": fields})
    return written


def with_sections(written: Written, **sections: object) -> Written:
    checkpoints.write_json(Path(str(written.arguments[1])) / "generation.json", sections)
    return written


def with_config(written: Written, **fields: object) -> Written:
    path = Path(str(written.arguments[1])) / "config.json"
    checkpoints.write_json(path, {**json.loads(path.read_text()), **fields})
    return written


FAILURES: dict[str, tuple[Callable[[Path], Written], list[str]]] = {
    "lumina without size": (lambda f: without(checkpoints.chameleon(f, lumina=True), "--size"), ["--size 512, 768 or 1024"]),
    "lumina of another size": (lambda f: with_size(checkpoints.chameleon(f, lumina=True), 640), ["--size is 640", "512, 768, 1024"]),
    "anole of another size": (lambda f: with_size(checkpoints.chameleon(f), 768), ["--size is 768", "Anole", "512 x 512"]),
    "anole of Meta and another size": (lambda f: with_size(checkpoints.chameleon(f, meta=True), 1024), ["--size is 1024", "Anole"]),
    "meta of more parts without parameters": (
        lambda f: renamed(
            renamed(checkpoints.chameleon(f, meta=True, swin=True, heads=8, norm_rows=4), "params.json", "x"), "consolidate_params.json",
            "y"),
        ["params.json is missing"]),
    "meta with other parameters": (
        lambda f: with_parameters(checkpoints.chameleon(f, meta=True), dim=128), ["dim 128", "64", "not from the same model"]),
    "meta with a word for a number": (
        lambda f: with_parameters(checkpoints.chameleon(f, meta=True), norm_eps="1e-5"), ["norm_eps", "'1e-5'"]),
    "lumina without image decoder": (lambda f: without(checkpoints.chameleon(f, lumina=True), "--vq"), ["vqgan.ckpt with --vq"]),
    "lumina with few positions": (
        lambda f: with_config(checkpoints.chameleon(f, lumina=True), max_position_embeddings=4096), ["--size 512", "4096 positions"]),
    "chameleon without its tokens": (
        lambda f: with_tokenizer(checkpoints.chameleon(f), checkpoints.chameleon_tokens(range(CODES))[:-36], []),
        ["<racm3:break>", "generation.json"]),
    "chameleon without code tokens": (lambda f: with_tokenizer(checkpoints.chameleon(f), ["<s>"], []), ["IMGIMGAZ", "generation.json"]),
    "chameleon with a word for a flag": (
        lambda f: with_config(checkpoints.chameleon(f), swin_norm="false"), ["swin_norm", "'false'", "true or false"]),
    "chameleon with a list of the image decoder": (
        lambda f: with_config(checkpoints.chameleon(f), vq_config=[32]), ["vq_config", "[32]", "object"]),
    "janus with words for sizes": (
        lambda f: with_config(checkpoints.janus(f, port=True), text_config={"hidden_size": "128", "num_attention_heads": 0}),
        ["hidden_size", "'128'"]),
    "janus with a list of sizes": (lambda f: with_config(checkpoints.janus(f, port=True), text_config=[1]), ["text_config", "object"]),
    "chameleon in parts": (lambda f: copied(checkpoints.chameleon(f, meta=True), "consolidated.pth", "consolidated.01.pth"),
                           ["consolidated.01.pth to consolidated.pth", "Hugging Face's conversion"]),
    "emu3 without vision tokenizer": (lambda f: without(checkpoints.emu3(f), "--vq"), ["Emu3-VisionTokenizer with --vq"]),
    "emu3 without tokenizer": (lambda f: renamed(checkpoints.emu3(f), "emu3.tiktoken", "x"), ["emu3.tiktoken"]),
    "emu3 of another vocabulary": (
        lambda f: drop_last_line(checkpoints.emu3(f), f / "emu3.tiktoken"), ["<|extra_200|>", "not from the same model"]),
    "llamagen without size": (
        lambda f: renamed(checkpoints.llamagen(f, text=False, size=None), "c2i_B_256.pt", "c2i.pt"), ["--size 256, 384 or 512"]),
    "llamagen of no whole number of codes": (
        lambda f: with_size(checkpoints.llamagen(f, text=False), 255), ["--size is 255", "multiple of 4"]),
    "llamagen without image decoder": (lambda f: without(checkpoints.llamagen(f, text=False), "--vq"), ["vq_ds16_c2i.pt", "--vq"]),
    "llamagen with another image decoder": (
        lambda f: with_fewer_codes(checkpoints.llamagen(f, text=False)), ["vq_ds16.pt", "16 codes", f"{CODES}", "--vq"]),
    "llamagen without text encoder": (
        lambda f: without(checkpoints.llamagen(f, text=True), "--text-encoder"), ["--text-encoder", "spiece.model"]),
    "janus without its tokens": (
        lambda f: with_tokenizer(checkpoints.janus(f, port=False), [], checkpoints.JANUS_TOKENS[:2]), ["<begin_of_image>"]),
    "janus with other codes": (
        lambda f: with_sections(checkpoints.janus(f, port=True), layout={"firstCode": 3, "codes": CODES, "rowSuffix": [], "suffix": []}),
                               [f"{CODES} codes from id 3 on", "as in the weights", "correct generation.json"]),
    "llamagen of another grid": (
        lambda f: with_sections(in_folder(checkpoints.llamagen(f, text=False)), image={"sizes": [[64, 64], [64, 32]]}),
        ["64x32", "only 64x64"]),
    "emu3 with fewer codes": (
        lambda f: with_sections(checkpoints.emu3(f), layout={"firstCode": 472, "codes": CODES - 1, "rowSuffix": [], "suffix": []}),
                              [f"{CODES - 1} codes", f"{CODES} codes", "generation.json"]),
    "janus without config": (lambda f: renamed(checkpoints.janus(f, port=True), "config.json", "x"), ["config.json"]),
    "lumina2 without a first token": (
        lambda f: renamed(checkpoints.lumina2(f), "tokenizer_config.json", "x"), ["bos_token", "tokenizer_config.json", "generation.json"]),
    "lumina2 of another first token": (lambda f: with_special_tokens(checkpoints.lumina2(f), bos_token="<s>"), ["no token <s>"]),
    "lumina2 without size": (lambda f: without(checkpoints.lumina2(f), "--size"), ["--size 768"]),
    "lumina2 of another size": (lambda f: with_size(checkpoints.lumina2(f), 1024), ["--size is 1024", "--size 768"]),
    "llamagen of an unknown width": (lambda f: checkpoints.llamagen(f, text=False, head_dim=96), ["192 wide", "1280, 1536", "not known"]),
    "emu3 of hugging face": (
        lambda f: with_config(checkpoints.emu3(f), num_hidden_layers=None, text_config={}), ["Hugging Face's port", "BAAI"]),
    "emu3 under hugging face's names": (
        lambda f: with_tensor(checkpoints.emu3(f), "model.text_model.norm.weight"), ["Hugging Face's port", "BAAI"]),
    "emu3 of no area": (lambda f: with_config(checkpoints.emu3(f), image_area="720*720"), ["image_area", "positive integer"]),
    "another family": (lambda f: with_family(checkpoints.emu3(f), "llamagen"), ["emu3, not llamagen"]),
    "no family": (lambda f: with_config(checkpoints.emu3(f), model_type="llama"), ["no known family", "--family"]),
}


def in_folder(written: Written) -> Written:
    """The same with LlamaGen's file in a folder, because documents are only read from folders."""
    file = Path(str(written.arguments[1]))
    (file.parent / "model").mkdir()
    written.arguments[1] = file.rename(file.parent / "model" / file.name).parent
    return written


def with_size(written: Written, size: int) -> Written:
    written.arguments += ["--size", size]
    return written


def with_fewer_codes(written: Written) -> Written:
    weights = torch.load(written.arguments[3])["model"]
    weights["quantize.embedding.weight"] = weights["quantize.embedding.weight"][:16]
    torch.save(weights, written.arguments[3])
    return written


def with_family(written: Written, family: str) -> Written:
    written.arguments += ["--family", family]
    return written


def drop_last_line(written: Written, path: Path) -> Written:
    path.write_bytes(b"\n".join(path.read_bytes().splitlines()[:-1]) + b"\n")
    return written


@pytest.mark.parametrize("failure", FAILURES)
def test_missing_or_wrong_input_is_reported_in_one_sentence(failure: str, tmp_path: Path) -> None:
    write, expected = FAILURES[failure]
    (tmp_path / "checkpoint").mkdir()
    done = run_export(*write(tmp_path / "checkpoint").arguments, "--out", tmp_path / "out", "--precision", "fp32")
    assert_one_sentence(done, expected)
    assert not (tmp_path / "out").exists()
