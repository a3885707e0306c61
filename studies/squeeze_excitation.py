"""Does squeeze-excite pay for itself, and in which stages?"""

from studies.ablation import HALF_SMALL, Ablation, Claim, Paper, reference

STUDY = Ablation(
    question="Does squeeze-excite pay for itself, and in which stages?",
    baseline=reference("mobilenet_v3_small"),  # has it in all stages but the second
    variants={
        "none": {"*.se": False},
        "early": {"*.se": False, "stage[12].*.se": True},
        "late": {"*.se": False, "stage[345].*.se": True},
        "everywhere": {"*.se": True},
    },
    paper=Paper(
        source="Howard et al. 2019, arXiv 1905.02244, section 5.3",
        says="Squeeze-excite of a quarter of the expanded width raises accuracy, for few parameters and no latency to "
        "speak of.",
        claims={"none": Claim(direction="hurts")},
    ),
    minutes=36,
    brief=HALF_SMALL,
)
