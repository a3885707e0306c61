"""Run in a process of its own, without this project on its path: does an exported ``model.py`` need torch and no more?

python -I -B only_torch.py FOLDER IMAGES OUTPUT
"""

import importlib.util
import sys
from pathlib import Path

import torch

folder, given, output = map(Path, sys.argv[1:])
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("exported", folder / "model.py")
assert spec is not None
assert spec.loader is not None
model = importlib.util.module_from_spec(spec)
spec.loader.exec_module(model)
network = model.load()
images = torch.load(given, weights_only=True)
raw = images.get("images")
with torch.no_grad():
    inputs = images["inputs"] if raw is None else model.preprocess(raw)
    scores = {"one": network(inputs[:1]), "all": network(inputs)}
names = {name.partition(".")[0] for name in set(sys.modules) - before} - {"exported", "torch"}
torch.save({**scores, "imported": sorted(names - set(sys.stdlib_module_names))}, output)
