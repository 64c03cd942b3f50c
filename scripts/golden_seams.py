# /// script
# requires-python = "==3.11.*"
# dependencies = ["tokenizers==0.22.2", "transformers==4.57.6"]
# ///
"""Makes a small tokenizer like Qwen's, and the tokens of whole strings at the seams between context, question and answer.

    python scripts/golden_seams.py --tokenizers DIR --out DIR

DIR of --tokenizers holds gpt2_tokenizer.json and llama_tokenizer.json; DIR of --out is the repository. Written:

    helm-llm/tests/it/fixtures/qwen-like/tokenizer.json
    helm-llm/tests/it/golden/seams.json

`ids` are those of context + question + answer, encoded at once; `inside` says how many of them, from the front, end in
front of the answer. Both are exact.
"""

import argparse
import itertools
import json
import pathlib

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

# What Qwen's tokenizers split a text by: digits one by one, punctuation with the line ends behind it.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TRAINING = [
    "Age: 54 years.\nSex: female.\nDoes the patient have asthma?\nyes\nno\n",
    "Hat sie Asthma? Größe: 1,75 m.\n\nJa, nein. Café crème, naïve, não.\n",
    "The answer is yes. The answer is no.\n  yes, no, Yes, No\n\n\n",
] * 4
CONTEXTS = ["Age: 54.", "BMI 23.5", "Größe 1,75 m.\n", "He coughs  ", "Le café", "日本", "FEV1/FVC: 0.7\r\n"]
QUESTIONS = ["\n", ".\n\n", "\nAsthma:", " 5 or more? ", "", " é", "\n\n  Does she wheeze?\n", "🙂", "0"]
FORMS = [" yes", "yes", "\nYes", "5", " não", "e\u0301", ".\n", "  no", "s", "語", "🙂"]
TEXTS = [
    "a\u0301 \u00e1 n\u0303 \u1e9b\u0323", "ﬁne ﬀ Ⅷ ²", "½ ٣٤ ५", "\u200bzero\u200d width\ufeff", "tab\tand\r\nline\n\n\nends   ",
    "it's they'll I'D", "…—“quotes”", "🇩🇰👩‍⚕️🙂", "日本語と한국어 и русский مرحبا", "12345678 1e-5 -0.001", "  two  blanks  ",
    "<|endoftext|> </s> <s> <unk>", "\u0000\u0007", "ÅÄÖ åäö ǅ", "a.\n\nb", " \n \n", "naïve coöperation", "ab" * 40,
]  # fmt: skip


def qwen_like() -> Tokenizer:
    """A byte-level BPE of 400 tokens that normalises to NFC and puts nothing in front of a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[AddedToken("<|endoftext|>", special=True, normalized=False)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TRAINING, trainer)
    return tokenizer


def encode(tokenizer: PreTrainedTokenizerFast, text: str):
    """What transformers makes of a text, special tokens spelled in it being plain text."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)


def seams(tokenizer: PreTrainedTokenizerFast) -> list[dict]:
    forms = itertools.cycle(FORMS)
    cases = []
    for context, question in itertools.product(CONTEXTS, QUESTIONS):
        for form in itertools.islice(forms, 2):
            asked = context + question
            whole = encode(tokenizer, asked + form)
            inside = sum(end <= len(asked) for _, end in whole.offset_mapping)
            cases.append({"context": context, "question": question, "form": form, "ids": whole.input_ids, "inside": inside})
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizers", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    tests = arguments.out / "helm-llm" / "tests" / "it"

    own = tests / "fixtures" / "qwen-like" / "tokenizer.json"
    own.parent.mkdir(parents=True, exist_ok=True)
    qwen_like().save(str(own))
    files = {
        "qwen_like": own,
        "gpt2": arguments.tokenizers / "gpt2_tokenizer.json",
        "llama": arguments.tokenizers / "llama_tokenizer.json",
    }
    document = {}
    for name, path in files.items():
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path))
        texts = [{"text": text, "ids": encode(tokenizer, text).input_ids} for text in TEXTS]
        document[name] = {"texts": texts, "seams": seams(tokenizer)}
    entries = lambda cases: ",\n".join("   " + json.dumps(case) for case in cases)  # noqa: E731
    parts = [
        f' {json.dumps(name)}: {{\n  "texts": [\n{entries(it["texts"])}\n  ],\n  "seams": [\n{entries(it["seams"])}\n  ]\n }}'
        for name, it in document.items()
    ]
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    assert json.loads(text) == document
    (tests / "golden" / "seams.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
