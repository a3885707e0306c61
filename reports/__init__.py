"""What a run shows: records → statistics → figures → one page. Reads records and nothing else.

``write`` makes the page; ``tables`` and ``sentences`` are what the commands print. Importing them is cheap: drawing
libraries are imported when something is drawn.
"""

from reports.page import write

__all__ = ["write"]
