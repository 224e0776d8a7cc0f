"""Writes a BERT-class sentence encoder as an ONNX graph, straight from its safetensors: no torch.

The graph is the encoder of Devlin et al. 2019 (post-norm, GELU), or that of RoBERTa (Liu et al. 2019; XLM-R, Conneau et
al. 2020), whose positions are counted from after that of the padding; then the masked mean over tokens, or the first
token, and L2 normalisation, as in Reimers and Gurevych 2019, section 3. Inputs input_ids and attention_mask are int64
(B, S); the output `embedding` is float32 (B, H). Dynamic int8 weights per channel keep the vectors within a cosine of
about 0.98 of the float ones.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ToolUnavailable
from .pack import OTHER, first_position

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

_OPSET = 20
# What the graph computes.
_BERT = {
    "model_type": ("bert", "roberta", "xlm-roberta"),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute",),
}


class _Graph:
    """Collects nodes and constants. Every method returns the name of the tensor it makes."""

    def __init__(self, weights: "dict[str, NDArray[Any]]", config: dict[str, Any], pooling: str) -> None:
        self.weights, self.config, self.pooling = weights, config, pooling
        self.hidden, self.heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, name: str, value: Any) -> str:
        from onnx import numpy_helper

        if name not in self.constants:
            # np.array keeps 0-d constants 0-d, which Range and Gather need; ascontiguousarray would not.
            self.constants[name] = numpy_helper.from_array(np.array(value, order="C"), name)
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def weight(self, name: str) -> "NDArray[np.float32]":
        return self.weights[name].astype(np.float32)

    def linear(self, x: str, name: str, output: str) -> str:
        w = self.constant(f"{name}.W", self.weight(f"{name}.weight").T)  # (in, out)
        b = self.constant(f"{name}.b", self.weight(f"{name}.bias"))
        return self.node("Add", [self.node("MatMul", [x, w], f"{output}.mm"), b], output)

    def norm(self, x: str, name: str, output: str) -> str:
        g = self.constant(f"{name}.g", self.weight(f"{name}.weight"))
        b = self.constant(f"{name}.beta", self.weight(f"{name}.bias"))
        return self.node("LayerNormalization", [x, g, b], output, axis=-1, epsilon=self.config["layer_norm_eps"])

    def embeddings(self) -> str:
        tables = {k: f"embeddings.{k}_embeddings.weight" for k in ("word", "position", "token_type")}
        words = self.constant("word", self.weight(tables["word"]))
        positions = self.constant("position", self.weight(tables["position"]))
        types = self.constant("type", self.weight(tables["token_type"])[0])
        zero, one = self.constant("zero", np.array(0, np.int64)), self.constant("one", np.array(1, np.int64))
        length = self.node("Gather", [self.node("Shape", ["input_ids"], "shape"), one], "length")
        if offset := first_position(self.config):
            zero = self.constant("first", np.array(offset, np.int64))
            length = self.node("Add", [length, zero], "end")
        where = self.node("Range", [zero, length, one], "where")  # (S,)
        x = self.node("Gather", [words, "input_ids"], "e.words")  # (B, S, H)
        x = self.node("Add", [x, self.node("Gather", [positions, where], "e.positions")], "e.sum")
        return self.norm(self.node("Add", [x, types], "e.typed"), "embeddings.LayerNorm", "e.out")

    def mask_bias(self) -> str:
        """0 where there is a token, -10000 where there is padding: (B, 1, 1, S)."""
        mask = self.node("Cast", ["attention_mask"], "mask", to=1)
        inverse = self.node("Sub", [self.constant("one.f", np.float32(1)), mask], "mask.inverse")
        low = self.node("Mul", [inverse, self.constant("low", np.float32(-1e4))], "mask.low")
        return self.node("Unsqueeze", [low, self.constant("axes12", np.array([1, 2]))], "mask.bias")

    def layer(self, x: str, i: int, bias: str) -> str:
        p, o = f"encoder.layer.{i}.", f"l{i}"
        split = self.constant("split", np.array([0, 0, self.heads, self.hidden // self.heads]))
        merge = self.constant("merge", np.array([0, 0, self.hidden]))
        scale = self.constant("scale", np.float32(1 / np.sqrt(self.hidden // self.heads)))

        def part(name: str, order: list[int]) -> str:
            y = self.linear(x, f"{p}attention.self.{name}", f"{o}.{name}")
            return self.node(
                "Transpose", [self.node("Reshape", [y, split], f"{o}.{name}.r")], f"{o}.{name}.t", perm=order
            )

        q, k, v = part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1]), part("value", [0, 2, 1, 3])
        s = self.node("Mul", [self.node("MatMul", [q, k], f"{o}.qk"), scale], f"{o}.scaled")
        s = self.node("Softmax", [self.node("Add", [s, bias], f"{o}.biased")], f"{o}.soft", axis=-1)
        a = self.node("Transpose", [self.node("MatMul", [s, v], f"{o}.av")], f"{o}.at", perm=[0, 2, 1, 3])
        a = self.linear(self.node("Reshape", [a, merge], f"{o}.am"), f"{p}attention.output.dense", f"{o}.ao")
        x = self.norm(self.node("Add", [a, x], f"{o}.r1"), f"{p}attention.output.LayerNorm", f"{o}.n1")
        f = self.node("Gelu", [self.linear(x, f"{p}intermediate.dense", f"{o}.f1")], f"{o}.gelu")
        f = self.linear(f, f"{p}output.dense", f"{o}.f2")
        return self.norm(self.node("Add", [f, x], f"{o}.r2"), f"{p}output.LayerNorm", f"{o}.n2")

    def pool(self, x: str) -> None:
        axis1 = self.constant("axis1", np.array([1]))
        if self.pooling == "cls":
            mean = self.node("Gather", [x, self.constant("cls", np.array(0, np.int64))], "p.cls", axis=1)
        else:
            mean = self.mean(x, axis1)
        length = self.node("ReduceL2", [mean, axis1], "p.length", keepdims=1)
        self.node("Div", [mean, length], "embedding")

    def mean(self, x: str, axis1: str) -> str:
        m = self.node("Unsqueeze", ["mask", self.constant("axis2", np.array([2]))], "p.mask")  # (B, S, 1)
        total = self.node("ReduceSum", [self.node("Mul", [x, m], "p.masked"), axis1], "p.sum", keepdims=0)
        return self.node("Div", [total, self.node("ReduceSum", [m, axis1], "p.count", keepdims=0)], "p.mean")

    def model(self) -> "onnx.ModelProto":
        import onnx
        from onnx import helper

        x, bias = self.embeddings(), self.mask_bias()
        for i in range(int(self.config["num_hidden_layers"])):
            x = self.layer(x, i, bias)
        self.pool(x)
        inputs = [
            helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["B", "S"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("embedding", onnx.TensorProto.FLOAT, ["B", self.hidden])
        graph = helper.make_graph(self.nodes, "encoder", inputs, [output], list(self.constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)
        onnx.checker.check_model(model)
        return model


def convert(pack: Path, out: Path, pooling: str = "mean") -> int:
    """Writes the int8 ONNX file `out` from `pack`/model.safetensors and config.json. Returns how many tokens it knows.

    Raises ToolUnavailable where the folder is not a BERT-class encoder.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.quant_utils import add_pre_process_metadata

    plain = out.with_suffix(".float.onnx")
    try:
        model = graph(pack, pooling)
        add_pre_process_metadata(model)  # there is nothing to fold in it; without the mark the quantiser warns
        onnx.save(model, plain)
        quantize_dynamic(plain, out, weight_type=QuantType.QInt8, per_channel=True)
    finally:
        plain.unlink(missing_ok=True)
    return next(int(tensor.dims[0]) for tensor in model.graph.initializer if tensor.name == "word")


