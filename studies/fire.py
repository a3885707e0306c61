"""What should a fire module be made of: how much squeeze, and how many 3×3 filters?"""

from dataclasses import replace

from studies.ablation import BRIEF, FULL, Ablation, Claim, Paper, choices

STUDY = Ablation(
    question="What should a fire module be made of: how much squeeze, and how many 3×3 filters?",
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
    variants={
        "squeeze ratio 0.25": {"ratio": 0.25},
        "squeeze ratio 0.5": {"ratio": 0.5},
        "squeeze ratio 0.75": {"ratio": 0.75},
        "squeeze ratio 1": {"ratio": 1.0},
        "share of 3×3 0.125": {"share3": 0.125},
        "share of 3×3 0.25": {"share3": 0.25},
        "share of 3×3 0.75": {"share3": 0.75},
    },
    curve=(0.75, 1.0, 1.5, 2.0),
    paper=Paper(
        source="Iandola et al. 2016, arXiv 1602.07360, fig. 3",
        says="Top-5 accuracy grows with the squeeze ratio from 80.3% at 0.125 to a plateau of 86.0% at 0.75, and with "
        "the share of 3×3 filters to a plateau of 85.6% at one half.",
        claims={
            "squeeze ratio 0.25": Claim(direction="helps"),
            "squeeze ratio 0.5": Claim(direction="helps"),
            "squeeze ratio 0.75": Claim(direction="helps"),
            "squeeze ratio 1": Claim(direction="helps"),
            "share of 3×3 0.125": Claim(direction="hurts"),
            "share of 3×3 0.25": Claim(direction="hurts"),
            "share of 3×3 0.75": Claim(direction="no practical difference"),
        },
    ),
    notes=("The paper's figures are top-5, and its shares of 3×3 are at a squeeze ratio of 0.5.",),
    # Without batch norm a training first stands at guessing, for 300 to 1,500 steps: many small ones, at a low rate.
    brief=replace(BRIEF, epochs=6, longer=2, train_images=6000, batch=16, max_lr=0.003),
    full=replace(FULL, batch=64, max_lr=0.01),  # the same rate an image; not measured
)
