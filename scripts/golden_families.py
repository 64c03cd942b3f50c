# /// script
# requires-python = "==3.11.*"
# dependencies = [
#   "numpy==2.4.6", "safetensors==0.8.0", "tokenizers==0.22.2", "torch==2.9.0", "transformers==4.57.6",
# ]
# ///
"""Makes tiny random models of each decoder family, and their reference numbers.

    python scripts/golden_families.py --out DIR

DIR is the repository. Written:

    helm-llm/tests/it/fixtures/families/NAME/{config.json, model*.safetensors*}
    helm-llm/tests/it/golden/families.json

With transformers 5 in place of the pinned version, `--configs` writes the same configurations as that version writes
them, `config_v5.json` beside each `config.json`, and nothing else.

All models share the tokenizer of fixtures/tiny-llama. Everything is f32 on one thread by transformers, with eager
attention; log-probabilities are taken in f64 from f32 logits. Settings are small, so that a short text reaches past
every window and every cap bends every score. Tolerances: 1e-4 of the largest logit on a logit, 1e-4 on a
log-likelihood, 1e-3 of the largest entry on a gradient.
"""

import argparse
import json
import pathlib

import safetensors.torch
import torch
import transformers
from golden_llama import Text, lines, plain
from transformers import (
    Gemma2Config, Gemma3TextConfig, GPT2Config, GPTNeoXConfig, LlamaConfig, MistralConfig, Phi3Config, Qwen2Config,
    Qwen3Config,
)  # fmt: skip

# Short, so that the answer is near enough to what stands in front of it for every window.
TAIL = "."
TEXT = "Age: 54. Sex: female. BMI: 27.1. Does the patient have asthma? Answer:"
HEAD, CONTEXT, QUESTION = "Her breath:", " Age: 54. Sex: female. BMI: 27.1.", " Asthma:"
FORMS = {"yes": [" yes", " Yes"], "no": [" no", " No"]}
SIZES = dict(
    hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    vocab_size=300, max_position_embeddings=256, bos_token_id=0, eos_token_id=1,
)  # fmt: skip
GPT = {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}


def rope(**scaling) -> dict:
    """Scaling in the words of the version that runs."""
    if transformers.__version__.startswith("4."):
        theta = scaling.pop("rope_theta")
        if "short_factor" in scaling:
            scaling["type"] = scaling.pop("rope_type")
        return {"rope_theta": theta, "rope_scaling": scaling or None}
    return {"rope_parameters": {"rope_type": "default"} | scaling}


