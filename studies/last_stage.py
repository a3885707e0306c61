"""Does the efficient last stage cost any accuracy?"""

from studies.ablation import HALF_SMALL, Ablation, Built, Claim, Paper, reference

STUDY = Ablation(
    question="Does the efficient last stage cost any accuracy?",
    baseline=reference("mobilenet_v3_small"),
    variants={"old last stage": Built({"last_stage": "old"})},  # for small in the proportions of the large one's
    paper=Paper(
        source="Howard et al. 2019, arXiv 1905.02244, section 5.1, fig. 5",
        says="Of the large network, the efficient last stage saves 7 ms (11%) and 30 million multiply-adds at almost "
        "no loss of accuracy.",
        claims={"old last stage": Claim(direction="no practical difference")},
    ),
    curve=(0.5, 0.75, 1.0, 1.25, 1.5),
    brief=HALF_SMALL,
)
