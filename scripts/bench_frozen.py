# /// script
# requires-python = "==3.11.*"
# dependencies = ["torch==2.9.0", "transformers==4.57.6", "safetensors==0.8.0"]
# ///
"""The Python side of benches/benches/frozen.rs: transformers and PyTorch on the same weights, texts and threads.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench frozen

f32, scaled-dot-product attention, logits of the last place only; a row for each participant and outcome, 8 rows a batch.
A training step computes the gradient to the soft tokens, clips it and takes a step of AdamW on one factor a column.
Prints JSON: the best times in seconds by the number of outcomes, and the log-odds of all participants and outcomes.
"""

import json
import pathlib
import sys
import time
from collections.abc import Callable

import torch
import transformers

ROWS = 8


def seconds(runs: int, task: Callable[[], object]) -> float:
    times = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        task()
        times.append(time.perf_counter() - begin)
    return min(times[1:])


def main() -> None:
    given = json.loads(pathlib.Path(sys.argv[1]).read_text())
    torch.set_num_threads(given["threads"])
    model = transformers.AutoModelForCausalLM.from_pretrained(
        given["model"], dtype=torch.float32, attn_implementation="sdpa"
    ).eval()
    model.requires_grad_(False)
    embedding = model.get_input_embeddings()
    texts = embedding(torch.tensor(given["texts"]))
    questions = embedding(torch.tensor(given["questions"]))
    soft = torch.tensor(given["soft"]).reshape(len(texts), given["n_soft"], -1)
    answers = torch.tensor([given["yes"], given["no"]])

    def log_probs(rows: list[tuple[int, int]], soft: torch.Tensor) -> torch.Tensor:
        of = torch.tensor([row[0] for row in rows]), torch.tensor([row[1] for row in rows])
        x = torch.cat([texts[of[0]], soft[of[0]], questions[of[1]]], 1)
        logits = model(inputs_embeds=x, use_cache=False, logits_to_keep=1).logits[:, 0]
        return logits.log_softmax(-1)[:, answers]

    def batches(n_outcomes: int) -> list[list[tuple[int, int]]]:
        rows = [(participant, outcome) for participant in range(len(texts)) for outcome in range(n_outcomes)]
        return [rows[i : i + ROWS] for i in range(0, len(rows), ROWS)]

    def score(n_outcomes: int) -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([log_probs(batch, soft) for batch in batches(n_outcomes)])

    factor = torch.nn.Parameter(torch.ones(soft.shape[-1]))
    optimizer = torch.optim.AdamW([factor], 3e-4, weight_decay=0.01)

    def step(n_outcomes: int) -> None:
        optimizer.zero_grad(set_to_none=True)
        for batch in batches(n_outcomes):
            label = torch.tensor([participant % 2 for participant, _ in batch])
            of_answers = log_probs(batch, soft * factor)
            loss = torch.nn.functional.cross_entropy(of_answers, label, reduction="sum") / len(texts) / n_outcomes
            loss.backward()
        torch.nn.utils.clip_grad_norm_([factor], 1.0)
        optimizer.step()

    most = max(given["outcomes"])
    of_all = score(most)
    result = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "log_odds": (of_all[:, 0] - of_all[:, 1]).double().tolist(),
        "scoring_seconds": {n: seconds(given["runs"], lambda n=n: score(n)) for n in given["outcomes"]},
        "training_seconds": {n: seconds(given["runs"], lambda n=n: step(n)) for n in given["outcomes"]},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
