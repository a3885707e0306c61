"""What are bypasses around fire modules worth?"""

from studies import fire
from studies.ablation import Ablation, Claim, Paper

STUDY = Ablation(
    question="What are bypasses around fire modules worth?",
    baseline=fire.STUDY.baseline,
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
    brief=fire.STUDY.brief,
    full=fire.STUDY.full,
)
