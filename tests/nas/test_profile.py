"""``nas profile``: every block and what it costs, as text and as JSON; one line for what the user can mend."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from nas.arch import ArchSpec
from nas.cost import cost, ledger
from nas.profile.count import COUNTS
from nas.profile.document import profile_json
from nas.profile.network import Latency, find
from nas.profile.table import profile_table
from search_spaces import REFERENCES
from tests.nas.cli import Ended, nas
from tests.nas.fast import python

SMALL = REFERENCES["mobilenet_v3_small"].spec()


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 80 columns; a test that wants another sets it."""
    monkeypatch.setenv("COLUMNS", "80")


def profiled(*words: str) -> dict[str, Any]:
    ended = nas("profile", *words, "--json")
    assert (ended.status, ended.stderr) == (0, "")
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def lines(ended: Ended) -> list[str]:
    assert (ended.status, ended.stderr) == (0, "")
    return [line.rstrip() for line in ended.stdout.splitlines()]


def refused(*words: str) -> str:
    """The message of a command that ends with a mistake the user can mend: one line, nothing on stdout."""
    ended = nas("profile", *words)
    assert ended.status == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    return ended.stderr.removeprefix("error: ").rstrip("\n")


# ---- JSON


def assert_is(found: dict[str, Any], spec: ArchSpec) -> None:
    """The document states the network's costs, and those of its blocks, which sum to them."""
    total = cost(spec)
    assert (found["resolution"], found["classes"], found["strides"]) == (spec.resolution, spec.classes, spec.strides)
    assert (found["macs"], found["params"]) == (total.macs, total.params)
    assert found["peak_activation_bytes"] == total.peak_activation_bytes
    blocks = found["blocks"]
    assert [(one["name"], one["kind"], one["input"], one["output"], one["macs"], one["params"]) for one in blocks] == [
        (line.name, line.kind, list(line.shape), list(line.out), line.cost.macs, line.cost.params)
        for line in ledger(spec)
    ]
    assert sum(one["macs"] for one in blocks) == found["macs"]
    assert sum(one["params"] for one in blocks) == found["params"]
    assert max(one["peak_activation_bytes"] for one in blocks) == found["peak_activation_bytes"]
    assert sum(one["macs_share"] for one in blocks) == pytest.approx(1)
    assert [one["macs_share"] * found["macs"] for one in blocks] == pytest.approx([one["macs"] for one in blocks])


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_reference_is_counted_in_its_native_form(reference: str) -> None:
    found = profiled(reference)
    assert found["name"] == reference
    assert found["title"] == REFERENCES[reference].title
    assert found["source"] == REFERENCES[reference].source
    assert_is(found, REFERENCES[reference].spec())


def test_the_document_has_these_fields_and_no_others() -> None:
    found = profiled("mobilenet_v3_small")
    assert list(found) == [
        "name",
        "title",
        "source",
        "resolution",
        "classes",
        "strides",
        "macs",
        "flops",
        "params",
        "kernels",
        "peak_activation_bytes",
        "latency_ms",
        "blocks",
        "kinds",
        "check",
        "figure",
    ]
    assert [found[name] for name in ("flops", "latency_ms", "check", "figure")] == [None] * 4  # not asked for
    stem = 112 * 112 * 16 * 27
    assert found["blocks"][0] == {
        "name": "blocks[0]",
        "place": "stem",
        "kind": "convolution",
        "words": "3×3, 3 → 16 channels, hardswish, stride 2",
        "input": [3, 224, 224],
        "output": [16, 112, 112],
        "macs": stem,
        "flops": None,
        "params": 27 * 16 + 2 * 16,
        "kernels": 27 * 16,
        "peak_activation_bytes": 4 * (3 * 224**2 + 16 * 112**2),
        "macs_share": stem / 56_510_400,
        "latency_ms": None,
        "operators": [
            {
                "kind": "convolution",
                "squeeze_excite": False,
                "words": "3×3, 3 → 16 channels, stride 2",
                "output": [16, 112, 112],
                "params": 27 * 16,
                "elements_live": 3 * 224**2 + 16 * 112**2,
                "elements_touched": 3 * 224**2 + 16 * 112**2,
                "macs": stem,
                "flops": None,
            },
            {
                "kind": "batch_norm",
                "squeeze_excite": False,
                "words": "16 channels",
                "output": [16, 112, 112],
                "params": 2 * 16,
                "elements_live": 16 * 112**2,
                "elements_touched": 2 * 16 * 112**2,
                "macs": 0,
                "flops": None,
            },
            {
                "kind": "activation",
                "squeeze_excite": False,
                "words": "hardswish",
                "output": [16, 112, 112],
                "params": 0,
                "elements_live": 16 * 112**2,
                "elements_touched": 2 * 16 * 112**2,
                "macs": 0,
                "flops": None,
            },
        ],
    }


