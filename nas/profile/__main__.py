"""``python -m nas.profile``."""

from nas.profile.command import app

if __name__ == "__main__":
    app(prog_name="python -m nas.profile")
