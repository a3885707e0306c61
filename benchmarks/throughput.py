"""Images a second of whole trials: the plain loop people write, the project's own path, and the steps between.

    NAS_DATA_DIR=... python -m benchmarks.throughput [--rounds 3] [--device cpu] [--json]

Every way trains MobileNetV3 small (CIFAR strides) on the same training images, at their own size, and validates it on
the same others after every epoch. A rate is trained images, not validated ones, over the wall time of the whole trial:
building the network, epochs, validations. Processes are running and have trained once before anything is timed; then
every way has one turn a round, and medians over the rounds are shown. Nothing is downloaded: without CIFAR-10 the
images are noise, which takes as long. Some ten minutes on two cores; on a machine that is doing nothing else.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from nas.batches import TrainData, augment, epoch_batches, normalise
from nas.command import mended_by_user
from nas.cost import cost
from nas.data import DatasetUnavailable, ImageSet, Split, load, split
from nas.effort import recipe_for
from nas.executor import Job
from nas.find_precision import find_precision
from nas.machine import machine, versions
from nas.plan import Task
from nas.recipe import Recipe
from nas.record import Record
from nas.trial import Trainer, device_name, find_device
from nas.workers import Workers, default_workers
from search_spaces import find_reference

PLAIN_BATCH = 64
PLAIN_LR = 1e-3
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)  # of CIFAR-10, as every example has them
NETWORK = "mobilenet_v3_small"
TASK = Task(spec=find_reference(NETWORK).spec(), seed=0, fold=0, title=NETWORK, origin="published", name=NETWORK)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One way to train: the median of its rounds."""

    name: str
    images_per_second: float
    rounds: list[float]


# ---- the plain loop, and its first improvements


def plain_model() -> nn.Module:
    """torchvision's, with the usual change for small images: the first two stride-2 convolutions have stride 1."""
    from torchvision.models import mobilenet_v3_small

    model: nn.Module = mobilenet_v3_small(num_classes=10)
    strided = [part for part in model.modules() if isinstance(part, nn.Conv2d) and part.stride == (2, 2)]
    for convolution in strided[:2]:
        convolution.stride = (1, 1)
    return model


class Pictures(Dataset[tuple[Tensor, int]]):
    """As torchvision's CIFAR10: an array [N, 32, 32, 3], one PIL image made and transformed at a time."""

    def __init__(
        self, data: ImageSet, index: npt.NDArray[np.int64], transform: Callable[[Image.Image], Tensor]
    ) -> None:
        self.images = np.ascontiguousarray(data.images[index].transpose(0, 2, 3, 1))
        self.labels = data.labels[index].tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[number])), self.labels[number]


