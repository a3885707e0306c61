"""The one exception that stands for a mistake the user can mend."""


class NasError(Exception):
    """A mistake of the caller's: the message is one line that names the place, the value and what to do.

    Commands print it and end with exit status 2; from Python it is an ordinary exception.
    """


def at_least(least: int, /, **options: int | None) -> None:
    """Raises ``NasError`` for an option below that; ``train_images`` is ``--train-images`` to the user."""
    for name, value in options.items():
        if value is not None and value < least:
            raise NasError(f"--{name.replace('_', '-')} {value}: must be at least {least}")


class SpecError(NasError, ValueError):
    """An architecture that cannot exist, or JSON that does not describe one; the place is named.

    A ``ValueError`` as well, so that pydantic adds the place inside the document.
    """


class BudgetError(NasError):
    """A budget that makes no sense, or that no network of the space can meet."""


class OverBudget(NasError):
    """A network that was about to be trained costs more than its budget allows."""


class SpaceExhausted(NasError):
    """Nothing new that fits could be found inside the cap on draws; the message names the nearest miss."""


class StorageError(NasError):
    """A storage that cannot be opened, is no database, or holds another study under the same name."""


class LatencyError(NasError):
    """A latency target that is not here, a machine that will not settle, or a table that cannot be used."""
