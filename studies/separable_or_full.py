"""What do depthwise separable convolutions lose against full ones, and where?"""

from dataclasses import replace

from studies.ablation import BRIEF, Ablation, Claim, Paper, reference

STUDY = Ablation(
    question="What do depthwise separable convolutions lose against full ones, and where?",
    baseline=reference("mobilenet_v1@0.25"),
    variants={
        "full": {"*.convolution": "full"},
        "full early": {"stage[012].convolution": "full"},
        "full late": {"stage[34].convolution": "full"},
    },
    curve=(0.5, 1.0, 2.0, 3.0),  # full convolutions cost some eight times as much
    paper=Paper(
        source="Howard et al. 2017, arXiv 1704.04861, table 4",
        says="At width 1, full convolutions reach 71.7% with 4,866 million multiply-adds and 29.3 million parameters, "
        "separable ones 70.6% with 569 and 4.2.",
        claims={"full": Claim(direction="helps", delta=0.011)},
    ),
    brief=replace(BRIEF, train_images=2000),
)
