"""What are bypasses around fire modules worth?"""

from dataclasses import replace

from studies.ablation import BRIEF, Ablation, Claim, Paper, choices

STUDY = Ablation(
    question="What are bypasses around fire modules worth?",
    baseline=choices(  # SqueezeNet 1.1 at a quarter of its widths
        "squeezenet",
        {
            "layout": "1.1",
            "stem": 32,
            "base": 32,
            "incr": 32,
            "freq": 2,
            "share3": 0.5,
            "ratio": 0.125,
            "bypass": "none",
        },
    ),
    variants={"simple": {"bypass": "simple"}, "complex": {"bypass": "complex"}},
    curve=(0.75, 1.0, 1.5, 2.0),
    paper=Paper(
        source="Iandola et al. 2016, arXiv 1602.07360, table 3, fig. 2",
        says="Of version 1.0: 57.5% without, 60.4 with simple bypasses, which cost nothing, 58.8 with complex ones.",
        claims={
            "simple": Claim(direction="helps", delta=0.029),
            "complex": Claim(direction="helps", delta=0.013),
        },
    ),
    brief=replace(BRIEF, max_lr=0.01),  # there is no batch norm
)
