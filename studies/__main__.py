"""``python -m studies``: the studies that come along; ``python -m studies NAME``: one of them, or a file of yours."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.command import OneLine, OneLineGroup, as_typed, mended_by_user

HELP = """Train published networks from scratch, alike, with several seeds, and report accuracy against cost.

Interrupting it loses nothing: the same command continues, and more --seeds or networks add to what is there. On a GPU
the default is the full recipe (60 epochs, all images); on a CPU a short form.

Examples:

\b
  python -m studies baselines
  python -m studies baselines --dry-run
  python -m studies baselines --only mobilenet_v3_small --only mobilenet_v1@0.5 --seeds 5
"""

LIST = """Studies: sets of trainings that answer one question each. Without a name: those that there are.

Examples:

\b
  python -m studies
  python -m studies squeeze_excitation --dry-run
  python -m studies squeeze_excitation
  python -m studies my_question.py --seeds 10
  python -m studies --of SEARCH
"""

ABLATION = """Train a network and variants of it on the same seeds and folds, and tell what each change is worth: as
changed, and at equal cost, read against the same network at other widths.

Interrupting it loses nothing: the same command continues, and more --seeds or variants add to what is there. Trainings
that another study of the same storage has made already are taken from there.

Examples:

\b
  python -m studies squeeze_excitation --dry-run
  python -m studies squeeze_excitation --only none,late --seeds 10
  python -m studies squeeze_excitation --until-settled
  python -m studies --of SEARCH --dry-run
  python -m studies --of SEARCH --proposed
"""


class Studies(OneLineGroup):
    """Beside its commands, every ablation by its name, files of the user's own, and ``--of SEARCH``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and any(word.partition("=")[0] in ("--of", "--proposed") for word in args):
            args = [ABLATE, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0] not in self.commands:  # whether there is such a study is found out there
            return args[0], self.commands[ABLATE], ["--named", *args]
        return super().resolve_command(ctx, args)


ABLATE = "ablate"  # the command behind all of them
app = typer.Typer(
    cls=Studies,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=LIST,
)


@app.callback(invoke_without_command=True)
def studies(
    context: typer.Context,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    if context.invoked_subcommand is None:
        with mended_by_user():
            from studies.listing import show

            show(runs, storage, as_json=as_json, command=context.command_path)


@app.command("baselines", help=HELP, cls=OneLine)
def baselines(
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="This reference instead of the default ones; may be repeated, or a,b,c."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Of each network; default: 3.")] = None,
    effort: Annotated[
        str | None, typer.Option(metavar="NAME", help="brief or full; default: full on a GPU, brief on a CPU.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Of each training.")] = None,
    train_images: Annotated[int | None, typer.Option(metavar="N", help="Images a training sees.")] = None,
    lr: Annotated[
        float | None, typer.Option(metavar="RATE", help="The middle of the three learning rates that are checked.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed is another study.")] = 0,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="cifar10, folder or digits.")] = "cifar10",
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the images are; default: NAS_DATA_DIR.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(metavar="PX", help="Train at PX × PX; default: the images' own.")
    ] = None,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Trainings at a time; default: one a core, one on a GPU.")
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="auto (bf16 where it is faster), fp32 or bf16.")
    ] = "auto",
    study: Annotated[str | None, typer.Option(metavar="NAME", help="Instead of the derived name.")] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the networks, the recipe and the time; train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    with mended_by_user():
        from rich.console import Console

        from nas.progress import Display
        from studies.baselines import request_baselines

        with Display(Console(stderr=True)) as display:
            request = request_baselines(
                only=None if only is None else names(only),
                seeds=seeds,
                effort=effort,
                epochs=epochs,
                train_images=train_images,
                max_lr=lr,
                seed=seed,
                dataset=dataset,
                data_dir=data_dir,
                resolution=resolution,
                device=device,
                workers=workers,
                precision=precision,
                study=study,
                runs=runs,
                storage=storage,
                command=command_line(),
                watch=display,
            )
            if dry_run:
                from studies.dry_run import show

                show(request, as_json=as_json)
                return
            from reports import write_baselines
            from studies.run import execute

            facts = request.facts
            display.say(
                f"study {request.name}: {len(request.references)} networks, {facts.seeds} seeds each, "
                f"{facts.data.label}"
            )
            run = execute(request, watch=display)
            page = write_baselines(run, request.folder / "report")
        from nas.show_baselines import finish

        finish(run, page, as_json=as_json)


