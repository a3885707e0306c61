"""How wide should a block be inside, early and late?"""

from studies.ablation import HALF_SMALL, HIGHEST, LOWEST, Ablation, Paper, reference

EARLY, LATE = "stage[12].*.expansion", "stage[345].*.expansion"
STUDY = Ablation(
    question="How wide should a block be inside, early and late?",
    baseline=reference("mobilenet_v3_small"),
    variants={
        "narrow": {"*.expansion": LOWEST},
        "narrow early": {EARLY: LOWEST},
        "narrow late": {LATE: LOWEST},
        "wide": {"*.expansion": HIGHEST},  # 6 times in every block
        "wide early": {EARLY: HIGHEST},
        "wide late": {LATE: HIGHEST},
    },
    paper=Paper(
        source="Sandler et al. 2018, arXiv 1801.04381, section 4",
        says="Between 5 and 10 times the curves of accuracy against cost are nearly the same; small networks want a "
        "little less, large ones a little more. MobileNetV3 lets a search choose block by block.",
    ),
    notes=("What is wider is also dearer: read it at equal cost.",),
    minutes=44,
    brief=HALF_SMALL,
)
