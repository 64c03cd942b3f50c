# /// script
# requires-python = "==3.11.*"
# dependencies = ["torch==2.9.0", "transformers==4.57.6", "safetensors==0.8.0"]
# ///
"""The Python side of benches/benches/frozen.rs: transformers and PyTorch on the same weights, texts and threads.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench frozen

Scaled-dot-product attention, logits of the last place only. As most users do it, a row for each participant and outcome,
8 rows a batch, in f32 or bf16; as experts do it, "cached": each participant's context once, and the outcomes' questions
behind its keys and values. A training step computes the gradient to the soft tokens, clips it and takes a step of AdamW
on one factor a column.

Prints one JSON line with versions and log-odds, then reads tasks, a JSON line each, and answers with seconds.
"""

import json
import pathlib
import sys
import time

import torch
import transformers

ROWS = 8


class Peer:
    def __init__(self, given: dict, dtype: torch.dtype) -> None:
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            given["model"], dtype=dtype, attn_implementation="sdpa"
        ).eval()
        self.model.requires_grad_(False)
        embedding = self.model.get_input_embeddings()
        self.texts = embedding(torch.tensor(given["texts"]))
        self.questions = embedding(torch.tensor(given["questions"]))
        self.soft = torch.tensor(given["soft"], dtype=dtype).reshape(len(self.texts), given["n_soft"], -1)
        self.answers = torch.tensor([given["yes"], given["no"]])
        self.factor = torch.nn.Parameter(torch.ones(self.soft.shape[-1], dtype=dtype))
        self.optimizer = torch.optim.AdamW([self.factor], 3e-4, weight_decay=0.01)

    def of_answers(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.float().log_softmax(-1)[:, self.answers]

    def log_probs(self, rows: list[tuple[int, int]], soft: torch.Tensor) -> torch.Tensor:
        of = torch.tensor([row[0] for row in rows]), torch.tensor([row[1] for row in rows])
        x = torch.cat([self.texts[of[0]], soft[of[0]], self.questions[of[1]]], 1)
        return self.of_answers(self.model(inputs_embeds=x, use_cache=False, logits_to_keep=1).logits[:, 0])

    def batches(self, n_outcomes: int) -> list[list[tuple[int, int]]]:
        rows = [(participant, outcome) for participant in range(len(self.texts)) for outcome in range(n_outcomes)]
        return [rows[i : i + ROWS] for i in range(0, len(rows), ROWS)]

    def scoring(self, n_outcomes: int) -> torch.Tensor:
        with torch.inference_mode():
            return torch.cat([self.log_probs(batch, self.soft) for batch in self.batches(n_outcomes)])

    def cached(self, n_outcomes: int) -> torch.Tensor:
        with torch.inference_mode():
            context = torch.cat([self.texts, self.soft], 1)
            cache = self.model(inputs_embeds=context, use_cache=True, logits_to_keep=1).past_key_values
            cache.batch_repeat_interleave(n_outcomes)
            x = self.questions[:n_outcomes].repeat(len(self.texts), 1, 1)
            logits = self.model(inputs_embeds=x, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
            return self.of_answers(logits[:, 0])

    def training(self, n_outcomes: int) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        for batch in self.batches(n_outcomes):
            label = torch.tensor([participant % 2 for participant, _ in batch])
            of_answers = self.log_probs(batch, self.soft * self.factor)
            loss = torch.nn.functional.cross_entropy(of_answers, label, reduction="sum")
            (loss / len(self.texts) / n_outcomes).backward()
        torch.nn.utils.clip_grad_norm_([self.factor], 1.0)
        self.optimizer.step()


def main() -> None:
    given = json.loads(pathlib.Path(sys.argv[1]).read_text())
    torch.set_num_threads(given["threads"])
    peers = {"f32": Peer(given, torch.float32), "bf16": Peer(given, torch.bfloat16)}
    scored = [getattr(peers["f32"], way)(given["most"]) for way in ["scoring", "cached"]]
    log_odds = [(of_all[:, 0] - of_all[:, 1]).double().tolist() for of_all in scored]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    print(json.dumps({"versions": versions, "log_odds": log_odds}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        run = getattr(peers[task["dtype"]], task["work"])
        begin = time.perf_counter()
        run(task["outcomes"])
        print(json.dumps(time.perf_counter() - begin), flush=True)


if __name__ == "__main__":
    main()