@pytest.mark.parametrize("reference", ["mobilenet_v3_small", "densenet_40_12", "squeezenet_1_0_complex_bypass"])
def test_operators_and_kinds_sum_to_their_blocks_and_the_network(reference: str) -> None:
    found = profiled(reference)
    for block in found["blocks"]:
        for what in ("macs", "params"):
            assert sum(one[what] for one in block["operators"]) == block[what]
        assert 4 * max(one["elements_live"] for one in block["operators"]) == block["peak_activation_bytes"]
    for what in ("macs", "params"):
        assert sum(one[what] for one in found["kinds"]) == found[what]
    everything = [one for block in found["blocks"] for one in block["operators"]]
    assert sum(one["operators"] for one in found["kinds"]) == len(everything)
    assert sum(one["elements_touched"] for one in found["kinds"]) == sum(one["elements_touched"] for one in everything)


def test_squeeze_excitation_and_activations_are_kinds_of_their_own() -> None:
    kinds = {one["kind"]: one for one in profiled("mobilenet_v3_small")["kinds"]}
    squeezed = [row.block for row in SMALL.rows() if getattr(row.block, "squeeze", 0)]
    assert kinds["squeeze_excite"]["operators"] == 6 * len(squeezed) == 54
    assert kinds["squeeze_excite"]["macs"] == sum(2 * one.mid * one.squeeze for one in squeezed)  # type: ignore[union-attr]
    assert kinds["squeeze_excite"]["params"] == kinds["squeeze_excite"]["macs"] + sum(
        one.mid + one.squeeze  # type: ignore[union-attr]
        for one in squeezed
    )
    assert (kinds["activation"]["macs"], kinds["activation"]["params"]) == (0, 0)
    assert kinds["activation"]["elements_touched"] > kinds["pointwise"]["elements_touched"]
    assert "squeeze_excite" not in {one["kind"] for one in profiled("mobilenet_v2")["kinds"]}


def test_another_form_is_counted_as_asked() -> None:
    found = profiled("mobilenet_v3_small", "--resolution", "32", "--classes", "10", "--strides", "cifar")
    assert found["macs"] == 17_507_328
    assert_is(found, SMALL.trained_on(resolution=32, classes=10))
    assert_is(
        profiled("mobilenet_v3_small", "--resolution", "32", "--classes", "10"), SMALL.at(resolution=32, classes=10)
    )
    assert_is(profiled("mobilenet_v3_small", "--classes", "7"), SMALL.at(classes=7))
    assert_is(profiled("mobilenet_v3_small", "--strides", "cifar"), SMALL.at(strides="cifar"))


def test_a_reference_is_counted_at_any_width() -> None:
    found = profiled("mobilenet_v3_large@0.6")
    assert found["name"] == "mobilenet_v3_large@0.6"
    assert_is(found, REFERENCES["mobilenet_v3_large"].scaled(0.6))


