"""Do 16 filters with h-swish do for the stem what 32 with ReLU did?"""

from studies.ablation import HALF_SMALL, Ablation, Built, Claim, Paper, reference

STUDY = Ablation(
    question="Do 16 filters with h-swish do for the stem what 32 with ReLU did?",
    baseline=reference("mobilenet_v3_small"),
    variants={
        "32 ReLU": Built({"stem": 32, "stem_activation": "relu"}),
        "32 h-swish": Built({"stem": 32}),
        "16 ReLU": Built({"stem_activation": "relu"}),
    },
    paper=Paper(
        source="Howard et al. 2019, arXiv 1905.02244, section 5.1",
        says="Of the large network, 16 filters with h-swish are as accurate as 32 with ReLU or h-swish, and save 2 ms "
        "and 10 million multiply-adds.",
        claims={
            "32 ReLU": Claim(direction="no practical difference"),
            "32 h-swish": Claim(direction="no practical difference"),
        },
    ),
    brief=HALF_SMALL,
)
