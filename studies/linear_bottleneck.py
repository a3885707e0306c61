"""Should a bottleneck end without a nonlinearity?"""

from studies.ablation import Ablation, Claim, Paper, reference

STUDY = Ablation(
    question="Should a bottleneck end without a nonlinearity?",
    baseline=reference("mobilenet_v2@0.5"),
    variants={"ReLU6": {"bottleneck": "relu6"}},
    paper=Paper(
        source="Sandler et al. 2018, arXiv 1801.04381, section 6, fig. 6a",
        says="Linear bottlenecks are more accurate than those that end in ReLU6; the text gives no numbers.",
        claims={"ReLU6": Claim(direction="hurts")},
    ),
)
