# /// script
# requires-python = "==3.11.*"
# dependencies = [
#   "numpy==2.4.6", "safetensors==0.8.0", "tokenizers==0.22.2", "torch==2.9.0", "transformers==4.57.6",
# ]
# ///
"""Makes the reference numbers of helm-llm's decoder, tokenizer, likelihood and soft prompts.

    python scripts/golden_llama.py --stories260k DIR --out DIR

DIR of --stories260k is that model in Hugging Face form; DIR of --out is the repository (or any folder). Written:

    helm-llm/tests/it/fixtures/tiny-llama/{config.json, model.safetensors, tokenizer.json}
    helm-llm/tests/it/golden/tiny_llama.json
    helm-llm/tests/it/golden/stories260k.json

Everything is f32 on one thread by transformers, with eager attention; log-probabilities are taken in f64 from f32
logits. Every number is also computed by a second decoder in this file (`Numpy`, f64), and the script stops where the
two differ. Tolerances that follow from it (largest differences are printed): 2e-4 absolute on a logit, 1e-4 on a
log-likelihood, 1e-3 of the largest entry on a gradient.
"""

import argparse
import json
import math
import pathlib

import numpy
import safetensors
import safetensors.torch
import tokenizers
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

VERSIONS = {
    "numpy": "2.4.6", "safetensors": "0.8.0", "tokenizers": "0.22.2", "torch": "2.9.0", "transformers": "4.57.6",
}  # fmt: skip
SENTENCE = "Once upon a time, there was a little boy who was sick."
# What the model's description promises after SENTENCE.
STORY = (
    " He loved to play with his toys and run around the house. One day, he saw a big box in the ground."
    " He wanted to play with it, but he was too small."
)
LOSS = 0.95720
MAX_BYTES = 150_000
LOGIT, LIKELIHOOD, GRADIENT = 2e-4, 1e-4, 1e-3
worst = {"logit": 0.0, "log_likelihood": 0.0, "gradient": 0.0}


# ---------------------------------------------------------------- the tiny model

HEALTH = [
    "Does the patient have asthma? yes",
    "Does the patient have diabetes? no",
    "Does the patient smoke? yes, 10 or 15 a day for 10 or 15 years.",
    "Has the patient had asthma or COPD? no",
    "The dose is 10 or 15 mg, yes or no?",
]


