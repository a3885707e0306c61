"""Which kernel does each stage want?"""

from studies.ablation import HALF_SMALL, Ablation, Claim, Grid, Paper, reference

STUDY = Ablation(
    question="Which kernel does each stage want?",
    baseline=reference("mobilenet_v3_small"),  # 3×3 in stages 1 and 2, 5×5 in the others
    variants={"3×3 everywhere": {"*.kernel": 3}},
    grid=Grid(decision="kernel", options=(3, 5, 7), stages=(1, 2, 3, 4, 5)),
    paper=Paper(
        source="Howard et al. 2019, arXiv 1905.02244, table 2",
        says="The search behind the paper chose 3×3 early and 5×5 from the third stage on.",
        claims={"3×3 everywhere": Claim(direction="hurts")},
    ),
    brief=HALF_SMALL,
)
