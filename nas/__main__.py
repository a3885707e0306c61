"""``nas search``, ``nas study``, ``nas profile``, ``nas export``, ``nas report``, ``nas list``: the commands under one
name."""

import typer

from nas.command import OneLine, OneLineGroup
from nas.export.__main__ import HELP as EXPORT_HELP
from nas.export.__main__ import export
from nas.latency.__main__ import app as latency
from nas.list_runs import list_runs
from nas.profile import HELP as PROFILE_HELP
from nas.profile import profile
from nas.search import HELP, search
from reports.__main__ import report
from studies.__main__ import app as studies

app = typer.Typer(
    cls=OneLineGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Architecture search for small convolutional networks under a budget.",
)
app.command("search", help=HELP, cls=OneLine)(search)
app.add_typer(studies, name="study")
app.command("profile", help=PROFILE_HELP, cls=OneLine)(profile)
app.command("export", help=EXPORT_HELP, cls=OneLine)(export)
app.command("report", cls=OneLine)(report)
app.add_typer(latency, name="latency")
app.command("list", cls=OneLine)(list_runs)

if __name__ == "__main__":
    app(prog_name="nas")