def configs() -> dict:
    old = transformers.__version__.startswith("4.")
    llama3 = dict(
        rope_theta=5000.0, rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=32,
    )  # fmt: skip
    longrope = dict(
        rope_theta=10000.0, rope_type="longrope", short_factor=[1.0, 1.3], long_factor=[2.0, 5.0],
    )  # fmt: skip
    gemma3 = (
        dict(rope_theta=50000.0, rope_local_base_freq=1000.0, rope_scaling={"rope_type": "linear", "factor": 2.0})
        if old
        else dict(
            rope_parameters={
                "full_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 50000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0},
            }
        )
    )
    partial = dict(partial_rotary_factor=0.5) if old else {}
    if not old:
        longrope["partial_rotary_factor"] = 0.5
        longrope["original_max_position_embeddings"] = 128
    return {
        # Llama 3's positions, with the biases that some Llamas have, and a tied embedding.
        "llama": LlamaConfig(
            **SIZES, **rope(**llama3), attention_bias=True, mlp_bias=True, tie_word_embeddings=True, head_dim=4
        ),
        "mistral": MistralConfig(**SIZES, **rope(rope_theta=10000.0), sliding_window=8, head_dim=6),
        # Its second layer has a window.
        "qwen2": Qwen2Config(
            **SIZES, **rope(rope_theta=10000.0), use_sliding_window=True, sliding_window=8, max_window_layers=1
        ),
        "qwen3": Qwen3Config(**SIZES, **rope(rope_theta=10000.0), head_dim=8),
        "gemma2": Gemma2Config(
            **SIZES, **rope(rope_theta=10000.0), head_dim=8, query_pre_attn_scalar=10, sliding_window=8,
            attn_logit_softcapping=2.0, final_logit_softcapping=5.0,
        ),  # fmt: skip
        "gemma3_text": Gemma3TextConfig(
            **SIZES | {"num_hidden_layers": 3}, **gemma3, head_dim=8, query_pre_attn_scalar=10, sliding_window=8,
            layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        ),  # fmt: skip
        # Half of a head's coordinates turn, by LongRoPE's factors.
        "phi3": Phi3Config(
            **SIZES | {"hidden_size": 32}, **rope(**longrope), **partial, original_max_position_embeddings=128,
            sliding_window=12, pad_token_id=1,
        ),  # fmt: skip
        "gpt2": GPT2Config(
            n_embd=16, n_inner=24, n_layer=2, n_head=4, vocab_size=300, n_positions=256, bos_token_id=0, eos_token_id=1
        ),
        "gpt_neox": GPTNeoXConfig(
            **GPT | {"hidden_size": 32},
            **(dict(rotary_pct=0.25) if old else rope(rope_theta=10000.0, partial_rotary_factor=0.25)),
            use_parallel_residual=True,
        ),
        "gpt_neox_sequential": GPTNeoXConfig(
            **GPT | {"hidden_size": 32},
            **(dict(rotary_pct=0.5) if old else rope(rope_theta=10000.0, partial_rotary_factor=0.5)),
            use_parallel_residual=False,
        ),
    }


def randomise(model) -> None:
    gemma = model.config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            norm = "norm" in name or "ln_" in name
            if norm and name.endswith("weight"):
                # Norms differ from 1, so that a forgotten or swapped one shows; Gemma's are kept less 1.
                parameter.uniform_(-0.5, 0.5) if gemma else parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0.0, 0.3)


def save(model, folder: pathlib.Path) -> None:
    """As the hub has them: GPT-2's without a prefix and with its mask, Qwen 2's as bf16 in several files."""
    if model.config.model_type == "gpt2":
        folder.mkdir(parents=True, exist_ok=True)
        state = {name.removeprefix("transformer."): tensor.contiguous() for name, tensor in model.state_dict().items()}
        assert state.pop("lm_head.weight").equal(state["wte.weight"])
        state |= {f"h.{layer}.attn.bias": torch.ones(8, 8).tril()[None, None] for layer in range(2)}
        safetensors.torch.save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
        model.config.architectures = ["GPT2LMHeadModel"]
        model.config.to_json_file(str(folder / "config.json"), use_diff=True)
    else:
        model.save_pretrained(folder, max_shard_size="12KB" if model.config.model_type == "qwen2" else "1GB")
    (folder / "generation_config.json").unlink(missing_ok=True)


