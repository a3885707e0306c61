"""Narrower layers or smaller images: which loses less for what it saves?"""

from dataclasses import replace

from studies.ablation import BRIEF, Ablation, Claim, Paper, reference

STUDY = Ablation(
    question="Narrower layers or smaller images: which loses less for what it saves?",
    baseline=reference("mobilenet_v1@0.5"),
    variants={
        "192 px": {"resolution": 192},
        "160 px": {"resolution": 160},
        "128 px": {"resolution": 128},
    },
    curve=(0.25, 0.5, 0.75, 1.0, 1.25),  # the narrower ones are the other side of the question
    paper=Paper(
        source="Howard et al. 2017, arXiv 1704.04861, tables 6 and 7",
        says="At width 1, 224, 192, 160 and 128 px give 70.6, 69.1, 67.2 and 64.4%; at 224 px, widths 1, 0.75, 0.5 and "
        "0.25 give 70.6, 68.4, 63.7 and 50.6%. 128 px cost 186 million multiply-adds, width 0.5 costs 149.",
        claims={
            "192 px": Claim(direction="hurts", delta=-0.015),
            "160 px": Claim(direction="hurts", delta=-0.034),
            "128 px": Claim(direction="hurts", delta=-0.062),
        },
    ),
    notes=("Resolutions are of 224 px; on smaller images the same shares of their side.",),
    brief=replace(BRIEF, train_images=2000),
)
