"""What a network costs, block by block: ``python -m nas.profile mobilenet_v3_small``."""

from nas.profile.command import HELP, app, profile

__all__ = ["HELP", "app", "profile"]
