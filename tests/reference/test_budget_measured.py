"""What the budget predicts, against what a process of its own really takes.

The peak is the process's own high-water mark (VmHWM): the one getrusage gives is inherited from the process that
started it, so that under a large test run it would not move.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MEASURE = """
import gc, sys
from pathlib import Path
from transformers import BertConfig, BertModel
import lmviz
from lmviz.capture import budget
from lmviz.capture.tokens import encode
from lmviz.capture.trace import trace
from tests.tiny_tokenizers import bert_tokenizer

def peak_megabytes():
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024 / 1e6

n_tokens, places = int(sys.argv[1]), tuple(sys.argv[2].split(","))
config = BertConfig(hidden_size=256, num_hidden_layers=12, num_attention_heads=8, intermediate_size=1024)
model = lmviz.wrap(BertModel(config), bert_tokenizer())
trace(model, encode(model, "cat " * 6), places)
gc.collect()
encoding = encode(model, "cat " * (n_tokens - 2))
assert len(encoding.table) == n_tokens
before = peak_megabytes()
kept = trace(model, encoding, places)
after = peak_megabytes()
print(after - before, budget.estimate(model, n_tokens, places=places).megabytes)
"""


@pytest.mark.parametrize(("n_tokens", "places"), [(512, "pattern"), (448, "pattern,resid_pre,resid_mid,resid_post")])
def test_megabytes_are_right_within_a_factor_of_two(n_tokens, places):
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", MEASURE, str(n_tokens), places]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    measured, predicted = map(float, ran.stdout.split()[-2:])
    assert measured > 50  # the measure measures
    assert measured / 2 < predicted < measured * 2, (measured, predicted)
