"""The gradient of TarFlow's loss, one graph for each flow block: the forward pass and its vector-Jacobian product, written out by hand.

Sampled pictures have the noise of the training pictures. They are denoised by a step along the gradient of the logarithm of the density.
"""

from __future__ import annotations

import math

import numpy as np

from ..graph import FLOAT, INT64, Graph

TOKENS = "tokens"  # float32 [1, T, C], in the block's own order
CLASS = "class"  # int64 [1]
NOISE_GRADIENT = "noise_gradient"  # float32 [1, T, C], of the loss with respect to the block's output
TOKENS_GRADIENT = "tokens_gradient"  # float32 [1, T, C], of the same with respect to its input, the block's own log-determinant included


class GradientGraph:
    """Adds the gradient of one block. Its loss is half the sum of the squared noise minus the log-determinant."""

    def __init__(self, graph: Graph, tokens: int, channels: int, heads: int, head: int, epsilon: float) -> None:
        self._graph, self._tokens, self._channels, self._heads, self._head, self._epsilon = graph, tokens, channels, heads, head, epsilon
        self._count = 0

    def build(self, weights: dict[str, str], layers: int) -> None:
        """Adds everything. `weights` has the initializers by their names in the checkpoint, matrices transposed to [inputs, outputs]."""
        graph, shape = self._graph, [1, self._tokens, self._channels]
        x, label, given = graph.input(TOKENS, FLOAT, shape), graph.input(CLASS, INT64, [1]), graph.input(NOISE_GRADIENT, FLOAT, shape)
        hidden = self._op("Add", self._op("Add", self._op("MatMul", x, weights["proj_in.weight"]), weights["positions"]),
                          self._op("Gather", weights["classes"], label))
        kept = []
        for layer in range(layers):
            w = {name.removeprefix(f"attn_blocks.{layer}."): value for name, value in weights.items()}
            attention = self._attention(w, hidden)
            hidden = attention[0]
            mlp = self._mlp(w, hidden)
            hidden = mlp[0]
            kept.append((w, attention, mlp))
        out = self._op("Add", self._op("MatMul", hidden, weights["proj_out.weight"]), weights["proj_out.bias"])
        s, u = self._split(self._pad(self._slice(out, 0, -1), before=1), 2)  # the output at a position is about the next one

        shrink = self._op("Exp", self._op("Neg", s))
        z = self._op("Mul", self._op("Sub", x, u), shrink)
        shift_gradient = self._op("Mul", given, shrink)  # with respect to x; the one with respect to u is its negative
        scale_gradient = self._op("Sub", self._number(1), self._op("Mul", given, z))
        both = self._op("Concat", scale_gradient, self._op("Neg", shift_gradient), axis=2)
        both = self._pad(self._slice(both, 1, self._tokens), after=1)
        gradient = self._back(both, weights["proj_out.weight"])
        for w, attention, mlp in reversed(kept):
            gradient = self._mlp_gradient(w, mlp, gradient)
            gradient = self._attention_gradient(w, attention, gradient)
        graph.node("Add", TOKENS_GRADIENT, [shift_gradient, self._back(gradient, weights["proj_in.weight"])])
        graph.output(TOKENS_GRADIENT, FLOAT, shape)

    def _attention(self, w: dict[str, str], hidden: str) -> tuple[str, ...]:
        x, normed, deviation = self._norm(w, "attention.norm", hidden)
        qkv = self._op("Add", self._op("MatMul", x, w["attention.qkv.weight"]), w["attention.qkv.bias"])
        q, k, v = self._split(self._heads_first(qkv, 3 * self._heads), 3, axis=1)
        scores = self._op("Mul", self._op("MatMul", q, self._op("Transpose", k, perm=[0, 1, 3, 2])), self._number(self._head**-0.5))
        share = self._op("Softmax", self._op("Add", scores, self._mask()), axis=-1)
        mixed = self._heads_last(self._op("MatMul", share, v))
        out = self._op("Add", self._op("MatMul", mixed, w["attention.proj.weight"]), w["attention.proj.bias"])
        return self._op("Add", hidden, out), normed, deviation, q, k, v, share

    def _attention_gradient(self, w: dict[str, str], forward: tuple[str, ...], gradient: str) -> str:
        _, normed, deviation, q, k, v, share = forward
        mixed = self._heads_first(self._back(gradient, w["attention.proj.weight"]), self._heads)
        v_gradient = self._op("MatMul", self._op("Transpose", share, perm=[0, 1, 3, 2]), mixed)
        shares = self._op("MatMul", mixed, self._op("Transpose", v, perm=[0, 1, 3, 2]))
        total = self._op("ReduceSum", self._op("Mul", shares, share), self._numbers([3]), keepdims=1)
        scores = self._op("Mul", self._op("Mul", share, self._op("Sub", shares, total)), self._number(self._head**-0.5))
        q_gradient = self._op("MatMul", scores, k)
        k_gradient = self._op("MatMul", self._op("Transpose", scores, perm=[0, 1, 3, 2]), q)
        qkv = self._heads_last(self._op("Concat", q_gradient, k_gradient, v_gradient, axis=1))
        back = self._norm_gradient(w, "attention.norm", normed, deviation, self._back(qkv, w["attention.qkv.weight"]))
        return self._op("Add", gradient, back)

    def _mlp(self, w: dict[str, str], hidden: str) -> tuple[str, ...]:
        x, normed, deviation = self._norm(w, "mlp.norm", hidden)
        inner = self._op("Add", self._op("MatMul", x, w["mlp.main.0.weight"]), w["mlp.main.0.bias"])
        out = self._op("MatMul", self._op("Mul", inner, self._normal_cdf(inner)), w["mlp.main.2.weight"])
        return self._op("Add", hidden, self._op("Add", out, w["mlp.main.2.bias"])), normed, deviation, inner

    def _mlp_gradient(self, w: dict[str, str], forward: tuple[str, ...], gradient: str) -> str:
        """The derivative of GELU is the normal distribution's function plus x times its density."""
        _, normed, deviation, inner = forward
        square = self._op("Mul", self._op("Mul", inner, inner), self._number(-0.5))
        density = self._op("Mul", self._op("Exp", square), self._number((2 * math.pi) ** -0.5))
        slope = self._op("Add", self._normal_cdf(inner), self._op("Mul", inner, density))
        back = self._back(self._op("Mul", self._back(gradient, w["mlp.main.2.weight"]), slope), w["mlp.main.0.weight"])
        return self._op("Add", gradient, self._norm_gradient(w, "mlp.norm", normed, deviation, back))

    def _norm(self, w: dict[str, str], name: str, x: str) -> tuple[str, str, str]:
        """LayerNorm, the normalized rows before gain and bias, and their standard deviations."""
        centered = self._op("Sub", x, self._mean(x))
        variance = self._op("Add", self._mean(self._op("Mul", centered, centered)), self._number(self._epsilon))
        deviation = self._op("Sqrt", variance)
        normed = self._op("Div", centered, deviation)
        return self._op("Add", self._op("Mul", normed, w[f"{name}.weight"]), w[f"{name}.bias"]), normed, deviation

    def _norm_gradient(self, w: dict[str, str], name: str, normed: str, deviation: str, gradient: str) -> str:
        gradient = self._op("Mul", gradient, w[f"{name}.weight"])
        along = self._op("Mul", normed, self._mean(self._op("Mul", gradient, normed)))
        return self._op("Div", self._op("Sub", self._op("Sub", gradient, self._mean(gradient)), along), deviation)

    def _normal_cdf(self, x: str) -> str:
        error = self._op("Erf", self._op("Mul", x, self._number(0.5**0.5)))
        return self._op("Mul", self._op("Add", error, self._number(1)), self._number(0.5))

    def _back(self, gradient: str, columns: str) -> str:
        """The gradient of a product's rows, from that of its result."""
        return self._op("MatMul", gradient, self._op("Transpose", columns, perm=[1, 0]))

    def _mask(self) -> str:
        """0 where a row sees a column, else -inf. ONNX Runtime computes it when it loads the graph."""
        full = self._op("Expand", self._number(-math.inf), self._numbers([self._tokens, self._tokens]))
        return self._op("Trilu", full, self._graph.constant(np.array(1)), upper=1)

    def _heads_first(self, x: str, heads: int) -> str:
        return self._op("Transpose", self._op("Reshape", x, self._numbers([1, self._tokens, heads, self._head])), perm=[0, 2, 1, 3])

    def _heads_last(self, x: str) -> str:
        return self._op("Reshape", self._op("Transpose", x, perm=[0, 2, 1, 3]), self._numbers([1, self._tokens, -1]))

    def _mean(self, x: str) -> str:
        return self._op("ReduceMean", x, self._numbers([2]), keepdims=1)

    def _slice(self, x: str, start: int, end: int) -> str:
        return self._op("Slice", x, self._numbers([start]), self._numbers([end]), self._numbers([1]))

    def _pad(self, x: str, before: int = 0, after: int = 0) -> str:
        return self._op("Pad", x, self._numbers([0, before, 0, 0, after, 0]))

    def _split(self, x: str, parts: int, axis: int = 2) -> list[str]:
        self._count += 1
        return self._graph.nodes("Split", [f"split.{self._count}.{part}" for part in range(parts)], [x], axis=axis, num_outputs=parts)

    def _number(self, value: float) -> str:
        return self._graph.constant(np.float32(value))

    def _numbers(self, values: list[int]) -> str:
        return self._graph.constant(np.array(values))

    def _op(self, op: str, *inputs: str, **attributes: object) -> str:
        self._count += 1
        return self._graph.node(op, f"{op.lower()}.{self._count}", list(inputs), **attributes)
