"""Many thin dense layers or few thick ones, and do bottlenecks and compression pay?"""

from dataclasses import replace

from studies.ablation import BRIEF, Ablation, Paper, choices

STUDY = Ablation(
    question="Many thin dense layers or few thick ones, and do bottlenecks and compression pay?",
    baseline=choices(
        "densenet",
        {
            "skeleton": "cifar",
            "cifar.block1.layers": 6,
            "cifar.block2.layers": 6,
            "cifar.block3.layers": 6,
            "growth": 8,
            "bottleneck": 0,
            "compression": 1.0,
        },
    ),
    variants={
        "12 layers of growth 4": {"growth": 4, "*.layers": 12},
        "4 layers of growth 12": {"growth": 12, "*.layers": 4},
        "bottleneck": {"bottleneck": 4},
        "compression": {"compression": 0.5},
        "bottleneck and compression": {"bottleneck": 4, "compression": 0.5},
    },
    curve=(0.5, 0.75, 1.0, 1.5),  # of the growth
    paper=Paper(
        source="Huang et al. 2017, arXiv 1608.06993, table 2 and section 5",
        says="A small growth rate is enough (k = 12); with bottlenecks and compression the same accuracy takes fewer "
        "parameters: 4.51% error with 0.8 million (BC, L = 100) where the plain form has 5.24% with 1.0 (L = 40).",
    ),
    brief=replace(BRIEF, train_images=2000),
)
