# /// script
# requires-python = "==3.11.*"
# dependencies = ["numpy==2.4.6", "safetensors==0.8.0", "tokenizers==0.22.2", "torch==2.9.0", "transformers==4.57.6"]
# ///
"""Makes the reference numbers of the embedded language model, helm-tiny.

    python scripts/golden_tiny.py --model examples/helm-tiny --out examples/tests/it/golden/helm_tiny.json

transformers loads the folder as any other, and computes in f32 on one thread with eager attention: the tokens of texts as
people and programs write them, the logits after the last token, and what the model says to a question, token by token.
The tolerance beside the test is 1e-4 on a logit.
"""

import argparse
import hashlib
import json
import pathlib

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

VERSIONS = {"torch": "2.9.0", "transformers": "4.57.6"}
TEXTS = [
    "age: 61 years. sex: female. body mass index: 31.4 kg/m2. Does this person have diabetes?",
    "Age in years: 47\nSex: male\nSmokes: no\n\nQuestion: does the person have asthma?\nAnswer:",
    "The patient is 70 years old, had 12.5 pack-years and a systolic blood pressure of 151.0 mmHg.",
    "Café, naïve, 5 µg: words that its texts never had — and an emoji 🫁.",
    "yes",
]
QUESTIONS = ["What is FEV1?", "Which risk factors does diabetes have?"]
NEW_TOKENS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    assert found == VERSIONS, f"expected {VERSIONS}, found {found}"
    torch.set_num_threads(1)

    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="eager").eval()
    texts, replies = [], []
    with torch.no_grad():
        for text in TEXTS:
            ids = tokenizer(text)["input_ids"]
            logits = model(torch.tensor([ids])).logits[0, -1]
            texts.append({"text": text, "ids": ids, "logits": [round(x, 6) for x in logits.tolist()]})
        for question in QUESTIONS:
            said = [{"role": "user", "content": question}]
            ids = tokenizer.apply_chat_template(said, add_generation_prompt=True)
            new = model.generate(torch.tensor([ids]), max_new_tokens=NEW_TOKENS, do_sample=False)[0, len(ids) :].tolist()
            replies.append({"question": question, "prompt_ids": ids, "reply_ids": new, "reply": tokenizer.decode(new)})
    weights = (args.model / "model.safetensors").read_bytes()
    golden = {
        "versions": VERSIONS,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "texts": texts,
        "replies": replies,
    }
    args.out.write_text(json.dumps(golden, ensure_ascii=False) + "\n")
    for reply in replies:
        print(reply["question"], "→", reply["reply"])


if __name__ == "__main__":
    main()