class Golden:
    def __init__(self, model, text: Text):
        self.model, self.text = model.eval(), text
        self.embedding = model.get_input_embeddings()
        # What the model multiplies embeddings by after it got them.
        self.scale = model.config.hidden_size**0.5 if model.config.model_type == "gemma2" else 1.0

    def embed(self, ids: list[int]) -> torch.Tensor:
        """Embeddings as they enter the first block, [tokens, d_model]."""
        return self.embedding(torch.tensor(ids)) * self.scale

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(inputs_embeds=x[None] / self.scale, use_cache=False).logits[0]

    def forms(self, before: torch.Tensor | None, tail: str) -> list[dict]:
        """Log-likelihoods of the forms after a text and the question, behind embeddings if there are any."""
        start = [] if before is not None else self.text.start
        ids = self.text.continuation if before is not None else self.text.ids
        asked = ids(tail + QUESTION)
        result = []
        for answer, forms in FORMS.items():
            for form in forms:
                whole = ids(tail + QUESTION + form)
                assert whole[: len(asked)] == asked and len(whole) > len(asked)
                x = self.embed(start + whole)
                x = x if before is None else torch.cat([before, x])
                log_probs = self.logits(x).double().log_softmax(-1)
                first = len(x) - len(whole) + len(asked)
                own = [log_probs[first - 1 + at, id] for at, id in enumerate(whole[len(asked) :])]
                result.append(
                    {"answer": answer, "form": form, "ids": start + whole, "start": len(start) + len(asked),
                     "log_likelihood": torch.stack(own).sum()}
                )  # fmt: skip
        return result

    def odds(self, forms: list[dict]) -> dict:
        of = {
            answer: torch.stack([form["log_likelihood"] for form in forms if form["answer"] == answer]).logsumexp(0)
            for answer in FORMS
        }
        return {"log_odds": of["yes"] - of["no"], "log_answer_mass": torch.logaddexp(of["yes"], of["no"])}

    def make(self) -> dict:
        ids = self.text.start + self.text.ids(TEXT)
        whole = self.model(torch.tensor([ids]), use_cache=False).logits[0]
        assert (self.logits(self.embed(ids)) - whole).abs().max() < 1e-4
        greedy = list(ids)
        for _ in range(20):
            greedy.append(int(self.model(torch.tensor([greedy]), use_cache=False).logits[0, -1].argmax()))
        plainly = self.forms(None, CONTEXT)

        generator = torch.Generator().manual_seed(7)
        soft = torch.randn(3, self.model.config.hidden_size, generator=generator) * 0.3 * self.scale
        soft = soft.requires_grad_()
        head = self.embed(self.text.start + self.text.ids(HEAD))
        softly = self.forms(torch.cat([head, soft]), TAIL)
        odds = self.odds(softly)
        (gradient,) = torch.autograd.grad(odds["log_odds"], soft)
        return detached({
            "text": TEXT,
            "ids": ids,
            "last_logits": whole[-1],
            "middle_logits": whole[len(ids) // 2],
            "greedy_ids": greedy[len(ids) :],
            "answers": [
                {"about": "plain", "context": CONTEXT, "question": QUESTION, "forms": plainly} | self.odds(plainly)
            ],
            "soft": [
                {"about": "soft", "slots": [{"text": HEAD, "soft": soft, "log_odds_gradient": gradient}],
                 "tail": TAIL, "question": QUESTION, "forms": softly} | odds
            ],
        })  # fmt: skip


def detached(value):
    if isinstance(value, torch.Tensor):
        return value.detach()
    if isinstance(value, dict):
        return {key: detached(each) for key, each in value.items()}
    return [detached(each) for each in value] if isinstance(value, list) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--configs", action="store_true")
    arguments = parser.parse_args()
    tests = arguments.out / "helm-llm" / "tests" / "it"
    families = tests / "fixtures" / "families"
    if arguments.configs:
        assert not transformers.__version__.startswith("4.")
        for name, config in configs().items():
            (families / name / "config_v5.json").write_text(config.to_json_string(use_diff=True) + "\n")
        return
    assert transformers.__version__ == "4.57.6" and torch.__version__.startswith("2.9.0")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    text = Text(tests / "fixtures" / "tiny-llama")
    document = {}
    for number, (name, config) in enumerate(configs().items()):
        torch.manual_seed(number)
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        randomise(model)
        if name == "qwen2":
            # Its file has bf16, and its numbers are computed in f32 from what that rounds to.
            model = model.to(torch.bfloat16)
        save(model, families / name)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            families / name, dtype=torch.float32, attn_implementation="eager"
        )
        document[name] = Golden(model, text).make()
        print(name, float(document[name]["answers"][0]["log_odds"]))
    document = {
        "about": "Reference numbers of fixtures/families, made by scripts/golden_families.py.",
        "families": plain(document),
    }
    (tests / "golden" / "families.json").write_text(lines(document) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