def test_a_file_is_counted_in_the_form_it_describes(tmp_path: Path) -> None:
    spec = SMALL.trained_on(resolution=28, classes=7)
    path = tmp_path / "my [net].json"  # brackets are markup where tables are printed
    path.write_text(spec.to_json())
    found = profiled(str(path))
    assert (found["name"], found["title"], found["source"]) == (str(path), "my [net]", None)
    assert_is(found, spec)
    assert_is(profiled(str(path), "--strides", "published"), spec.at(strides="published"))
    shown = "\n".join(lines(nas("profile", str(path))))
    assert shown.startswith("my [net]: ")
    assert "at 28 px, 7 classes, cifar strides" in shown
    assert "source: " not in shown


# ---- text


def test_the_table_names_every_block_and_its_costs() -> None:
    shown = lines(nas("profile", "mobilenet_v3_small"))
    assert shown[:2] == [
        "MobileNetV3 small: 56.5 MFLOPs, 2.54 M parameters",
        "at 224 px, 1000 classes, published strides",
    ]
    rows = [line.split() for line in shown]
    assert ["stem", "3×3,", "3", "→", "16,", "hardswish,", "stride", "2", "112", "5.42", "9.6", "0.5", "1,405"] in rows
    assert [
        "3.2",
        "5×5,",
        "40",
        "→",
        "240",
        "→",
        "40,",
        "SE",
        "64,",
        "hardswish",
        "14",
        "4.97",
        "8.8",
        "57.3",
        "409",
    ] in rows
    assert ["head", "average", "over", "7×7", "1", "115"] in rows  # no multiply-adds, no parameters
    assert ["total", "15", "blocks", "56.51", "100", "2,542.9", "1,405"] in rows
    text = " ".join(shown)
    assert "10⁶ multiply-adds of convolutions and linear layers" in text
    assert f"source: {REFERENCES['mobilenet_v3_small'].source}" in text


def test_a_wide_terminal_shows_whole_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    shown = lines(nas("profile", "mobilenet_v3_small"))
    assert any("3×224×224 → 16×112×112" in line for line in shown)
    assert any("576×7×7 → 576×1×1" in line for line in shown)


