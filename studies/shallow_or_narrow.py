"""To make a network cheaper: fewer layers, or thinner ones?"""

from studies.ablation import Ablation, Claim, Paper, reference

STUDY = Ablation(
    question="To make a network cheaper: fewer layers, or thinner ones?",
    baseline=reference("mobilenet_v1@0.25"),
    variants={
        "shallow": {"stage3.depth": 1},  # without the five repeated blocks
        "half as shallow": {"stage3.depth": 3},
    },
    paper=Paper(
        source="Howard et al. 2017, arXiv 1704.04861, table 5",
        says="At width 1, without the five blocks it reaches 65.3% with 307 million multiply-adds; thinner (width "
        "0.75) it reaches 68.4% with 325. As published: 70.6 with 569.",
        claims={"shallow": Claim(direction="hurts", delta=-0.053)},
    ),
)
