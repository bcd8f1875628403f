"""The text encoder's graph, compared with PyTorch code that pads and masks as LlamaGen does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness import text_encoder_reference as reference
from harness.runner import Runner, RunnerError
from sjdexport import contract
from sjdexport.checkpoint import Checkpoint
from sjdexport.errors import ExportError
from sjdexport.graph import Graph
from sjdexport.safetensors import write_safetensors
from sjdexport.text_encoder import T5Encoder, buckets
from sjdexport.weights import Weights

# all heads together are wider than the hidden state, as in some T5 models
VOCABULARY, HIDDEN, HEADS, HEAD_DIM, INNER, LAYERS = 50, 48, 3, 20, 72, 3
PLACES, WIDTH = 120, 40
SESSION = "text encoder"


def t5_tensors(dtype: type = np.float32) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return random.normal(0, columns**-0.5, (rows, columns))

    def gamma() -> np.ndarray:
        return random.uniform(0.5, 1.5, HIDDEN)

    tensors = {"shared.weight": random.normal(0, 1, (VOCABULARY, HIDDEN)), "encoder.final_layer_norm.weight": gamma()}
    for i in range(LAYERS):
        attention, mlp = f"encoder.block.{i}.layer.0", f"encoder.block.{i}.layer.1"
        tensors |= {f"{attention}.layer_norm.weight": gamma(), f"{mlp}.layer_norm.weight": gamma()}
        tensors |= {f"{attention}.SelfAttention.{part}.weight": matrix(HEADS * HEAD_DIM, HIDDEN) for part in "qkv"}
        tensors[f"{attention}.SelfAttention.o.weight"] = matrix(HIDDEN, HEADS * HEAD_DIM)
        tensors |= {f"{mlp}.DenseReluDense.{part}.weight": matrix(INNER, HIDDEN) for part in ("wi_0", "wi_1")}
        tensors[f"{mlp}.DenseReluDense.wo.weight"] = matrix(HIDDEN, INNER)
    tensors["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = random.normal(0, 2, (32, HEADS))
    return {name: values.astype(dtype) for name, values in tensors.items()}


def caption_tensors() -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    tensors = {
        "cls_embedding.cap_proj.fc1.weight": random.normal(0, HIDDEN**-0.5, (WIDTH, HIDDEN)),
        "cls_embedding.cap_proj.fc2.weight": random.normal(0, WIDTH**-0.5, (WIDTH, WIDTH)),
        "cls_embedding.uncond_embedding": random.normal(0, 1, (PLACES, HIDDEN)),
    }
    return {name: values.astype(np.float32) for name, values in tensors.items()}


def write(folder: Path, t5: dict[str, np.ndarray], captions: dict[str, np.ndarray]) -> T5Encoder:
    checkpoints = []
    for name, tensors in (("t5", t5), ("captions", captions)):
        (folder / name).mkdir()
        write_safetensors(folder / name / f"{name}.safetensors", tensors)
        checkpoints.append(Checkpoint(folder / name))
    return T5Encoder(*checkpoints)


def save(folder: Path, encoder: T5Encoder) -> Path:
    graph = Graph("text_encoder")
    encoder.build(graph, Weights(graph, folder / "text_encoder.data"))
    path = folder / contract.TEXT_ENCODER
    graph.save(path)
    return path


@pytest.fixture(scope="module", params=["shared", "tied", "float16"])
def tensors(
    request: pytest.FixtureRequest, runner: Runner, tmp_path_factory: pytest.TempPathFactory
) -> tuple[reference.Weights, reference.Weights]:
    """The weights (float64) of a loaded encoder, with either name of the embedding, and in half precision."""
    folder = tmp_path_factory.mktemp("text_encoder")
    t5, captions = t5_tensors(np.float16 if request.param == "float16" else np.float32), caption_tensors()
    name = "encoder.embed_tokens.weight" if request.param == "tied" else "shared.weight"
    encoder = write(folder, {**{k: v for k, v in t5.items() if k != "shared.weight"}, name: t5["shared.weight"]}, captions)
    assert encoder.places == PLACES
    runner.load(SESSION, save(folder, encoder))
    return tuple({name: torch.from_numpy(values.astype(np.float64)) for name, values in part.items()} for part in (t5, captions))


@pytest.mark.parametrize("n", [1, 2, 17, PLACES])
def test_the_condition_matches_the_reference(runner: Runner, tensors: tuple[reference.Weights, reference.Weights], n: int) -> None:
    ids = [*np.random.default_rng(n).integers(2, VOCABULARY, n - 1).tolist(), 1]
    want = reference.condition(*tensors, ids).numpy()
    assert want.shape == (2 * n, WIDTH) and want.std() > 0.1
    np.testing.assert_allclose(run(runner, ids), want, rtol=0, atol=1e-4)


def test_longer_texts_fail(runner: Runner, tensors: object) -> None:
    with pytest.raises(RunnerError, match="out of data bounds"):
        run(runner, [1] * (PLACES + 1))


def test_buckets_equal_the_reference() -> None:
    distances = np.arange(-200, 201)
    assert buckets(distances, 32).tolist() == [reference.bucket(int(distance), 32) for distance in distances]


ATTENTION, MLP = "encoder.block.1.layer.0.SelfAttention", "encoder.block.1.layer.1.DenseReluDense"


@pytest.mark.parametrize(("name", "shape", "expected"), [
    (f"{ATTENTION}.k.weight", None, "[60, 48]"),
    (f"{ATTENTION}.q.weight", (61, 48), "61 rows; expected a multiple of 3"),
    (f"{ATTENTION}.o.weight", (60, 48), "[48, 60]"),
    ("encoder.block.1.layer.0.layer_norm.weight", None, "[48]"),
    (f"{MLP}.wi_0.weight", None, "[any, 48]"),
    (f"{MLP}.wo.weight", (72, 48), "[48, 72]"),
    ("encoder.final_layer_norm.weight", (47,), "[48]"),
    ("shared.weight", None, "[any, any]"),
    ("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", None, "[any, any]"),
    ("cls_embedding.uncond_embedding", (120, 32), "[any, 48]"),
    ("cls_embedding.cap_proj.fc1.weight", (40, 32), "[any, 48]"),
    ("cls_embedding.cap_proj.fc2.weight", (40, 32), "[any, 40]"),
])
def test_a_missing_or_misshapen_tensor_is_named(tmp_path: Path, name: str, shape: tuple[int, ...] | None, expected: str) -> None:
    t5, captions = t5_tensors(), caption_tensors()
    part = t5 if name in t5 else captions
    if shape is None:
        del part[name]
    else:
        part[name] = np.ones(shape, np.float32)
    with pytest.raises(ExportError) as error:
        save(tmp_path, write(tmp_path, t5, captions))
    assert name in str(error.value) and expected in str(error.value)


def run(runner: Runner, ids: list[int]) -> np.ndarray:
    return runner.run(SESSION, {contract.IDS: np.array([ids])}, [contract.CONDITION])[contract.CONDITION]
