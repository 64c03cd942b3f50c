# /// script
# requires-python = "==3.11.*"
# dependencies = [
#   "accelerate==1.12.0", "peft==0.18.1", "safetensors==0.8.0", "tokenizers==0.22.2", "torch==2.9.0",
#   "transformers==4.57.6",
# ]
# ///
"""Loads a prompt-tuning adapter that helm exported with PEFT, and makes the reference numbers of it.

    python scripts/golden_peft.py --out DIR

DIR is the repository. Read: helm-llm/tests/it/fixtures/tiny-llama, and tiny-llama-adapter beside it, which is what
`SoftPrompt::save_adapter` writes: the test `peft::the_fixture_is_what_helm_writes` holds it, and leaves what helm writes
in the target folder where the two differ. Written: helm-llm/tests/it/golden/peft.json.

Everything is f32 on one thread; log-probabilities are taken in f64 from f32 logits. The script also checks that PEFT's
logits are those of the model on the adapter's vectors followed by the embeddings of all tokens, the one that starts a
text among them, and that they are the same with and without a cache of keys and values. The tolerance in the tests is
1e-4 on a log-likelihood.
"""

import argparse
import importlib.metadata
import json
import pathlib

import safetensors.torch
import torch
from peft import PeftModel, PromptTuningConfig
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

VERSIONS = {
    "accelerate": "1.12.0", "peft": "0.18.1", "safetensors": "0.8.0", "tokenizers": "0.22.2", "torch": "2.9.0",
    "transformers": "4.57.6",
}  # fmt: skip
CASES = [
    ("Age: 54. She was sick.", " Asthma:", {"yes": [" yes", " Yes"], "no": [" no", " No"]}),
    ("", "Is she sick?", {"yes": [" yes"], "no": [" no"]}),
    ("Le café est fermé.\n", "Fatigué? Oui ou non", {"yes": [" ill"], "no": [" well and happy"]}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--any-version", action="store_true", help="check only, with the packages that are there")
    arguments = parser.parse_args()
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in VERSIONS}
    assert arguments.any_version or versions == VERSIONS, versions
    torch.set_num_threads(1)
    tests = arguments.out / "helm-llm" / "tests" / "it"
    model_folder, adapter = tests / "fixtures" / "tiny-llama", tests / "fixtures" / "tiny-llama-adapter"

    plain = LlamaForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager").eval()
    base = LlamaForCausalLM.from_pretrained(model_folder, dtype=torch.float32, attn_implementation="eager").eval()
    tuned = PeftModel.from_pretrained(base, str(adapter)).eval()
    config = tuned.peft_config["default"]
    assert isinstance(config, PromptTuningConfig) and config.num_layers == 2 and config.num_attention_heads == 4
    vectors = safetensors.torch.load_file(adapter / "adapter_model.safetensors")["prompt_embeddings"]
    assert torch.equal(tuned.get_prompt(1)[0], vectors) and len(vectors) == config.num_virtual_tokens

    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True

    @torch.no_grad()
    def logits(ids: list[int]) -> torch.Tensor:
        """Logits after each of the ids by PEFT, those after the vectors cut off."""
        tokens = torch.tensor([ids])
        found = tuned(input_ids=tokens, attention_mask=torch.ones_like(tokens), use_cache=False).logits[0]
        whole = torch.cat([vectors, plain.model.embed_tokens(tokens)[0]])
        expected = plain(inputs_embeds=whole[None], use_cache=False).logits[0]
        assert found.shape == expected.shape and (found - expected).abs().max() < 1e-5
        untuned = plain(tokens, use_cache=False).logits[0]
        assert (found[len(vectors) :] - untuned).abs().max() > 1e-2, "the vectors matter"
        before = plain(inputs_embeds=whole[None, :-1], use_cache=True).past_key_values
        cached = plain(inputs_embeds=whole[None, -1:], past_key_values=before).logits[0, -1]
        assert (cached - found[-1]).abs().max() < 1e-4
        return found[len(vectors) :].double()

    cases = []
    for context, question, answers in CASES:
        forms = [(answer, form) for answer, all_forms in answers.items() for form in all_forms]
        encoded = [tokenizer.encode(context + question + form, add_special_tokens=True) for _, form in forms]
        # Answers start where the first of them reaches past the question.
        end = len(context + question)
        start = min(next(i for i, (_, to) in enumerate(each.offsets) if to > end) for each in encoded)
        log_likelihoods = []
        for each in encoded:
            log_probs = torch.log_softmax(logits(each.ids), -1)
            log_likelihoods.append(sum(log_probs[i - 1, each.ids[i]] for i in range(start, len(each.ids))))
        of = {
            answer: torch.logsumexp(torch.stack([x for (a, _), x in zip(forms, log_likelihoods) if a == answer]), 0)
            for answer in answers
        }
        cases.append({
            "context": context,
            "question": question,
            "yes": answers["yes"],
            "no": answers["no"],
            "log_odds": float(f"{of['yes'] - of['no']:.9g}"),
            "log_answer_mass": float(f"{torch.logaddexp(of['yes'], of['no']):.9g}"),
        })  # fmt: skip
    print(json.dumps(cases, indent=1))
    if arguments.any_version:
        return
    document = {
        "about": "Log-odds and answer mass of fixtures/tiny-llama with fixtures/tiny-llama-adapter by PEFT, made by"
        " scripts/golden_peft.py. Tolerance: 1e-4 on a log-likelihood.",
        "versions": VERSIONS,
        "cases": cases,
    }
    path = tests / "golden" / "peft.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
