"""Every kind's multiply-adds, parameters and peak memory, written as their formulas."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from nas.blocks import (
    Block,
    Classifier,
    Convolution,
    ConvolutionClassifier,
    DenseLayer,
    DepthwiseSeparable,
    Fire,
    InvertedResidual,
    Linear,
    Normalisation,
    Pooling,
    Resize,
    Shape,
)
from nas.blocks.base import Cost

# ---- multiply-adds and parameters, written as their formulas


def test_a_convolution_multiplies_every_output_by_its_window() -> None:
    cost = Convolution(kernel=3, out=16, stride=2).cost(Shape(3, 224, 224))
    assert cost.macs == 112 * 112 * 16 * (3 * 3 * 3)
    assert cost.params == 3 * 3 * 3 * 16 + 2 * 16  # no bias; scale and shift of the batch norm


def test_a_convolutions_bias_and_batch_norm_are_parameters_and_no_multiply_adds() -> None:
    plain, shape = Convolution(kernel=3, out=16, norm=False), Shape(8, 10, 10)
    assert plain.cost(shape).params == 3 * 3 * 8 * 16
    assert replace(plain, bias=True).cost(shape).params == 3 * 3 * 8 * 16 + 16
    assert replace(plain, norm=True).cost(shape).params == 3 * 3 * 8 * 16 + 2 * 16
    assert len({replace(plain, **facts).cost(shape).macs for facts in ({}, {"bias": True}, {"norm": True})}) == 1


def test_an_unpadded_convolution_has_fewer_windows() -> None:
    block = Convolution(kernel=7, out=96, stride=2, padding=0)
    assert block.out_shape(Shape(3, 224, 224)) == Shape(96, 109, 109)  # ⌊(224 - 7) / 2⌋ + 1
    assert block.cost(Shape(3, 224, 224)).macs == 109 * 109 * 96 * 7 * 7 * 3


@given(st.sampled_from((1, 3, 5, 7)), st.integers(1, 512), st.integers(1, 512), st.integers(1, 3), st.integers(1, 56))
def test_a_depthwise_separable_convolution_costs_one_over_n_plus_one_over_k_squared_of_a_full_one(
    kernel: int, into: int, out: int, stride: int, size: int
) -> None:
    """MobileNetV1 (arXiv 1704.04861), section 3.1."""
    shape = Shape(into, size, size)
    separable = DepthwiseSeparable(kernel=kernel, out=out, stride=stride).cost(shape)
    full = Convolution(kernel=kernel, out=out, stride=stride).cost(shape)
    assert Fraction(separable.macs, full.macs) == Fraction(1, out) + Fraction(1, kernel**2)


def test_both_halves_of_a_depthwise_separable_convolution_have_a_batch_norm() -> None:
    cost = DepthwiseSeparable(kernel=3, out=64).cost(Shape(32, 112, 112))
    assert cost.params == (32 * 9 + 2 * 32) + (32 * 64 + 2 * 64)


def test_a_fire_module_costs_its_squeeze_and_two_expansions() -> None:
    cost = Fire(squeeze=16, expand1=64, expand3=64).cost(Shape(96, 54, 54))  # SqueezeNet 1.0, fire2
    assert cost.macs == 54 * 54 * (96 * 16 + 16 * 64 + 9 * 16 * 64)
    assert cost.params == (96 * 16 + 16) + (16 * 64 + 64) + (9 * 16 * 64 + 64)  # biases, no batch norm


def test_a_simple_bypass_is_free_and_a_complex_one_is_a_convolution() -> None:
    shape = Shape(128, 54, 54)
    none, simple, complex_ = (
        Fire(squeeze=16, expand1=64, expand3=64, bypass=bypass).cost(shape)  # type: ignore[arg-type]
        for bypass in ("none", "simple", "complex")
    )
    assert (simple.macs, simple.params) == (none.macs, none.params)
    assert complex_.macs - none.macs == 54 * 54 * 128 * 128
    assert complex_.params - none.params == 128 * 128 + 128


def test_a_dense_layer_normalises_what_came_before_and_adds_its_growth() -> None:
    shape = Shape(24, 32, 32)
    block = DenseLayer(growth=12)
    assert block.out_shape(shape) == Shape(36, 32, 32)
    assert block.cost(shape).macs == 32 * 32 * 9 * 24 * 12
    assert block.cost(shape).params == 2 * 24 + 9 * 24 * 12


def test_a_bottleneck_makes_the_large_convolution_of_a_dense_layer_independent_of_its_depth() -> None:
    block = DenseLayer(growth=32, bottleneck=128)
    for channels in (64, 992):
        cost = block.cost(Shape(channels, 14, 14))
        assert cost.macs == 14 * 14 * (channels * 128 + 9 * 128 * 32)
        assert cost.params == 2 * channels + channels * 128 + 2 * 128 + 9 * 128 * 32


def test_a_normalisation_costs_a_scale_and_a_shift_a_channel() -> None:
    cost = Normalisation().cost(Shape(256, 56, 56))
    assert (cost.macs, cost.params) == (0, 2 * 256)


def test_a_linear_layer_costs_its_matrix_and_has_biases() -> None:
    cost = Linear(out=4096).cost(Shape(256, 6, 6))  # AlexNet's first
    assert cost.macs == 256 * 6 * 6 * 4096
    assert cost.params == 256 * 6 * 6 * 4096 + 4096


def test_a_convolution_classifier_costs_its_matrix_at_every_pixel() -> None:
    cost = ConvolutionClassifier(classes=1000).cost(Shape(512, 13, 13))
    assert cost.macs == 13 * 13 * 512 * 1000
    assert cost.params == 512 * 1000 + 1000


def test_resizing_costs_nothing() -> None:
    cost = Resize(multiplier=0.5).cost(Shape(3, 224, 224))
    assert (cost.macs, cost.params) == (0, 0)


def test_a_depthwise_convolution_multiplies_within_its_channel_only() -> None:
    shape = Shape(16, 56, 56)
    three, five = (InvertedResidual(kernel=kernel, mid=16, out=24).cost(shape) for kernel in (3, 5))
    assert five.macs - three.macs == 56 * 56 * 16 * (25 - 9)
    assert five.params - three.params == 16 * (25 - 9)


def test_the_expansion_works_on_the_map_before_the_stride() -> None:
    shape = Shape(16, 56, 56)
    cost = InvertedResidual(kernel=3, mid=72, out=24, stride=2).cost(shape)
    assert cost.macs == 56 * 56 * 16 * 72 + 28 * 28 * 72 * 9 + 28 * 28 * 72 * 24
    assert cost.params == (16 * 72 + 2 * 72) + (72 * 9 + 2 * 72) + (72 * 24 + 2 * 24)


def test_no_expansion_is_paid_where_the_width_is_already_there() -> None:
    shape = Shape(16, 56, 56)
    cost = InvertedResidual(kernel=3, mid=16, out=24).cost(shape)
    assert cost.macs == 56 * 56 * (16 * 9 + 16 * 24)
    assert not InvertedResidual(kernel=3, mid=16, out=24).expands(shape)


def test_squeeze_excitation_costs_two_small_matrices() -> None:
    shape = Shape(40, 14, 14)
    without = InvertedResidual(kernel=5, mid=240, out=40).cost(shape)
    with_se = InvertedResidual(kernel=5, mid=240, out=40, squeeze=64).cost(shape)
    assert with_se.macs - without.macs == 240 * 64 + 64 * 240
    assert with_se.params - without.params == (240 * 64 + 64) + (64 * 240 + 240)  # both have biases


def test_pooling_costs_no_multiply_adds_and_has_no_parameters() -> None:
    for block in (Pooling(), Pooling(operation="max", kernel=3, stride=2)):
        cost = block.cost(Shape(576, 7, 7))
        assert (cost.macs, cost.params) == (0, 0)


def test_a_classifier_costs_its_matrices_and_has_biases() -> None:
    pooled = Shape(576, 1, 1)
    assert Classifier(classes=10).cost(pooled).macs == 576 * 10
    assert Classifier(classes=10).cost(pooled).params == 576 * 10 + 10
    assert Classifier(classes=10, hidden=1024).cost(pooled).macs == 576 * 1024 + 1024 * 10
    assert Classifier(classes=10, hidden=1024).cost(pooled).params == (576 * 1024 + 1024) + (1024 * 10 + 10)


# ---- peak activation bytes, written as their formulas (4 bytes a number)


def peak(block: Block, shape: Shape) -> int:
    return block.cost(shape).peak_activation_bytes


def test_the_peak_of_a_convolution_is_its_input_and_output() -> None:
    assert peak(Convolution(kernel=3, out=16, stride=2), Shape(3, 224, 224)) == 4 * (3 * 224**2 + 16 * 112**2)


def test_the_peak_of_a_block_without_expansion_or_shortcut_is_in_its_depthwise_convolution() -> None:
    block = InvertedResidual(kernel=3, mid=16, out=24, stride=2)
    # depthwise 16·112² + 16·56², projection (16 + 24)·56²
    assert peak(block, Shape(16, 112, 112)) == 4 * (16 * 112**2 + 16 * 56**2)


def test_the_peak_of_a_strided_expansion_is_before_the_stride() -> None:
    block = InvertedResidual(kernel=3, mid=96, out=24, stride=2)
    # expansion (16 + 96)·112², depthwise 96·112² + 96·56²: the second is more
    assert peak(block, Shape(16, 112, 112)) == 4 * (96 * 112**2 + 96 * 56**2)
    few = InvertedResidual(kernel=3, mid=20, out=24, stride=2)
    # expansion (16 + 20)·112², depthwise 20·112² + 20·56²: the first is more
    assert peak(few, Shape(16, 112, 112)) == 4 * (16 + 20) * 112**2


def test_a_shortcut_is_held_while_the_block_works() -> None:
    shape = Shape(40, 14, 14)
    with_shortcut = InvertedResidual(kernel=5, mid=240, out=40)
    without = InvertedResidual(kernel=5, mid=240, out=48)
    assert peak(without, shape) == 4 * (240 + 240) * 14**2
    assert peak(with_shortcut, shape) == 4 * (240 + 240 + 40) * 14**2


def test_a_shortcut_that_the_first_operator_reads_is_held_once() -> None:
    # depthwise 40 + 40 (its input is the shortcut), projection 40 + 40 + 40 held, sum 3 · 40
    assert peak(InvertedResidual(kernel=3, mid=40, out=40), Shape(40, 14, 14)) == 4 * 3 * 40 * 14**2


def test_the_sum_is_the_peak_of_a_block_that_is_narrow_inside() -> None:
    # expansion 40 + 8, depthwise 8 + 8 + 40, projection 8 + 40 + 40, sum 40 + 40 + 40
    assert peak(InvertedResidual(kernel=3, mid=8, out=40), Shape(40, 14, 14)) == 4 * 3 * 40 * 14**2


def test_squeeze_excitation_holds_its_features_gates_and_product() -> None:
    block = InvertedResidual(kernel=5, mid=240, out=40, squeeze=64)
    assert peak(block, Shape(40, 14, 14)) == 4 * ((240 + 240 + 40) * 14**2 + 240)


def test_the_peak_of_a_depthwise_separable_convolution_is_in_its_fuller_half() -> None:
    # depthwise 64 + 64 at 56², pointwise 64 + 128: the second is more; with a stride of 2 the first is
    shape = Shape(64, 56, 56)
    assert peak(DepthwiseSeparable(kernel=3, out=128), shape) == 4 * (64 + 128) * 56**2
    assert peak(DepthwiseSeparable(kernel=3, out=128, stride=2), shape) == 4 * (64 * 56**2 + 64 * 28**2)


def test_the_peak_of_a_fire_module_is_in_its_concatenation_or_its_squeeze() -> None:
    # squeeze 96 + 16, expansions 16 + 128, concatenation 128 + 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64), Shape(96, 54, 54)) == 4 * 256 * 54**2
    # squeeze 512 + 16: more than 16 + 128 and 128 + 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64), Shape(512, 9, 9)) == 4 * (512 + 16) * 9**2
    # the second expansion reads 300 and both results are there: more than squeeze 8 + 300 and concatenation 256
    assert peak(Fire(squeeze=300, expand1=64, expand3=64), Shape(8, 9, 9)) == 4 * (300 + 128) * 9**2


def test_a_bypass_is_held_while_a_fire_module_works() -> None:
    shape = Shape(128, 54, 54)
    # concatenation 128 + 128 + 128 held, sum 3 · 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64, bypass="simple"), shape) == 4 * 3 * 128 * 54**2
    # expansions 300 + 128 + 128 held
    assert peak(Fire(squeeze=300, expand1=64, expand3=64, bypass="simple"), shape) == 4 * (300 + 256) * 54**2
    # concatenation 128 + 128 + 512 held; the convolution around it reads 512 and writes 128 beside the 128
    assert peak(Fire(squeeze=16, expand1=64, expand3=64, bypass="complex"), Shape(512, 9, 9)) == 4 * 768 * 9**2


def test_a_dense_layer_holds_its_input_for_the_concatenation() -> None:
    # norm 24 + 24, convolution 24 + 24 + 12, concatenation (24 + 12) · 2
    assert peak(DenseLayer(growth=12), Shape(24, 32, 32)) == 4 * 72 * 32**2
    # norm 64 + 64, 1×1 64 + 64 + 128, 3×3 64 + 128 + 32, concatenation 96 · 2
    assert peak(DenseLayer(growth=32, bottleneck=128), Shape(64, 56, 56)) == 4 * 256 * 56**2
    # 1×1 8 + 8 + 128, 3×3 8 + 128 + 32, concatenation 40 · 2
    assert peak(DenseLayer(growth=32, bottleneck=128), Shape(8, 56, 56)) == 4 * 168 * 56**2
    # 1×1 64 + 64 + 4, 3×3 64 + 4 + 32, concatenation 96 · 2
    assert peak(DenseLayer(growth=32, bottleneck=4), Shape(64, 56, 56)) == 4 * 192 * 56**2


def test_a_normalisation_works_in_place() -> None:
    assert peak(Normalisation(), Shape(256, 56, 56)) == 4 * 256 * 56**2


def test_the_peak_of_pooling_is_its_map_and_one_number_a_channel() -> None:
    assert peak(Pooling(), Shape(576, 7, 7)) == 4 * (576 * 7 * 7 + 576)


def test_the_peak_of_pooling_over_windows_is_both_maps() -> None:
    block = Pooling(operation="max", kernel=3, stride=2)
    assert peak(block, Shape(64, 55, 55)) == 4 * 64 * (55**2 + 27**2)
    assert peak(replace(block, ceil=True), Shape(64, 56, 56)) == 4 * 64 * (56**2 + 28**2)
    assert peak(replace(block, padding=1), Shape(64, 112, 112)) == 4 * 64 * (112**2 + 56**2)
    assert peak(Pooling(size=6), Shape(256, 13, 13)) == 4 * 256 * (13**2 + 6**2)


def test_the_peak_of_a_linear_layer_is_its_features_before_and_after() -> None:
    assert peak(Linear(out=4096), Shape(256, 6, 6)) == 4 * (256 * 6 * 6 + 4096)


def test_the_peak_of_a_convolution_classifier_is_in_its_convolution() -> None:
    assert peak(ConvolutionClassifier(classes=1000), Shape(512, 13, 13)) == 4 * (512 + 1000) * 13**2
    # on a single pixel the average holds its scores twice: 2 · 1000 is more than 4 + 1000
    assert peak(ConvolutionClassifier(classes=1000), Shape(4, 1, 1)) == 4 * 2 * 1000


def test_the_peak_of_resizing_is_both_images() -> None:
    assert peak(Resize(multiplier=0.5), Shape(3, 224, 224)) == 4 * 3 * (224**2 + 112**2)


def test_the_peak_of_a_classifier_is_in_its_widest_pair_of_layers() -> None:
    pooled = Shape(576, 1, 1)
    assert peak(Classifier(classes=10), pooled) == 4 * (576 + 10)
    assert peak(Classifier(classes=10, hidden=1024), pooled) == 4 * (576 + 1024)
    assert peak(Classifier(classes=1000, hidden=1024), pooled) == 4 * (1024 + 1000)


def test_costs_in_a_row_add_up_but_their_peaks_do_not() -> None:
    first = Cost(macs=5, params=7, peak_activation_bytes=11)
    second = Cost(macs=1, params=2, peak_activation_bytes=3)
    assert first + second == second + first == Cost(macs=6, params=9, peak_activation_bytes=11)


def test_the_peak_counts_the_squeezed_channels_where_the_map_is_smaller_than_they_are() -> None:
    """One pixel of one channel waits while the gate's convolution reads 8 channels and writes 1: 10 floats."""
    block = InvertedResidual(kernel=1, mid=1, out=1, squeeze=8, shortcut=False)
    assert block.cost(Shape(1, 1, 1)).peak_activation_bytes == 4 * (1 + 8 + 1)
