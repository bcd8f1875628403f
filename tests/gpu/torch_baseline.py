#!/usr/bin/env python3
"""What research code pays for a pass: transformers' Chameleon of 7B shape in bfloat16, eager with PyTorch's attention.

Two sequences for guidance, 1,000 tokens cached. Also the copy bandwidth and bare matrix products. Prints lines of "name: figure".
"""

from __future__ import annotations

import statistics
import time
import warnings

import torch
from transformers import ChameleonConfig, ChameleonForConditionalGeneration

LAYERS, PAST, CODES = 32, 1000, (10000, 60000)


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    with torch.no_grad():
        time_passes()
    time_copies()
    time_products()


def time_passes() -> None:
    names = {f"IMGIMG{chr(65 + i // 676)}{chr(65 + i // 26 % 26)}{chr(65 + i % 26)}Z": 4 + i for i in range(64)}
    config = ChameleonConfig(
        vocab_size=65536, hidden_size=4096, intermediate_size=11008, num_hidden_layers=LAYERS, num_attention_heads=32,
        num_key_value_heads=32, max_position_embeddings=4096, vocabulary_map={**names, "<image>": 8711})
    config._attn_implementation = "sdpa"
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"):
        model = ChameleonForConditionalGeneration(config).eval()
    torch.set_default_dtype(torch.float32)
    cache = model.model(input_ids=torch.randint(*CODES, (2, PAST), device="cuda"), use_cache=True).past_key_values
    for tokens in (1, 17, 33):
        times = []
        for _ in range(24):
            ids = torch.randint(*CODES, (2, tokens), device="cuda")
            torch.cuda.synchronize()
            start = time.perf_counter()
            states = model.model(
                input_ids=ids, past_key_values=cache, use_cache=True,
                cache_position=torch.arange(PAST, PAST + tokens, device="cuda")).last_hidden_state
            model.lm_head(states).float().argmax(-1).cpu()
            torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
            cache.crop(PAST)
        print(f"eager pass of {tokens} tokens a lane, 7B shape, bf16: {1000 * statistics.median(times):.2f} ms", flush=True)


def time_copies() -> None:
    source, target = (torch.empty(2 << 30, dtype=torch.uint8, device="cuda") for _ in range(2))
    seconds = seconds_of(lambda: target.copy_(source), 20)
    print(f"copy bandwidth, read and written: {2 * source.numel() / seconds / 1e12:.2f} TB/s", flush=True)


def time_products() -> None:
    matrices = [torch.randn(22016, 4096, dtype=torch.bfloat16, device="cuda") for _ in range(16)]  # more than the cache holds
    for rows in (2, 34, 66):
        x = torch.randn(rows, 4096, dtype=torch.bfloat16, device="cuda")
        seconds = seconds_of(lambda: [x @ matrix.T for matrix in matrices], 4) / len(matrices)
        bandwidth = 22016 * 4096 * 2 / seconds / 1e12
        print(f"{rows} rows times 4096x22016, bf16: {1e6 * seconds:.0f} us, {bandwidth:.2f} TB/s of weights", flush=True)


def seconds_of(work, repetitions: int) -> float:
    work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(repetitions):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / repetitions


if __name__ == "__main__":
    main()