def pictures(data: ImageSet, parts: Split) -> tuple[Pictures, Pictures]:
    """Training and validation images with the transforms of every example."""
    from torchvision import transforms as T

    common = [T.ToTensor(), T.Normalize(MEAN, STD)]
    changing = [T.RandomCrop(data.resolution, padding=data.resolution // 8), T.RandomHorizontalFlip()]
    return (
        Pictures(data, parts.train_index, T.Compose([*changing, *common])),
        Pictures(data, parts.val_index, T.Compose(common)),
    )


def plain_trial(sets: tuple[Pictures, Pictures], device: str, epochs: int, *, channels_last: bool = False) -> float:
    """The loop people write: two loading processes, fp32, AdamW. Validation accuracy."""
    order = torch.channels_last if channels_last else torch.contiguous_format
    pinned = device == "cuda"
    training = DataLoader(sets[0], PLAIN_BATCH, shuffle=True, num_workers=2, pin_memory=pinned)
    validation = DataLoader(sets[1], PLAIN_BATCH, num_workers=2, pin_memory=pinned)
    model = plain_model().to(device, memory_format=order)  # type: ignore[call-overload]  # its stub lacks this form
    optimiser = torch.optim.AdamW(model.parameters(), lr=PLAIN_LR)
    accuracy = 0.0
    for _ in range(epochs):
        model.train()
        for images, labels in training:
            loss = F.cross_entropy(model(images.to(device, memory_format=order)), labels.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it without types
            optimiser.step()
        model.eval()
        correct = 0
        with torch.no_grad():
            for images, labels in validation:
                scores = model(images.to(device, memory_format=order))
                correct += int((scores.argmax(1) == labels.to(device)).sum().item())
        accuracy = correct / len(sets[1])
    return accuracy


def in_memory_trial(data: TrainData, recipe: Recipe, epochs: int) -> float:
    """The same network, optimiser and batch, from images in memory, cropped and mirrored a batch at a time."""
    device = data.device
    model = plain_model().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # as above
    optimiser = torch.optim.AdamW(model.parameters(), lr=PLAIN_LR)
    rng = torch.Generator().manual_seed(0)
    accuracy = 0.0
    for _ in range(epochs):
        model.train()
        for positions in epoch_batches(len(data.train_index), PLAIN_BATCH, rng):
            index = data.train_index[positions.to(device)]
            images = normalise(augment(data.images[index], recipe, rng), data)
            loss = F.cross_entropy(model(images), data.labels[index])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # as above
            optimiser.step()
        model.eval()
        correct = torch.zeros((), dtype=torch.int64, device=device)
        with torch.no_grad():
            for images, labels in data.validation(PLAIN_BATCH):
                correct += (model(normalise(images, data)).argmax(1) == labels).sum()
        accuracy = int(correct.item()) / len(data.val_index)
    return accuracy


# ---- the project's own path


def at_once(crew: Workers, count: int) -> tuple[list[Record], float]:
    """So many trials that begin together, a process each, as a search has them: records, and seconds until the last is
    done."""
    study = optuna.create_study()
    jobs = [Job(task=TASK, trial=study.ask(), report=lambda epoch, accuracy: False) for _ in range(count)]
    begin = time.perf_counter()
    records = [done(record) for _, record in crew.run(iter(jobs))]
    return records, time.perf_counter() - begin


def done(record: Record) -> Record:
    if record.state != "complete":
        raise RuntimeError(f"a training {record.state}: {record.reason}")
    return record


def trained_images(count: int, batch: int, epochs: int, *, drop_last: bool) -> int:
    """Images that a training really sees: what does not fill the last batch of an epoch may be left out."""
    return epochs * (count // batch * batch if drop_last and count >= batch else count)


# ---- measuring


def interleaved(ways: dict[str, Callable[[], float]], rounds: int, say: Callable[[str], None]) -> list[Step]:
    """Images a second of every way, one turn each a round, after one that is not counted."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            rate = way()
            say(f"{f'round {number}' if number else 'warm-up'}: {name}: {rate:.0f} images/s")
            if number:
                found[name].append(rate)
    return [Step(name=name, images_per_second=median(rates), rounds=rates) for name, rates in found.items()]


def ratio(steps: Sequence[Step]) -> dict[str, Any]:
    """The last way over the first: of the medians, and the least and most of one round."""
    first, last = steps[0], steps[-1]
    by_round = [b / a for a, b in zip(first.rounds, last.rounds, strict=True)]
    return {
        "ratio": last.images_per_second / first.images_per_second,
        "ratio_by_round": [min(by_round), max(by_round)],
    }


def timed_rate(work: Callable[[], object], images: int) -> Callable[[], float]:
    def rate() -> float:
        begin = time.perf_counter()
        work()  # ends with a validation accuracy on the host: no GPU is still computing
        return images / (time.perf_counter() - begin)

    return rate


def peak_flops(device: str, size: int = 8192, repeats: int = 20) -> float:
    """FLOP/s of large bf16 matrix products on a GPU, two FLOPs a multiply-add; the best of five."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for number in range(6):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(repeats):
            a @ b
        torch.cuda.synchronize()
        if number:  # the first warms up
            best = max(best, 2 * size**3 * repeats / (time.perf_counter() - begin))
    return best


def training_flops(macs: int, images_per_second: float) -> float:
    """FLOP/s of training: two FLOPs a multiply-add, and the backward pass costs two forward ones."""
    return 6 * macs * images_per_second


def images_to_train_on(say: Callable[[str], None]) -> ImageSet:
    """CIFAR-10 where it is already, noise of the same shape otherwise."""
    os.environ["NAS_CIFAR10_MIRRORS"] = ""  # nothing is downloaded for a benchmark
    try:
        return load("cifar10", say=say)
    except DatasetUnavailable:
        rng = np.random.default_rng(0)
        noise = rng.integers(0, 256, (50_000, 3, 32, 32), dtype=np.uint8)
        return ImageSet.from_arrays(noise, rng.permutation(np.arange(50_000) % 10), name="noise")


def measure(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    device = find_device(options.device)
    data = images_to_train_on(say)
    precision = find_precision("auto", device)
    brief = recipe_for("brief", data, device=device, precision=precision)
    chosen = recipe_for(
        "brief",
        data,
        device=device,
        precision=precision,
        epochs=options.epochs,
        train_images=options.train_images,
        val_images=options.val_images,
        batch=options.batch,
        resolution=data.resolution,  # the same work for all
    )
    trainer = Trainer(data=data, recipe=chosen, budget=None, device=device)
    parts = split(data, fold=0, train_images=options.train_images, val_images=options.val_images)
    images = trainer.train_data(0)
    sets = pictures(data, parts)
    count, epochs = len(parts.train_index), options.epochs
    all_of_them = trained_images(count, PLAIN_BATCH, epochs, drop_last=False)
    in_plain_batches = trained_images(count, PLAIN_BATCH, epochs, drop_last=True)
    own = trained_images(count, chosen.batch, epochs, drop_last=True)
    workers = options.workers or default_workers(device, chosen)
    arithmetic = "bf16 fast layers" if (precision, device) == ("bf16", "cpu") else precision
    ways = {
        "plain": timed_rate(lambda: plain_trial(sets, device, epochs), all_of_them),
        "+ channels_last": timed_rate(lambda: plain_trial(sets, device, epochs, channels_last=True), all_of_them),
        "+ batched augmentation in memory": timed_rate(
            lambda: in_memory_trial(images, chosen, epochs), in_plain_batches
        ),
        f"one process, {arithmetic}, folded evaluation": timed_rate(lambda: done(trainer.run(TASK)), own),
    }
    walls: list[float] = []  # images a second of all workers until the last is done
    document: dict[str, Any] = {
        "network": NETWORK,
        "train_macs": cost(trainer.form(TASK.spec)).macs,
        "images": data.label,
        "train_images": count,
        "val_images": len(parts.val_index),
        "epochs": epochs,
        "plain": {"batch": PLAIN_BATCH, "optimiser": "AdamW", "precision": "fp32", "loading_processes": 2},
        "recipe": chosen.to_dict(),
        "device": device_name(device),
        "workers": workers,
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "versions": versions(),
        "load_average": os.getloadavg()[0],
    }
    with closing(Workers(trainer, workers)) as crew:
        if device == "cpu":

            def together() -> float:
                records, wall = at_once(crew, workers)
                walls.append(workers * own / wall)
                return sum(own / record.train_seconds for record in records)

            ways["one worker (one thread)"] = lambda: own / at_once(crew, 1)[0][0].train_seconds
            ways[f"all workers ({workers})"] = together
        steps = interleaved(ways, options.rounds, say)
    if walls:
        document["until_the_last_is_done"] = median(walls[1:])  # without the warm-up
    document["steps"] = [asdict(step) for step in steps]
    document |= ratio(steps)
    if device == "cuda":
        peak = peak_flops(device)
        achieved = training_flops(document["train_macs"], steps[-1].images_per_second)
        document["gpu"] = {"peak_bf16_flops": peak, "training_flops": achieved, "share_of_peak": achieved / peak}
    if options.default_trial or device == "cuda":
        say(f"one trial by the default recipe: {brief.name}")
        document["default_trial_seconds"] = default_trial(Trainer(data=data, recipe=brief, budget=None, device=device))
    return document


def default_trial(trainer: Trainer) -> float:
    """Seconds of one trial by ``trainer``'s recipe; on a CPU the median of one a core at once.

    It includes what a worker does at its first trial only: choosing kernels.
    """
    if trainer.device == "cuda":
        return done(trainer.run(TASK)).train_seconds
    workers = default_workers(trainer.device, trainer.recipe)
    with closing(Workers(trainer, workers)) as crew:
        return median(record.train_seconds for record in at_once(crew, workers)[0])


def lines(document: dict[str, Any]) -> Iterator[str]:
    plain, recipe = document["plain"], document["recipe"]
    yield f"{document['network']} on {document['images']}, {document['device']}, {document['machine']['processor']}"
    yield (
        f"{document['epochs']} × {document['train_images']} training images, {document['val_images']} validated on; "
        f"plain: {plain['optimiser']}, batch {plain['batch']}; own: {recipe['name']}, batch {recipe['batch']}"
    )
    for step in document["steps"]:
        low, high = min(step["rounds"]), max(step["rounds"])
        yield f"{step['name']:52} {step['images_per_second']:8.0f} images/s  ({low:.0f} to {high:.0f})"
    low, high = document["ratio_by_round"]
    yield f"last over first: {document['ratio']:.2f} (by round {low:.2f} to {high:.2f})"
    if "gpu" in document:
        gpu = document["gpu"]
        yield f"{gpu['share_of_peak']:.2%} of a measured bf16 peak of {gpu['peak_bf16_flops'] / 1e12:.0f} TFLOP/s"
    if "default_trial_seconds" in document:
        yield f"one trial by the default recipe: {document['default_trial_seconds']:.1f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train-images", type=int, help="default: 2,048; on a GPU 40,000")
    parser.add_argument("--val-images", type=int, help="default: 1,024; on a GPU 10,000")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, help="of the project's own path; default: the recipe's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, help="default: as many as a search has here")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="cuda: one process, and its peak")
    parser.add_argument("--default-trial", action="store_true", help="also time one trial by the default recipe")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = (2_048, 1_024) if options.device == "cpu" else (40_000, 10_000)
    options.train_images = options.train_images or sizes[0]
    options.val_images = options.val_images or sizes[1]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with mended_by_user():
        document = measure(options, lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(document, indent=2) if options.json else "\n".join(lines(document)))


if __name__ == "__main__":
    main()
