"""Where does h-swish pay, and is ReLU enough elsewhere?"""

from search_spaces.mobilenet_v3_published import NOWHERE
from studies.ablation import HALF_SMALL, Ablation, Built, Claim, Paper, reference

STUDY = Ablation(
    question="Where does h-swish pay, and is ReLU enough elsewhere?",
    baseline=reference("mobilenet_v3_small"),  # has it in the stem and from 40 channels on
    variants={
        "ReLU": Built({"hardswish_from": NOWHERE}),
        "h-swish everywhere": Built({"hardswish_from": 16}),
        "h-swish from 40": Built({"hardswish_from": 40}),  # as published, but for the stem
        "h-swish from 80": Built({"hardswish_from": 80}),
        "h-swish from 112": Built({"hardswish_from": 112}),
    },
    paper=Paper(
        source="Howard et al. 2019, arXiv 1905.02244, table 5",
        says="Of the large network: 75.2% as published, 74.5 with ReLU, 75.4 with h-swish everywhere, 75.0 with it "
        "from 112 channels on. It is dear on large maps, and most of its gain is in the deeper layers.",
        claims={
            "ReLU": Claim(direction="hurts", delta=-0.007),
            "h-swish everywhere": Claim(direction="helps", delta=0.002),
            "h-swish from 112": Claim(direction="hurts", delta=-0.002),
        },
    ),
    notes=("The paper counts channels in the large network; here they are those of the small one.",),
    minutes=55,
    brief=HALF_SMALL,
)
