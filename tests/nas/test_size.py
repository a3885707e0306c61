"""The file of a network is no larger than is said, and not much smaller."""

import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.blocks import Cost
from nas.cost import cost
from nas.model import build
from nas.onnx_graph import INPUT, to_onnx
from nas.size import FILE, GRAPH, SizeAt, file_bytes
from search_spaces import REFERENCES

LARGE = 5_000_000  # parameters; above, a test takes seconds
MEGABYTE = 1_000_000
AT_INT8 = ("mobilenet_v3_small", "mobilenet_v1@0.25", "squeezenet_1_1")


@lru_cache(maxsize=1)
def graph(name: str) -> bytes:
    spec = REFERENCES[name].spec()
    return to_onnx(build(spec), (spec.channels, spec.resolution, spec.resolution))


def cost_of(name: str) -> Cost:
    return cost(REFERENCES[name].spec())


REFERENCE_NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] * (cost(reference.spec()).params > LARGE))
    for name, reference in REFERENCES.items()
]


def test_a_parameter_is_four_or_two_bytes_and_one_at_int8_if_it_is_a_kernels() -> None:
    spent = Cost(params=1000, kernels=900, operators=10)
    assert file_bytes(spent) == file_bytes(spent, "fp32") == 4000 + 10 * GRAPH["fp32"] + FILE
    assert file_bytes(spent, "fp16") == 2000 + 10 * GRAPH["fp16"] + FILE
    assert file_bytes(spent, "int8") == 900 + 4 * 100 + 10 * GRAPH["int8"] + FILE


@pytest.mark.parametrize("at", ["fp32", "fp16", "int8"])
def test_one_more_of_anything_is_no_smaller(at: SizeAt) -> None:
    spent = Cost(params=1000, kernels=900, operators=10)
    more = [
        Cost(params=1001, kernels=900, operators=10),
        Cost(params=1001, kernels=901, operators=10),
        Cost(params=1000, kernels=900, operators=11),
    ]
    assert all(file_bytes(one, at) > file_bytes(spent, at) for one in more)


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_the_file_of_a_published_network_is_at_most_as_large_as_is_said(name: str) -> None:
    found, said = len(graph(name)), file_bytes(cost_of(name))
    assert found <= said
    if said > MEGABYTE:
        assert found >= 0.9 * said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the converter's own
@pytest.mark.parametrize("name", REFERENCES)
def test_the_file_at_half_precision_too(name: str) -> None:
    import onnx

    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    half = float16.convert_float_to_float16(onnx.load_from_string(graph(name)))
    found, said = len(half.SerializeToString()), file_bytes(cost_of(name), "fp16")
    assert found <= said
    if said > MEGABYTE:
        assert found >= 0.9 * said


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the quantiser's own
@pytest.mark.parametrize("name", AT_INT8)
def test_the_file_at_int8_with_a_scale_for_each_channel_too(name: str, tmp_path: Path) -> None:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    from search_spaces import find_reference

    spec = find_reference(name).spec()
    shape = (spec.channels, spec.resolution, spec.resolution)
    images = torch.randn(4, 1, *shape, generator=torch.Generator().manual_seed(0)).numpy()

    class Images(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def __init__(self) -> None:
            self._left = iter(images)

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self._left, None)
            return None if image is None else {INPUT: image}

    files = [tmp_path / f"{step}.onnx" for step in ("plain", "prepared", "int8")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files[0].write_bytes(to_onnx(build(spec), shape))
        quant_pre_process(str(files[0]), str(files[1]))
        quantize_static(
            str(files[1]),
            str(files[2]),
            Images(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    found, said = files[2].stat().st_size, file_bytes(cost(spec), "int8")
    assert found <= said
    assert found >= 0.6 * said  # the graph is a larger part of a file this small