def train_tokenizer() -> Tokenizer:
    """A byte-level BPE of 300 tokens: two special ones, 256 bytes, 42 merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in ("<s>", "</s>")],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(HEALTH, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B:1", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return tokenizer


def write_tiny(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer()
    assert tokenizer.to_str() == train_tokenizer().to_str(), "training a tokenizer twice gives the same"
    assert tokenizer.get_vocab_size() == 300
    vocabulary = tokenizer.get_vocab()
    # The seams that the answers below rely on: " yes" and " no" are tokens, " Yes" and " No" are not, digits merge.
    assert {"Ġyes", "Ġno", "Ġ10", "Ġ15"} <= vocabulary.keys() and not {"ĠYes", "ĠNo"} & vocabulary.keys()
    tokenizer.save(str(folder / "tokenizer.json"))

    config = LlamaConfig(
        hidden_size=16, intermediate_size=40, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=300, max_position_embeddings=256, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    config.architectures = ["LlamaForCausalLM"]
    config.dtype = "float32"
    torch.manual_seed(54)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms differ from 1, so that a forgotten or swapped one shows.
            parameter.uniform_(0.5, 1.5) if "norm" in name else parameter.normal_(0.0, 0.3)
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    assert "lm_head.weight" in state and all(tensor.dtype == torch.float32 for tensor in state.values())
    safetensors.torch.save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    config.to_json_file(str(folder / "config.json"), use_diff=True)
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < MAX_BYTES, size


# ---------------------------------------------------------------- a second decoder, f64

class Numpy:
    """Llama in f64, from the weights' file and config.json alone: shares no code with transformers."""

    def __init__(self, folder: pathlib.Path):
        self.config = json.loads((folder / "config.json").read_text())
        with safetensors.safe_open(str(folder / "model.safetensors"), "np") as file:
            self.weights = {name: file.get_tensor(name).astype(numpy.float64) for name in file.keys()}
        self.embedding = self.weights["model.embed_tokens.weight"]
        self.head = self.embedding if self.config["tie_word_embeddings"] else self.weights["lm_head.weight"]

    def norm(self, x, name):
        return x / numpy.sqrt((x**2).mean(-1, keepdims=True) + self.config["rms_norm_eps"]) * self.weights[name]

    def logits(self, x):
        """`x`: [tokens, d_model]; result: [tokens, n_vocab]."""
        config, weights, n = self.config, self.weights, len(x)
        n_heads, n_kv = config["num_attention_heads"], config["num_key_value_heads"]
        d_head = config["hidden_size"] // n_heads
        # Rotation of the pairs (i, i + d_head / 2) as complex numbers.
        rates = config["rope_theta"] ** (-2.0 * numpy.arange(d_head // 2) / d_head)
        turn = numpy.exp(1j * numpy.arange(n)[:, None, None] * rates)

        def rotate(z):
            z = (z[..., : d_head // 2] + 1j * z[..., d_head // 2 :]) * turn
            return numpy.concatenate([z.real, z.imag], -1)

        for layer in range(config["num_hidden_layers"]):
            block = f"model.layers.{layer}."
            h = self.norm(x, block + "input_layernorm.weight")
            q, k, v = (
                (h @ weights[f"{block}self_attn.{which}_proj.weight"].T).reshape(n, heads, d_head)
                for which, heads in (("q", n_heads), ("k", n_kv), ("v", n_kv))
            )
            q, k = rotate(q), rotate(k)
            mixed = numpy.zeros((n, n_heads, d_head))
            for head in range(n_heads):
                group = head // (n_heads // n_kv)
                for row in range(n):
                    score = k[: row + 1, group] @ q[row, head] / math.sqrt(d_head)
                    share = numpy.exp(score - score.max())
                    mixed[row, head] = share @ v[: row + 1, group] / share.sum()
            x = x + mixed.reshape(n, -1) @ weights[block + "self_attn.o_proj.weight"].T
            h = self.norm(x, block + "post_attention_layernorm.weight")
            gate = h @ weights[block + "mlp.gate_proj.weight"].T
            up = h @ weights[block + "mlp.up_proj.weight"].T
            x = x + (gate / (1 + numpy.exp(-gate)) * up) @ weights[block + "mlp.down_proj.weight"].T
        return self.norm(x, "model.norm.weight") @ self.head.T


# ---------------------------------------------------------------- text

class Text:
    """A tokenizer whose special tokens are never read from text, with byte ends and continuations."""

    def __init__(self, folder: pathlib.Path):
        path = folder / "tokenizer.json"
        self.tokenizer = Tokenizer.from_file(str(path))
        # Text is data: with this switch `tokenizers` does not look for added tokens that are `special` in a text.
        # The post-processor still puts <s> in front.
        self.tokenizer.encode_special_tokens = True
        self.start = self.tokenizer.encode("", add_special_tokens=True).ids
        raw = json.loads(path.read_text())
        self.special_ids = {token["id"] for token in raw["added_tokens"]}
        assert all(token["special"] for token in raw["added_tokens"])
        self.byte_level = (raw["pre_tokenizer"] or {}).get("type") == "ByteLevel"

        # The same tokenizer, built independently to check the above: it knows no added tokens at all.
        raw["added_tokens"], raw["post_processor"] = [], None
        self.plain = Tokenizer.from_str(json.dumps(raw))
        # And one that puts no "▁" in front: a continuation by construction.
        if not self.byte_level:
            steps = raw["normalizer"]["normalizers"]
            raw["normalizer"]["normalizers"] = [step for step in steps if step["type"] != "Prepend"]
            assert len(raw["normalizer"]["normalizers"]) == len(steps) - 1
        self.bare = Tokenizer.from_str(json.dumps(raw))
        # Without the switch, "</s>" would be a special token.
        parsed = Tokenizer.from_file(str(path)).encode("a</s>b", add_special_tokens=False).ids
        assert set(parsed) & self.special_ids and not set(self.ids("a</s>b")) & self.special_ids

    def ids(self, text: str) -> list[int]:
        """Ids of a text that begins a prompt, without special tokens."""
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        assert ids == self.plain.encode(text, add_special_tokens=False).ids
        assert not set(ids) & self.special_ids
        assert self.tokenizer.encode(text, add_special_tokens=True).ids == self.start + ids
        return ids

    def continuation(self, text: str) -> list[int]:
        """Ids of a text that continues a prompt after soft tokens: no special tokens, and no "▁" put in front.

        A byte-level tokenizer puts nothing in front: a continuation is the text itself. Otherwise a newline is put in
        front of the text, and its tokens are cut off again by their ends; it is a byte token that no merge contains,
        so it never merges with the text. Both are checked against the tokenizer without the Prepend step.
        """
        bare = self.bare.encode(text, add_special_tokens=False).ids
        if self.byte_level:
            assert bare == self.ids(text)
            return bare
        sentinel = "\n"
        ids, head = self.ids(sentinel + text), self.ids(sentinel)
        cut = sum(end <= len(sentinel) for end in self.byte_ends(ids, prefixed=True))
        assert ids[:cut] == head and ids[cut:] == bare
        # Another way to say it: the blank in front is an ordinary one.
        assert self.bare.encode(" " + text, add_special_tokens=False).ids == self.ids(text) or not text
        return bare

    def byte_ends(self, ids: list[int], prefixed: bool) -> list[int]:
        """The byte of the text at which each token ends, from the tokens' own lengths.

        The offsets of `tokenizers` say the same, but for two things: a byte token inside a character ends where the
        character does, and a "▁" that was put in front ends where the text's first character does. Neither moves an
        answer's start, which `split` checks.
        """
        ends, at = [], 0
        for index, id in enumerate(ids):
            token = self.tokenizer.id_to_token(id)
            if self.byte_level or (len(token) == 6 and token.startswith("<0x")):
                at += len(token) if self.byte_level else 1
            else:
                at += len(token.replace("▁", " ").encode()) - (prefixed and index == 0)
            ends.append(at)
        return ends

    def split(self, asked: str, form: str, continuation: bool) -> tuple[list[int], int]:
        """Ids of question and answer as one string, and the first one that reaches past the question."""
        text = asked + form
        ids = self.continuation(text) if continuation else self.ids(text)
        ends = self.byte_ends(ids, prefixed=not self.byte_level and not continuation)
        assert ends[-1] == len(text.encode())
        start = next(index for index, end in enumerate(ends) if end > len(asked.encode()))
        if not continuation:
            # Python's offsets count characters.
            offsets = self.tokenizer.encode(text, add_special_tokens=False).offsets
            assert start == next(index for index, (_, end) in enumerate(offsets) if end > len(asked))
        return ids, start


# ---------------------------------------------------------------- the goldens

class Goldens:
    def __init__(self, folder: pathlib.Path):
        self.model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
        assert self.model.config._attn_implementation == "eager"
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        self.numpy = Numpy(folder)
        self.text = Text(folder)
        self.embedding = self.model.get_input_embeddings().weight
        self.n_vocab, self.d_model = self.embedding.shape
        # Eight ids across the vocabulary, special and byte tokens among them.
        self.some_ids = [0, 1, 13, 70, 120, 200, 259, self.n_vocab - 1]

    def embed(self, ids: list[int]) -> torch.Tensor:
        return self.embedding[torch.tensor(ids, dtype=torch.long)]

    def forward(self, embeds: torch.Tensor) -> torch.Tensor:
        """[tokens, d_model] -> [tokens, n_vocab], compared with the second decoder."""
        logits = self.model(inputs_embeds=embeds[None], use_cache=False).logits[0]
        difference = numpy.abs(logits.detach().numpy() - self.numpy.logits(embeds.detach().double().numpy())).max()
        worst["logit"] = max(worst["logit"], float(difference))
        assert difference < LOGIT, difference
        return logits

    def likelihood(self, logits: torch.Tensor, ids: list[int], n_ids: int) -> torch.Tensor:
        """Sum of the last `n_ids` ids' log-probabilities, f64; `logits` are those of the positions before each."""
        log_p = logits[-n_ids - 1 : -1].double().log_softmax(-1)
        return log_p.gather(1, torch.tensor(ids[-n_ids:])[:, None]).sum()

    # Logits of one prompt: all of the vocabulary at some positions, some of the vocabulary at all positions.
    def logits(self, text: str, n_full: int) -> dict:
        ids = self.text.start + self.text.ids(text)
        logits = self.forward(self.embed(ids))
        assert torch.equal(logits, self.model(torch.tensor([ids]), use_cache=False).logits[0])
        assert logits.std(0).median() > 0.3, "logits differ clearly between positions"
        positions = sorted({len(ids) // 2 if n_full == 2 else 1, len(ids) // 2, len(ids) - 1})[-n_full:]
        return {
            "about": "text: the prompt; ids: with the start token; full: all logits after a position (from 0);"
            " some: after every position, the logits of vocabulary_ids",
            "text": text,
            "ids": ids,
            "full": [{"position": at, "logits": logits[at]} for at in positions],
            "vocabulary_ids": self.some_ids,
            "some": logits[:, self.some_ids],
        }

    # Greedy text, and the mean loss of the prompt's tokens.
    def generate(self, text: str, n_new: int) -> dict:
        ids = self.text.start + self.text.ids(text)
        new, margin = [], math.inf
        for _ in range(n_new):
            top = self.forward(self.embed(ids + new))[-1].topk(2)
            margin = min(margin, float(top.values[0] - top.values[1]))
            new.append(int(top.indices[0]))
        assert margin > 1e-3, "no step is a near tie"
        cached = self.model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), max_new_tokens=n_new,
            do_sample=False, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        assert cached[0].tolist() == ids + new, "with a cache of keys and values, too"
        decode = self.text.tokenizer.decode
        assert decode(ids) == text
        whole = decode(ids + new)
        assert whole.startswith(text)
        loss = -self.likelihood(self.forward(self.embed(ids)), ids, len(ids) - 1) / (len(ids) - 1)
        return {
            "about": "new_ids: the greedy continuation (end tokens don't stop it); new_text: what it adds to the"
            " prompt's text; new_text_alone: new_ids decoded without the prompt (a decoder may strip a blank);"
            " smallest_margin: between the two largest logits of a step; mean_loss: of the prompt's ids after the"
            " first",
            "text": text,
            "ids": ids,
            "new_ids": new,
            "new_text": whole[len(text) :],
            "new_text_alone": decode(new),
            "smallest_margin": margin,
            "mean_loss": loss,
        }

    def combine(self, forms: list[dict]) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-odds of yes against no, and the log of the answer mass; takes the forms' `value` away."""
        tokens = [tuple(form["ids"][form["start"] :]) for form in forms]
        for index, one in enumerate(tokens):
            assert not any(other[: len(one)] == one for at, other in enumerate(tokens) if at != index)
        values = {answer: [form["value"] for form in forms if form["answer"] == answer] for answer in ("yes", "no")}
        for form in forms:
            form["log_likelihood"] = form.pop("value").detach()
        both = torch.stack(values["yes"] + values["no"]).logsumexp(0)
        assert both < 0
        return torch.stack(values["yes"]).logsumexp(0) - torch.stack(values["no"]).logsumexp(0), both.detach()

    # Log-likelihoods of answers: context, question and answer are one string.
    def answer(self, about: str, context: str, question: str, answers: dict | None = None) -> dict:
        forms = []
        for answer, form in each_form(answers):
            ids, start = self.text.split(context + question, form, continuation=False)
            ids, start = self.text.start + ids, start + len(self.text.start)
            value = self.likelihood(self.forward(self.embed(ids)), ids, len(ids) - start)
            check = self.numpy.logits(self.embed(ids).double().numpy())
            check -= numpy.log(numpy.exp(check).sum(-1, keepdims=True))
            difference = abs(float(value) - sum(check[at - 1, ids[at]] for at in range(start, len(ids))))
            worst["log_likelihood"] = max(worst["log_likelihood"], difference)
            assert difference < LIKELIHOOD
            forms.append({"answer": answer, "form": form, "ids": ids, "start": start, "value": value})
        log_odds, mass = self.combine(forms)
        return {
            "about": about, "context": context, "question": question, "forms": forms,
            "log_odds": log_odds, "log_answer_mass": mass,
        }  # fmt: skip

    # Log-likelihoods and gradients with soft tokens in the prompt.
    def soft(self, about: str, texts: list[str], tail: str, question: str, n_soft: int, seed: int) -> dict:
        generator = torch.Generator().manual_seed(seed)
        pieces, rows = [], []
        for index, text in enumerate(texts):
            ids = self.text.continuation(text) if index else self.text.start + self.text.ids(text)
            # As large as embeddings; four decimals, which f32 reads back as the same numbers.
            row = torch.randn(n_soft, self.d_model, generator=generator) * self.embedding.std()
            row = torch.tensor([[float(f"{x:.4f}") for x in line] for line in row.tolist()], requires_grad=True)
            pieces.append(ids)
            rows.append(row)

        def embeds(ids):
            parts = [part for piece, row in zip(pieces, rows) for part in (self.embed(piece), row)]
            return torch.cat([*parts, self.embed(ids)])

        forms = []
        for answer, form in each_form(None):
            ids, start = self.text.split(tail + question, form, continuation=True)
            value = self.likelihood(self.forward(embeds(ids)), ids, len(ids) - start)
            forms.append({"answer": answer, "form": form, "ids": ids, "start": start, "value": value})
        first = {}
        for form in forms:
            first.setdefault(form["answer"], form)
        difference = first["yes"]["value"] - first["no"]["value"]
        gradients = torch.autograd.grad(difference, rows, retain_graph=True)
        log_odds, mass = self.combine(forms)
        of_log_odds = torch.autograd.grad(log_odds, rows)

        # Finite differences of the f64 decoder, along every tenth coordinate.
        def second(x):
            value = 0.0
            for sign, form in ((1, first["yes"]), (-1, first["no"])):
                ids, start = form["ids"], form["start"]
                logits = self.numpy.logits(x(ids))
                logits -= numpy.log(numpy.exp(logits).sum(-1, keepdims=True))
                base = len(logits) - len(ids)
                value += sign * sum(logits[base + at - 1, ids[at]] for at in range(start, len(ids)))
            return value

        offset = 0
        for piece, row, gradient in zip(pieces, rows, gradients):
            offset += len(piece)
            for coordinate in range(0, row.numel(), 10):
                place = (offset + coordinate // self.d_model, coordinate % self.d_model)

                def moved(ids, by):
                    x = embeds(ids).detach().double().numpy()
                    x[place] += by
                    return x

                slope = (second(lambda ids: moved(ids, 1e-5)) - second(lambda ids: moved(ids, -1e-5))) / 2e-5
                error = abs(slope - float(gradient.flatten()[coordinate])) / float(gradient.abs().max())
                worst["gradient"] = max(worst["gradient"], error)
                assert error < GRADIENT, error
            offset += len(row)
        return {
            "about": about,
            "slots": [
                {"text": text, "ids": ids, "soft": row, "gradient": gradient, "log_odds_gradient": other}
                for text, ids, row, gradient, other in zip(texts, pieces, rows, gradients, of_log_odds)
            ],
            "tail": tail,
            "question": question,
            "forms": forms,
            "difference": difference,
            "log_odds": log_odds,
            "log_answer_mass": mass,
        }

    # Two prompts of different lengths: alone, and in one batch with padding on the left.
    def padding(self, texts: list[str]) -> dict:
        prompts = [self.text.start + self.text.ids(text) for text in texts]
        length = max(map(len, prompts))
        assert min(map(len, prompts)) < length
        pad = self.model.config.eos_token_id
        ids = torch.tensor([[pad] * (length - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        padded = self.model(ids, attention_mask=mask, position_ids=positions, use_cache=False).logits[:, -1]
        alone = [self.forward(self.embed(prompt))[-1] for prompt in prompts]
        assert (padded - torch.stack(alone)).abs().max() < 1e-4
        unmasked = self.model(ids, use_cache=False).logits[:, -1]
        assert (unmasked - torch.stack(alone)).abs().max() > 1e-2, "padding matters where it is not masked"
        return {
            "about": "logits after the last token of each prompt computed alone, at vocabulary_ids; the script checked"
            " that a batch with padding on the left, mask and positions gives the same within 1e-4",
            "vocabulary_ids": self.some_ids,
            "prompts": [
                {"text": text, "ids": prompt, "logits": logits[self.some_ids]}
                for text, prompt, logits in zip(texts, prompts, alone)
            ],
        }

    # Ids of texts, special tokens spelled in them being plain text.
    def strings(self) -> list[dict]:
        assert len(STRINGS) == len(set(STRINGS)) == 60
        ids, continuation = self.text.ids, self.text.continuation
        return [{"text": text, "ids": ids(text), "continuation": continuation(text)} for text in STRINGS]


def each_form(answers: dict | None) -> list[tuple[str, str]]:
    answers = answers or {"yes": [" yes", " Yes"], "no": [" no", " No"]}
    return [(answer, form) for answer, forms in answers.items() for form in forms]


STRINGS = [
    "", " ", "  ", "   a", "a", " a", "a ", " a ", "a  b", "a   b   c",
    "yes", " yes", "Yes", " Yes", "no", " no", "NO", "yes no", "yes\n", "\nyes",
    "\n", "\n\n", " \n ", "\t", "a\tb", "\r\n", "a\r\nb\n", "0", "10", "1015",
    "54", "27.1 kg/m²", "-0.001", "1,234,567.89", "1e-5", "½", "٣٤", "FEV1/FVC < 0.70", "120/80 mmHg", "≥ 65 years",
    "é", "e\u0301", "Café crème", "naïve coöperation", "Ærøskøbing", "Größe: 1,75 m", "Привет", "日本語", "한국어", "مرحبا",
    "🙂", "🙂🙂 ok", "👩‍⚕️", "🇩🇰", "</s>", "<s>", "a</s>b", "<s> yes </s>\n", "<0x0A> <unk> ▁a", "\u0000\u0007\ufeff\u200bx",
]  # fmt: skip


def plain(value):
    """Tensors and numbers as JSON: of an f32 the shortest number that names it, of an f64 nine digits."""
    if isinstance(value, torch.Tensor) and value.dtype == torch.float32 and value.dim() == 0:
        number = numpy.float32(value.item())
        short = float(str(number))
        assert math.isfinite(short) and numpy.float32(short) == number
        return short
    if isinstance(value, torch.Tensor) and value.dim() > 0:
        return [plain(each) for each in value.detach()]
    if isinstance(value, torch.Tensor):
        return plain(value.detach().tolist())
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, float):
        assert math.isfinite(value)
        return float(f"{value:.9g}")
    return value


def lines(value, indent: int = 0) -> str:
    """JSON with objects on several lines, rows of numbers and entries of `tokenizer` on one."""
    pad = " " * (indent + 1)
    if isinstance(value, dict) and "continuation" not in value:
        body = ",\n".join(f"{pad}{json.dumps(key)}: {lines(each, indent + 1)}" for key, each in value.items())
        return f"{{\n{body}\n{' ' * indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        return "[\n" + ",\n".join(pad + lines(each, indent + 1) for each in value) + f"\n{' ' * indent}]"
    return json.dumps(value, ensure_ascii=True)


def write(path: pathlib.Path, name: str, goldens: Goldens, sections: dict) -> None:
    document = {
        "about": f"Reference numbers of {name}, made by scripts/golden_llama.py. Tolerances: {LOGIT} on a logit,"
        f" {LIKELIHOOD} on a log-likelihood, {GRADIENT} of the largest entry on a gradient.",
        "versions": VERSIONS,
        "start_ids": goldens.text.start,
    } | sections
    document = plain(document)
    text = lines(document) + "\n"
    assert json.loads(text) == document
    assert len(text) < MAX_BYTES, len(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


# Seams between question and answer that both models get.
SEAMS = [
    ("colon", "Age: 54. She was sick.", " Asthma:"),
    ("newline", "Age: 54. She was sick.", " Does she cough? Say yes or no.\n"),
    ("digit", "She is 54.", " Is her FEV1 below 1.5"),
    ("accent", "Le café est fermé.", " Fatigué"),
    ("leading blanks", "  Age: 54.", " Asthma:"),
    ("trailing blank before a blank", "Age: 54.", " Is she sick? "),
    ("emoji", "She was happy.", " Is she \U0001f642"),
    ("no context", "", "Is she sick?"),
    ("spells special tokens", "The note says </s> and <s>.", " Was she sick?"),
    ("newlines in the context", "Age: 54\n\nSex: female\n", "Asthma?\nAnswer:"),
]


def sections(goldens: Goldens, generate: dict, logits: dict, more: list[dict]) -> dict:
    answers = [goldens.answer(*seam) for seam in SEAMS]
    # The question ends with the answer's blank: it belongs to the answer's first token where the tokenizer merges them.
    blank = {"yes": ["yes", "Yes"], "no": ["no", "No"]}
    answers.append(goldens.answer("trailing blank", "Age: 54.", " Is she sick? ", blank))
    # An answer that starts with bytes of a character.
    accents = {"yes": ["ö", "Ö"], "no": ["ü", "é"]}
    answers.append(goldens.answer("answers of bytes", "Age: 54.", " Is she sick?", accents))
    age = "Age: 54. Her spirogram:"
    soft = [
        goldens.soft("text after the slot begins with a blank", [age], " She was sick.", " Asthma:", 3, 1),
        goldens.soft("text after the slot begins with a letter", [age + " "], "She was sick.\n", "Asthma:", 3, 2),
        goldens.soft("a slot before all text", [""], "She was sick.", " Asthma:", 3, 3),
        goldens.soft("two slots", [age, " Her voice:"], " She was sick.", " Asthma:", 3, 4),
        goldens.soft("two slots side by side, no text after them", [age, ""], "", "\nAsthma:", 3, 5),
    ]
    padding = goldens.padding(["She was sick.", "Age: 54. Her spirogram was low. Is she sick?"])
    return {
        "logits": logits, "generate": generate, "answers": answers + more, "soft": soft, "padding": padding,
        "tokenizer": goldens.strings(),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stories260k", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    for module in (numpy, safetensors, tokenizers, torch, transformers):
        assert module.__version__.split("+")[0] == VERSIONS[module.__name__], module.__name__
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    tests = arguments.out / "helm-llm" / "tests" / "it"

    tiny_folder = tests / "fixtures" / "tiny-llama"
    write_tiny(tiny_folder)
    tiny = Goldens(tiny_folder)
    assert tiny.text.start == [0] and not torch.equal(tiny.model.lm_head.weight, tiny.embedding)
    # " 1" and the digit merge into " 10" or " 15": the answer's first token holds the question's last two characters.
    merged = tiny.answer("merged seam", "Age: 54.", " The dose is 1", {"yes": ["0"], "no": ["5"]})
    for form, token in zip(merged["forms"], ("Ġ10", "Ġ15")):
        assert [tiny.text.tokenizer.id_to_token(id) for id in form["ids"][form["start"] :]] == [token]
    prompt = "Age: 54. Sex: female. BMI: 27.1. Does the patient have asthma? Answer:"
    write(
        tests / "golden" / "tiny_llama.json",
        "fixtures/tiny-llama",
        tiny,
        sections(tiny, tiny.generate(prompt, 40), tiny.logits(prompt, 3), [merged]),
    )

    stories = Goldens(arguments.stories260k)
    assert stories.text.start == [1] and stories.model.config.tie_word_embeddings
    assert stories.model.lm_head.weight.data_ptr() == stories.embedding.data_ptr()
    generate = stories.generate(SENTENCE, 40)
    assert len(generate["ids"]) == 21 and abs(float(generate["mean_loss"]) - LOSS) < 5e-6
    assert STORY.startswith(generate["new_text"]) or generate["new_text"].startswith(STORY), generate["new_text"]
    # " happ" and "y" merge into " happy"; " happ" is a token, too.
    merged = stories.answer("merged seam", "There was a little boy.", " He was very happ", {"yes": ["y"], "no": ["s"]})
    first = [stories.text.tokenizer.id_to_token(form["ids"][form["start"]]) for form in merged["forms"]]
    assert first == ["▁happy", "s"], first
    write(
        tests / "golden" / "stories260k.json",
        "stories260K",
        stories,
        sections(stories, generate, stories.logits(SENTENCE, 1), [merged]),
    )
    print("largest differences from the f64 decoder:", {key: f"{value:.1e}" for key, value in worst.items()})


if __name__ == "__main__":
    main()
