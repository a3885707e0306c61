"""What are the shortcuts between bottlenecks worth?"""

from studies.ablation import Ablation, Claim, Paper, reference

STUDY = Ablation(
    question="What are the shortcuts between bottlenecks worth?",
    baseline=reference("mobilenet_v2@0.5"),
    variants={"no shortcut": {"shortcut": False}},
    paper=Paper(
        source="Sandler et al. 2018, arXiv 1801.04381, section 6, fig. 6b",
        says="Shortcuts between bottlenecks are more accurate than shortcuts between expansions, and either than none; "
        "the text gives no numbers.",
        claims={"no shortcut": Claim(direction="hurts")},
    ),
    notes=("Shortcuts between expansions are not tried: no block of this project has them.",),
)
