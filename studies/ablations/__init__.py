"""How ablations are run: declaration → networks → request → driver → records."""