def graph(pack: Path, pooling: str = "mean") -> "onnx.ModelProto":
    """The encoder in `pack` with its weights as they are. Raises ToolUnavailable where it is not BERT-class."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((pack / "config.json").read_text(encoding="utf-8"))
        for key, fits in _BERT.items():
            if config.get(key, fits[0]) not in fits:
                raise ToolUnavailable(f"{pack}: not a BERT-class sentence model ({key} {config[key]}); {OTHER}")
        weights = _unprefixed(load_file(pack / "model.safetensors"))
        for name, shape in _shapes(config).items():
            found = weights[name].shape
            if len(found) != len(shape) or any(n and n != m for n, m in zip(shape, found, strict=True)):
                raise ToolUnavailable(f"{pack}: {name} has the shape {found}, which does not fit config.json; {OTHER}")
        return _Graph(weights, config, pooling).model()
    except KeyError as error:
        raise ToolUnavailable(f"{pack}: not a BERT-class sentence model (no {error}); {OTHER}") from error
    except (OSError, ValueError, TypeError, AttributeError, SafetensorError) as error:
        raise ToolUnavailable(f"{pack}: cannot be read as a sentence model ({error}); {OTHER}") from error


def _unprefixed(weights: "dict[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
    """Names as in a bare encoder: a model with a head on it leads them with "bert." or "roberta."."""
    end = "embeddings.word_embeddings.weight"
    lead = next((name.removesuffix(end) for name in weights if name.endswith(end)), "")
    return {name.removeprefix(lead): value for name, value in weights.items()}


def _shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """What every tensor must look like; 0 stands for any number."""
    h, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    if h % int(config["num_attention_heads"]):
        raise ValueError(f"{h} numbers cannot be shared among {config['num_attention_heads']} heads")
    tables = {"word": "vocab_size", "position": "max_position_embeddings", "token_type": "type_vocab_size"}
    shapes: dict[str, tuple[int, ...]] = {
        f"embeddings.{name}_embeddings.weight": (int(config.get(size, 0)), h) for name, size in tables.items()
    }
    linear: dict[str, tuple[int, int]] = {}
    plain = ["embeddings.LayerNorm"]
    for n in range(int(config["num_hidden_layers"])):
        p = f"encoder.layer.{n}."
        linear |= {f"{p}attention.self.{name}": (h, h) for name in ("query", "key", "value")}
        linear |= {f"{p}attention.output.dense": (h, h), f"{p}intermediate.dense": (inner, h)}
        linear |= {f"{p}output.dense": (h, inner)}
        plain += [f"{p}attention.output.LayerNorm", f"{p}output.LayerNorm"]
    for name, shape in linear.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    return shapes | {f"{name}.{part}": (h,) for name in plain for part in ("weight", "bias")}
