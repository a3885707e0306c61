"""Studies: sets of trainings that answer one question each. One file a question, one line here.

All but the baselines are ablations: their file holds an ``Ablation`` under the name ``STUDY``.
"""

BASELINES = "baselines"
STUDIES: tuple[str, ...] = (
    BASELINES,
    "squeeze_excitation",
    "nonlinearity",
    "kernel_size",
    "expansion",
    "last_stage",
    "stem",
    "width_and_resolution",
    "separable_or_full",
    "shallow_or_narrow",
    "linear_bottleneck",
    "shortcut",
    "fire",
    "bypass",
    "dense_growth",
)