@app.command(ABLATE, help=ABLATION, cls=OneLine, hidden=True)
def ablation(
    name: Annotated[str | None, typer.Option("--named", hidden=True)] = None,
    of: Annotated[
        str | None, typer.Option(metavar="SEARCH", help="Ablate this search's winner, choice by choice.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Another published network, as mobilenet_v3_small@0.75: a study of its own."),
    ] = None,
    proposed: Annotated[
        bool,
        typer.Option("--proposed", help="With --of: the variants that the search's own trials propose, at most six."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="These variants only; may be repeated, or a,b,c; * stands for anything."),
    ] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Of each network; default: the study's.")] = None,
    until_settled: Annotated[
        bool,
        typer.Option("--until-settled", help="Look at 5, 10 and 20 seeds; stop when every variant has a verdict."),
    ] = False,
    match: Annotated[
        bool,
        typer.Option("--match", help="Also train each variant with expansion widths that give the baseline's cost."),
    ] = False,
    check_lr: Annotated[
        bool,
        typer.Option("--check-lr", help="Also try three learning rates for the baseline and each variant."),
    ] = False,
    lengths: Annotated[
        str | None, typer.Option(metavar="WHICH", help="short, or both (the default): a short and a long training.")
    ] = None,
    effort: Annotated[
        str | None, typer.Option(metavar="NAME", help="brief or full; default: full on a GPU, brief on a CPU.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(metavar="N", help="Of each short training.")] = None,
    train_images: Annotated[int | None, typer.Option(metavar="N", help="Images a training sees.")] = None,
    lr: Annotated[float | None, typer.Option(metavar="RATE", help="Learning rate, at the top of its cycle.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed is another study.")] = 0,
    dataset: Annotated[str, typer.Option(metavar="NAME", help="cifar10, folder or digits.")] = "cifar10",
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the images are; default: NAS_DATA_DIR.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(metavar="PX", help="Train at PX × PX; default: the study's.")
    ] = None,
    latency_target: Annotated[
        str | None, typer.Option(metavar="NAME", help="Measure latency too, and read variants at equal latency.")
    ] = None,
    any_machine: Annotated[
        bool, typer.Option("--any-machine", help="Take a latency table of another machine.")
    ] = False,
    device: Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Trainings at a time; default: one a core, one on a GPU.")
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="NAME", help="auto (bf16 where it is faster), fp32 or bf16.")
    ] = "auto",
    study: Annotated[str | None, typer.Option(metavar="NAME", help="Instead of the derived name.")] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where results are written.")] = Path("runs"),
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna storage; default: sqlite:///runs/nas.db.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show trainings, time, and the smallest difference they could show."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    with mended_by_user():
        from rich.console import Console

        from studies.ablations.find import find

        found = None if name is None else find(name)  # before anything slow
        from nas.progress import Display
        from studies.ablations.request import request_ablation

        with Display(Console(stderr=True)) as display:
            request = request_ablation(
                found,
                of=of,
                baseline=baseline,
                proposed=proposed,
                only=None if only is None else names(only),
                seeds=seeds,
                until_settled=until_settled,
                match=match,
                check_lr=check_lr,
                lengths=lengths,
                effort=effort,
                epochs=epochs,
                train_images=train_images,
                max_lr=lr,
                seed=seed,
                dataset=dataset,
                data_dir=data_dir,
                resolution=resolution,
                latency_target=latency_target,
                any_machine=any_machine,
                device=device,
                workers=workers,
                precision=precision,
                study=study,
                runs=runs,
                storage=storage,
                command=command_line(),
                watch=display,
            )
            if dry_run:
                from studies.ablations.dry_run import show

                show(request, as_json=as_json)
                return
            from reports import write_ablation
            from studies.ablations.run import execute

            facts = request.facts
            display.say(
                f"study {request.name}: {len(request.networks)} networks, "
                f"{' or '.join(str(number) for number in request.looks)} seeds each, {facts.data.label}"
            )
            run = execute(request, watch=display)
            page = write_ablation(run, request.folder / "report")
        from nas.show_ablation import finish

        finish(run, page, as_json=as_json)


def names(words: list[str]) -> tuple[str, ...]:
    """``--only a,b --only c`` as a, b and c."""
    return tuple(name.strip() for word in words for name in word.split(",") if name.strip())


def command_line() -> str:
    """What was typed, as it can be typed again."""
    return as_typed("studies", "study")


if __name__ == "__main__":
    app(prog_name="python -m studies")