@pytest.mark.parametrize(
    ("reference", "width"),
    [
        *((reference, 80) for reference in REFERENCES),
        *((name, width) for name in ("densenet_121", "squeezenet_1_0_complex_bypass") for width in (90, 119, 120, 160)),
    ],
)
def test_every_row_is_whole_within_the_width(reference: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No number is cut or on a line of its own: a row begins with a place; what follows it is the rest of its words."""
    monkeypatch.setenv("COLUMNS", str(width))
    shown = lines(nas("profile", reference))
    assert max(len(line) for line in shown) <= width
    assert not any("…" in line for line in shown)
    start = next(index for index, line in enumerate(shown) if line.startswith("─")) + 1
    end = next(index for index, line in enumerate(shown) if line.startswith("total"))
    table = [line for line in shown[start:end] if line]
    spec = REFERENCES[reference].spec()
    begins = [index for index, line in enumerate(table) if not line.startswith(" ")]
    assert len(begins) == len(spec.blocks)
    for index, row, line in zip(begins, spec.rows(), ledger(spec), strict=True):
        more = begins[begins.index(index) + 1] if index != begins[-1] else len(table)
        first, rest = table[index], [one.strip() for one in table[index + 1 : more]]
        assert first.endswith(f" {line.cost.peak_activation_bytes / 1e3:,.0f}")
        if line.cost.macs:
            assert f" {line.cost.macs / 1e6:,.2f} " in first
        assert first.split()[0].rstrip("0123456789.") in ("", "stem", "head")
        for fact in row.block.words(row.shape).replace(" channels", "").split(", "):
            assert any(fact in part for part in (first, *rest)), "a fact is broken in two"


def test_a_dense_networks_60_rows_fit_80_columns_a_line_each() -> None:
    shown = lines(nas("profile", "densenet_121"))
    dense = [line for line in shown if "dense" in line.lower() and "bottleneck" in line]
    assert len(dense) == 6 + 12 + 24 + 16
    assert dense[0].split()[:2] == ["1.2", "3×3"]  # behind the pooling
    assert next(index for index, line in enumerate(shown) if line.startswith("total")) < 84


# ---- the list


def test_the_list_has_every_reference_in_its_native_form() -> None:
    found = profiled("--list")
    assert found["names"] == list(REFERENCES)
    assert [one["name"] for one in found["references"]] == list(REFERENCES)
    for one in found["references"]:
        reference = REFERENCES[one["name"]]
        spec, total = reference.spec(), cost(reference.spec())
        assert one == {
            "name": reference.name,
            "title": reference.title,
            "source": reference.source,
            "space": reference.space,
            "resolution": spec.resolution,
            "classes": spec.classes,
            "macs": total.macs,
            "params": total.params,
            "peak_activation_bytes": total.peak_activation_bytes,
            "cifar_steps": spec.cifar_steps,
        }


def test_the_list_is_a_line_a_reference_in_80_columns() -> None:
    shown = lines(nas("profile", "--list"))
    assert max(len(line) for line in shown) <= 80
    rows = {line.split()[0]: line.split()[1:5] for line in shown if line and line.split()[0] in REFERENCES}
    assert list(rows) == list(REFERENCES)
    assert rows["mobilenet_v3_small"] == ["224", "1000", "56.5", "2.54"]
    assert len([line for line in shown if line]) == len(REFERENCES) + 3  # two lines of names, one drawn


def test_a_wide_list_has_whole_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    text = "\n".join(lines(nas("profile", "--list")))
    assert all(reference.source in text for reference in REFERENCES.values())


# ---- operators, kinds, flops, time


def test_every_block_is_followed_by_its_operators() -> None:
    shown = lines(nas("profile", "mobilenet_v3_small", "--operators"))
    words = [line.split("·")[1].split() for line in shown if "·" in line]
    assert len(words) == sum(len(row.block.operators(row.shape)) for row in SMALL.rows())
    assert ["SE", "pointwise", "1×1,", "240", "→", "64", "1", "0.02", "0.0", "15.4", "221"] in words
    assert ["hardswish", "112", "803"] in words
    assert max(len(line) for line in shown) <= 80


def test_the_kinds_of_operator_stand_below_the_blocks() -> None:
    rows = [line.split() for line in lines(nas("profile", "mobilenet_v3_small"))]
    kinds = {one["kind"]: one for one in profiled("mobilenet_v3_small")["kinds"]}
    se = kinds["squeeze_excite"]
    assert [
        "squeeze-excite",
        "54",
        f"{se['macs'] / 1e6:.2f}",
        f"{100 * se['macs'] / 56_510_400:.1f}",
        f"{se['params'] / 1e3:.1f}",
        f"{100 * se['params'] / 2_542_856:.1f}",
        f"{se['elements_touched'] / 1e6:.2f}",
        "9.3",
    ] in rows
    assert ["activation", "24", f"{kinds['activation']['elements_touched'] / 1e6:.2f}", "27.1"] in rows


def test_flops_are_two_a_multiply_add_and_are_called_so_everywhere() -> None:
    found = profiled("mobilenet_v3_small", "--count", "flops")
    assert (found["macs"], found["flops"]) == (56_510_400, 113_020_800)
    for one in (*found["blocks"], *found["kinds"], *found["blocks"][3]["operators"]):
        assert one["flops"] == 2 * one["macs"]
    text = "\n".join(shown := lines(nas("profile", "mobilenet_v3_small", "--count", "flops")))
    assert shown[0] == "MobileNetV3 small: 113.0 MFLOPs (two a multiply-add), 2.54 M parameters"
    assert "MMACs" not in text
    assert "two for each multiply-add" in text.replace("\n", " ")
    assert any(line.split()[:1] == ["total"] and "113.02" in line.split() for line in shown)


def test_a_device_adds_a_column_of_milliseconds_and_fills_the_document() -> None:
    found = find("mobilenet_v3_small")
    times = {f"blocks[{index}]": index / 8 for index in range(14)}  # of the last block none is known
    timed = replace(found, latency=Latency(total_ms=12.5, blocks_ms=times, device="some device"))
    document = profile_json(timed, count=COUNTS["macs"])
    assert document["latency_ms"] == 12.5
    assert [one["latency_ms"] for one in document["blocks"]] == [*times.values(), None]
    console = Console(width=80, file=io.StringIO())
    console.print(profile_table(timed, width=80, count=COUNTS["macs"]))
    shown = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert shown[0].rstrip().endswith(", 12.50 ms on some device")
    assert any(line.split()[-1:] == ["0.125"] and line.startswith("1.1") for line in shown)
    assert shown[-1].split()[-1] == "12.50"


# ---- what the user can mend


def test_an_unknown_reference_names_the_nearest_and_all_there_are() -> None:
    message = refused("mobilenet_v3_smal")
    assert "did you mean mobilenet_v3_small?" in message
    assert all(name in message for name in REFERENCES)


def test_images_that_are_too_small_are_refused_with_the_smallest() -> None:
    smallest = REFERENCES["alexnet"].spec().smallest_resolution("published")
    message = refused("alexnet", "--resolution", "32")
    assert message.startswith("alexnet: blocks[")
    assert message.endswith(f"the smallest resolution it can take is {smallest} px")
    assert profiled("alexnet", "--resolution", str(smallest))["resolution"] == smallest


def test_cifar_strides_of_a_network_without_a_rule_for_them_are_refused() -> None:
    message = refused("alexnet", "--strides", "cifar")
    assert message.startswith("alexnet: strides: 'cifar': this network has no rule for small images")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--strides", "foo"), "--strides foo: there are published and cifar"),
        (("--classes", "0"), "--classes 0: must be at least 1"),
        (("--resolution", "0"), "--resolution 0: must be at least 1"),
        (("--resolution", "-1"), "--resolution -1: must be at least 1"),
        (("--count", "mac"), "--count mac: there are macs and flops"),
    ],
)
def test_an_impossible_form_is_refused_naming_the_option(words: tuple[str, ...], message: str) -> None:
    assert refused("mobilenet_v3_small", *words) == message
    assert refused("mobilenet_v3_small", "--json", *words) == message


def test_values_of_another_type_are_one_line_too() -> None:
    assert "'--classes'" in refused("mobilenet_v3_small", "--classes", "many")


def test_no_name_says_how_to_give_one() -> None:
    assert "--list" in refused()
    assert "leave the others out" in refused("--list", "alexnet")
    assert "leave the others out" in refused("--list", "--resolution", "32")
    assert "leave the others out" in refused("--list", "--count", "flops")
    assert "leave the others out" in refused("--list", "--operators")


def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path) -> None:
    missing, folder, broken, other, wrong = (tmp_path / f"{name}.json" for name in ("no", "dir", "cut", "list", "bad"))
    folder.mkdir()
    broken.write_text(SMALL.to_json()[:200])
    other.write_bytes(b"\xff\xfe")
    wrong.write_text(SMALL.to_json().replace('"kernel":5', '"kernel":4', 1))
    assert refused(str(missing)) == f"{missing}: No such file or directory"
    assert refused(str(folder)) == f"{folder}: Is a directory"
    assert refused(str(broken)).startswith(f"{broken}: the document: ")
    assert refused(str(other)).startswith(f"{other}: the document: ")
    assert refused(str(wrong)).startswith(f"{wrong}: blocks[4].kernel: 4: must be odd")


def test_it_is_a_module_to_run_as_well(tmp_path: Path) -> None:
    done = python("-m", "nas.profile", "mobilenet_v3_small", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == profiled("mobilenet_v3_small")
    assert list(tmp_path.iterdir()) == []
