"""Studies: sets of trainings that answer one question each. One file a question, one line here."""

STUDIES: dict[str, str] = {
    "baselines": "What do published networks reach here, trained alike?",
}
