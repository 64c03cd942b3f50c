# /// script
# requires-python = "==3.11.*"
# dependencies = ["tokenizers==0.22.2", "transformers==4.57.6", "jinja2==3.1.6"]
# ///
"""Makes a small tokenizer with special tokens for conversations, and what transformers makes of conversations.

    python scripts/golden_chat.py --tokenizers DIR --out DIR

DIR of --tokenizers holds llama_tokenizer.json and gpt2_tokenizer.json; DIR of --out is the repository. Written:

    helm-llm/tests/it/fixtures/chat/tokenizer.json
    helm-llm/tests/it/golden/chat.json
"""

import argparse
import json
import pathlib

from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

# The shapes of the families' templates.
CHATML = (
    "{% for message in messages %}{{ '<|start|>' + message['role'] + '\\n' + message['content'] + '<|end|>' + '\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start|>assistant\\n' }}{% endif %}"
)
HEADERS = (
    "{{- bos_token }}\n{%- for message in messages %}\n    {%- set role = message.role %}\n"
    "    {{- '<|start|>' + role + '<|end|>\\n\\n' + message.content | trim + '<|stop|>' }}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n    {{- '<|start|>assistant<|end|>\\n\\n' }}\n{%- endif %}\n"
)
# Phi-3's, whose role tokens take the blanks behind them with them.
ROLES = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"
)
INST = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'].strip() + ' [/INST]' }}{% else %}"
    "{{ ' ' + message['content'] + eos_token }}{% endif %}{% endfor %}"
)
SPECIAL = ["<|start|>", "<|end|>", "<|stop|>", "<|system|>", "<|user|>", "<|assistant|>"]
SHORT = [("user", "Is it asthma?")]
LONG = [
    ("system", "Age: 54 years.\nBMI: 27.1 kg/m²"),
    ("user", "  What does my breath say? "),
    ("assistant", "It is fine.\n"),
    ("user", "Größe: 1,75 m\n\nok?"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizers", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    tests = arguments.out / "helm-llm" / "tests" / "it"

    chat = Tokenizer.from_file(str(tests / "fixtures" / "tiny-llama" / "tokenizer.json"))
    chat.add_special_tokens([
        AddedToken(token, special=True, normalized=False, rstrip=token in ("<|system|>", "<|user|>", "<|assistant|>"))
        for token in SPECIAL
    ])  # fmt: skip
    folder = tests / "fixtures" / "chat"
    folder.mkdir(parents=True, exist_ok=True)
    chat.save(str(folder / "tokenizer.json"))

    cases = []
    for name, template, turns in [
        ("chat", CHATML, SHORT), ("chat", CHATML, LONG), ("chat", HEADERS, SHORT), ("chat", HEADERS, LONG),
        ("chat", ROLES, SHORT), ("chat", ROLES, LONG), ("chat", INST, SHORT), ("chat", INST, LONG[1:]),
        ("llama_tokenizer.json", INST, SHORT), ("llama_tokenizer.json", INST, LONG[3:]),
    ]:  # fmt: skip
        path = folder / "tokenizer.json" if name == "chat" else arguments.tokenizers / name
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path), bos_token="<s>", eos_token="</s>")
        tokenizer.chat_template = template
        messages = [{"role": role, "content": content} for role, content in turns]
        ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
        cases.append({
            "tokenizer": name, "template": template, "start_token": "<s>", "end_token": "</s>", "turns": turns, "ids": ids,
        })  # fmt: skip
    about = "Token ids of conversations by transformers, made by scripts/golden_chat.py."
    text = json.dumps({"about": about, "cases": cases}, indent=1, ensure_ascii=True)
    (tests / "golden" / "chat.json").write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
