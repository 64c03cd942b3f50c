# /// script
# requires-python = "==3.11.*"
# dependencies = ["torch==2.9.0", "transformers==4.57.6", "safetensors==0.8.0"]
# ///
"""The Python side of benches/benches/frozen.rs: transformers and PyTorch on the same weights, texts and threads.

    HELM_BENCH_PYTHON=python cargo bench --package helm-benches --bench frozen

Scaled-dot-product attention, logits of the last place only. As most users do it, a row for each participant and outcome,
8 rows a batch, in f32 or bf16; as experts do it, "cached": each participant's context once, and the outcomes' questions
behind its keys and values. A training step computes the gradients of an encoder, the 1-D ResNet18-D of
scripts/golden_resnet1d.py and a perceptron behind it (each curve of a batch once), clips them and takes a step of AdamW.

Prints one JSON line with versions and log-odds, then reads tasks, a JSON line each, and answers with seconds.
"""

import json
import pathlib
import sys
import time

import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from golden_resnet1d import ResNet1d  # noqa: E402

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
        self.curves = torch.tensor(given["curves"], dtype=dtype).unsqueeze(1)
        torch.manual_seed(0)
        projector = torch.nn.Sequential(
            torch.nn.Linear(512, 128), torch.nn.GELU(), torch.nn.Linear(128, self.soft[0].numel())
        )
        self.encoder = torch.nn.Sequential(ResNet1d(1, 64, 12), projector).train().to(dtype)
        self.optimizer = torch.optim.AdamW(self.encoder.parameters(), 3e-4, weight_decay=0.01)

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
            found = []
            # As many participants at once as their repeated contexts fit into memory.
            for contexts in torch.cat([self.texts, self.soft], 1).split(max(1, 64 // n_outcomes)):
                cache = self.model(inputs_embeds=contexts, use_cache=True, logits_to_keep=1).past_key_values
                cache.batch_repeat_interleave(n_outcomes)
                x = self.questions[:n_outcomes].repeat(len(contexts), 1, 1)
                logits = self.model(inputs_embeds=x, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
                found.append(self.of_answers(logits[:, 0]))
            return torch.cat(found)

    def training(self, n_outcomes: int) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        for batch in self.batches(n_outcomes):
            participants = sorted({participant for participant, _ in batch})
            encoded = self.encoder(self.curves[participants]).reshape(len(participants), *self.soft.shape[1:])
            soft = self.soft.index_copy(0, torch.tensor(participants), encoded)
            label = torch.tensor([participant % 2 for participant, _ in batch])
            of_answers = self.log_probs(batch, soft)
            loss = torch.nn.functional.cross_entropy(of_answers, label, reduction="sum")
            (loss / len(self.texts) / n_outcomes).backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), 1.0)
        self.optimizer.step()


def main() -> None:
    given = json.loads(pathlib.Path(sys.argv[1]).read_text())
    torch.set_num_threads(given["threads"])
    peers = {"f32": Peer(given, torch.float32)}
    if given["bf16"]:
        peers["bf16"] = Peer(given, torch.bfloat16)
    scored = [getattr(peers["f32"], way)(given["compared"]) for way in ["scoring", "cached"]]
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
