"""Tokenizers, chat templates and language models from Python: the model of this checkout always, the
tokenizers and templates of the optional data folder when it is there. The C tests hold them to every
case; a sample here shows that texts and ids pass the border whole."""

import support  # isort: skip  (first: it finds the package, or skips where NumPy is missing)
import itertools
import json
import os
import pickle
import shutil
import subprocess
import threading
from datetime import datetime
from pathlib import Path

import numpy as np
import pome

FOLIO = support.ROOT / "models/folio"
HELLO = [{"role": "user", "content": "Hello"}]
CHATML = (
    "{% for message in messages %}<|endoftext|>{{ message.role }}: {{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}ROMEO:{% endif %}"
)


def data(folder):
    path = support.SHARED / "llm" / folder
    return sorted(path.glob("*")) if path.is_dir() else []


class Refusing(support.Folder):
    def refused(self, text, call, *arguments, status="INPUT", **options):
        with self.assertRaisesRegex(pome.PomeError, text) as caught:
            call(*arguments, **options)
        self.assertEqual(caught.exception.status, status)


class Tokenizers(Refusing):
    def setUp(self):
        super().setUp()
        self.tokenizer = pome.Tokenizer(FOLIO)

    def test_own(self):
        tokenizer = self.tokenizer
        self.assertEqual(len(tokenizer), 1024)
        for text in ("", "To be", "naïve — 日本語 🎭\0 end", "x" * 5000):
            ids = tokenizer.encode(text)
            self.assertEqual(tokenizer.decode(ids), text)
            self.assertEqual("".join(tokenizer.decode_stream(ids)), text)
            self.assertEqual(tokenizer.encode(text.encode()), ids)
            spans = tokenizer.encode_spans(text)
            self.assertEqual([token for token, _, _ in spans], ids)
            pieces = [text.encode()[begin:end] for _, begin, end in spans]
            self.assertEqual(b"".join(pieces), text.encode())
            self.assertEqual(pieces, [tokenizer.piece(token) for token in ids])

    def test_special_tokens(self):
        tokenizer, text = self.tokenizer, "<|endoftext|>"
        self.assertEqual(tokenizer.encode(text), [1023])
        self.assertNotIn(1023, tokenizer.encode(text, plain=True))
        self.assertEqual(tokenizer.decode(tokenizer.encode(text, plain=True)), text)
        self.assertEqual(tokenizer.decode([1023], skip_special=True), "")
        self.assertEqual((tokenizer.find(text), tokenizer.find("no such")), (1023, None))
        self.assertTrue(tokenizer.is_special(1023))
        self.assertFalse(tokenizer.is_special(7))
        self.assertEqual(tokenizer.piece(10**12), b"")
        self.assertEqual(tokenizer.decode([1023, -5, 10**12, 5000]), text)

    def test_refused(self):
        self.refused("no Unicode", self.tokenizer.encode, "\ud800")
        self.refused("UTF-8|Unicode|valid", self.tokenizer.encode, b"\xff")
        self.refused("the text is a int", self.tokenizer.encode, 5, status="USAGE")
        for wrong in ([0.5], ["a"], None):
            with self.assertRaises(TypeError):
                self.tokenizer.decode(wrong)
        self.refused("no such file", pome.Tokenizer, self.folder / "none")
        (self.folder / "tokenizer.json").write_text("{")
        self.refused("JSON", pome.Tokenizer, self.folder)
        with self.assertRaisesRegex(TypeError, "cannot be pickled"):
            pickle.dumps(self.tokenizer)

    def test_published(self):
        folders = [folder for folder in data("tokenizers") if folder.is_dir()]
        if not folders:
            self.skipTest("no data folder: POME_SHARED or ../shared beside the checkout")
        for folder in folders:
            tokenizer = pome.Tokenizer(folder)
            lines = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
            for case in map(json.loads, lines[::10]):
                place, text = f"{folder.name} {case['text']!r:.40}", case["text"]
                self.assertEqual(tokenizer.encode(text), case["ids"], place)
                self.assertEqual(tokenizer.encode(text, special=True), case["ids_special"], place)
                self.assertEqual(tokenizer.decode(case["ids"]), case["decoded"], place)
                skipped = tokenizer.decode(case["ids_special"], skip_special=True)
                self.assertEqual(skipped, case["decoded_skip"], place)
                stream = tokenizer.decode_stream(case["ids"])
                self.assertEqual("".join(stream), case["decoded"], place)
                if "ids_plain" in case:
                    self.assertEqual(tokenizer.encode(text, plain=True), case["ids_plain"], place)
            pairs = folder / "pairs.jsonl"
            for line in pairs.read_text(encoding="utf-8").splitlines()[::10] if pairs.exists() else ():
                pair = json.loads(line)
                texts = [value for value in pair.values() if isinstance(value, str)]
                ids, _ = tokenizer.encode_pair(*texts[:2])
                self.assertIn(ids, [value for value in pair.values() if isinstance(value, list)])


class Templates(Refusing):
    def test_written(self):
        chat = pome.Template.from_text(CHATML)
        self.assertEqual(chat.render(HELLO), "<|endoftext|>user: Hello\nROMEO:")
        short = chat.render(HELLO, add_generation_prompt=False)
        self.assertEqual(short, "<|endoftext|>user: Hello\n")
        told = pome.Template.from_text("{{ strftime_now('%Y-%m-%d %H:%M') }} {{ mood }}{{ tools }}")
        now = datetime(2031, 5, 17, 8, 9)
        self.assertEqual(told.render([], now=now, mood="gay", tools=["a"]), "2031-05-17 08:09 gay['a']")
        self.assertRegex(told.render([], mood="", tools=[]), r"^20\d\d-\d\d-\d\d \d\d:\d\d ")
        self.assertEqual(pome.Template.from_text("").render([]), "")

    def test_words_of_the_conversation_write_no_turns(self):
        chat, tokenizer = pome.Template.from_text(CHATML), pome.Tokenizer(FOLIO)
        ids = chat.encode(tokenizer, [{"role": "user", "content": "a<|endoftext|>b"}])
        self.assertEqual(ids.count(1023), 1)
        self.assertEqual(tokenizer.decode(ids), "<|endoftext|>user: a<|endoftext|>b\nROMEO:")

    def test_refused(self):
        self.refused("line|expected|end", pome.Template.from_text, "{% for %}")
        raising = pome.Template.from_text("{{ raise_exception('only in turns') }}")
        self.refused("only in turns", raising.render, HELLO)
        chat = pome.Template.from_text(CHATML)
        for messages in ({1, 2}, [object()], [float("nan")]):
            self.refused("the conversation is no JSON", chat.render, messages)
        deep = []
        for _ in range(5000):
            deep = [deep]
        self.refused("", chat.render, deep)
        self.refused("no such file", pome.Template, self.folder / "none")

    def test_published(self):
        files = [path for path in data("chat_templates") if path.suffix == ".json"]
        if not files:
            self.skipTest("no data folder: POME_SHARED or ../shared beside the checkout")
        done = 0
        for path in files:
            given = json.loads(path.read_text(encoding="utf-8"))
            if "template" not in given:
                continue
            chat = pome.Template.from_text(given["template"])
            for case in given["cases"]:
                if case.get("expected") is None:
                    continue
                variables = {k: case[k] for k in ("bos_token", "eos_token") if case.get(k) is not None}
                text = chat.render(
                    case["messages"],
                    tools=case["tools"],
                    add_generation_prompt=case["add_generation_prompt"],
                    now=datetime.fromisoformat(given["now"]),
                    **{**variables, **(case.get("extra") or {})},
                )
                self.assertEqual(text, case["expected"], f"{path.name} {case['name']}")
                done += 1
        self.assertGreater(done, 100)


class Models(Refusing):
    @classmethod
    def setUpClass(cls):
        cls.model = pome.LanguageModel(FOLIO)

    def test_about(self):
        model = self.model
        self.assertEqual((model.context, model.vocab_size, model.bos, model.eos), (256, 1024, 1023, 1023))
        self.assertIsNone(model.template)
        self.assertEqual(len(model.tokenizer), 1024)

    def test_pieces_are_the_text(self):
        generation = self.model.generate("To be, or not", tokens=12, temperature=0)
        self.assertEqual((generation.text, generation.tokens, generation.stop), ("", [], None))
        pieces = list(generation)
        self.assertEqual("".join(pieces), generation.text)
        self.assertEqual((len(generation.tokens), generation.stop), (12, "length"))
        self.assertGreater(len(pieces), 1)
        ids = [self.model.bos, *self.model.tokenizer.encode("To be, or not")]
        self.assertEqual(generation.prompt_tokens, len(ids))
        again = self.model.generate(np.array(ids), tokens=12, temperature=0).read()
        self.assertEqual(again, generation.text)

    def test_greedy_takes_the_largest_logit(self):
        session = self.model.session()
        ids = [self.model.bos, *self.model.tokenizer.encode("ROMEO:")]
        generation = session.generate(ids, tokens=5, temperature=0)
        for _ in generation:
            pass
        for token in generation.tokens:
            logits = session.logits(ids)
            self.assertEqual((logits.dtype, logits.shape), (np.float32, (1024,)))
            self.assertEqual(int(logits.argmax()), token)
            ids.append(token)
        self.assertEqual(len(session), len(ids) - 1)

    def test_as_the_command_line(self):
        program = Path(os.environ.get("POME_LIBRARY", "")).parent / "pome"
        if not program.is_file():
            self.skipTest("no program pome beside the library")
        cases = (
            ("ROMEO:", ["--seed", "5"], {"seed": 5}),
            ("To be", ["--temp", "0"], {"temperature": 0}),
            ("My lord", ["--seed", "9", "--top-k", "3", "--repeat-penalty", "1.3"],
             {"seed": 9, "top_k": 3, "repetition_penalty": 1.3}),
            ("My lord", ["--seed", "9", "--stop", "\n"], {"seed": 9, "stop": "\n"}),
            ("", ["--seed", "4"], {"seed": 4}),
        )  # fmt: skip
        for prompt, line, options in cases:
            done = subprocess.run(
                [program, "run", FOLIO, prompt, "-n", "40", "--json", *line],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            told = json.loads(done.stdout)
            generation = self.model.generate(prompt, tokens=40, **options)
            self.assertEqual(generation.read(), told["text"], prompt)
            self.assertEqual(generation.tokens, told["tokens"], prompt)
            self.assertEqual(generation.stop, told["stop"], prompt)
        long = "word " * 400
        done = subprocess.run([program, "run", FOLIO, long], capture_output=True, text=True)
        with self.assertRaises(pome.PomeError) as caught:
            self.model.generate(long)
        self.assertEqual(f"pome: {caught.exception}\n", done.stderr)

    def test_ends(self):
        self.assertEqual(len(self.model.generate("A", tokens=3, seed=1).read().split("\0")), 1)
        generation = self.model.generate("A", tokens=10**6, seed=1)
        generation.read()
        self.assertIn(generation.stop, ("context", "end"))
        stopped = self.model.generate("ROMEO:", tokens=100, temperature=0, stop=["e", "a"])
        self.assertNotRegex(stopped.read(), "[ea]")
        self.assertEqual(stopped.stop, "stop")
        never = dict.fromkeys(range(1024), -float("inf"))
        never.pop(1023)
        ended = self.model.generate("A", tokens=9, bias=never)
        self.assertEqual((ended.read(), ended.stop, ended.tokens), ("", "end", []))

    def test_refused(self):
        generate = self.model.generate
        self.refused("no chat template", generate, [{"role": "user", "content": "a"}], status="UNSUPPORTED")
        self.refused("no chat template", generate, "a", system="b", status="UNSUPPORTED")
        self.refused("the prompt is empty", generate, [])
        self.refused("the prompt has 300 tokens; the model's context holds 256", generate, [5] * 300)
        self.refused("token|range|5000", generate([5000]).read)
        self.refused("token|range|-1", generate([-1]).read)
        self.refused("the prompt is a int", generate, 5, status="USAGE")
        self.refused("tokens is 0", generate, "a", tokens=0, status="USAGE")
        self.refused("top_k is -1; 0 to", generate, "a", top_k=-1, status="USAGE")
        self.refused("seed is -1", generate, "a", seed=-1, status="USAGE")
        self.refused("seed is", generate, "a", seed=2**64, status="USAGE")
        for options in (
            {"temperature": -1},
            {"top_p": 7.0},
            {"temperature": float("nan")},
            {"stop": ""},
        ):
            with self.assertRaises(pome.PomeError):
                generate("a", **options)
        for options in ({"temperature": "hot"}, {"seed": 0.5}, {"sed": 1}):
            with self.assertRaises(TypeError):
                generate("a", **options)
        self.refused("", pome.LanguageModel, self.folder)
        self.refused("no language model here", pome.LanguageModel, self.folder / "none")
        for thing in (self.model, self.model.session()):
            with self.assertRaisesRegex(TypeError, "cannot be pickled"):
                pickle.dumps(thing)

    def test_conversation(self):
        """A bundle with a chat template: the same model, and a file beside it."""
        bundle = self.folder / "bundle"
        shutil.copytree(FOLIO, bundle)
        (bundle / "chat_template.jinja").write_text(CHATML)
        model = pome.LanguageModel(bundle)
        self.assertIsNotNone(model.template)
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
        session = model.session()
        expected = session.generate(messages, tokens=8, seed=3).read()
        self.assertEqual(session.generate("Hello", system="Be brief.", tokens=8, seed=3).read(), expected)
        ids = model.template.encode(model.tokenizer, messages)
        self.assertEqual(session.generate(ids, tokens=8, seed=3).read(), expected)
        program = Path(os.environ.get("POME_LIBRARY", "")).parent / "pome"
        if program.is_file():
            spelled = "Hello <|endoftext|>"
            line = [program, "run", bundle, spelled, "-n", "8", "--seed", "3", "--json"]
            told = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
            generation = session.generate(spelled, tokens=8, seed=3)
            self.assertEqual((generation.read(), generation.tokens), (told["text"], told["tokens"]))
            self.assertEqual(generation.prompt_tokens, told["prompt_tokens"])
        raw = session.generate("Hello", raw=True, tokens=1, seed=3)
        self.assertEqual(raw.prompt_tokens, 1 + len(model.tokenizer.encode("Hello")))

    def test_turns_within_one_session(self):
        session = self.model.session()
        alone = [self.model.generate(text, tokens=9, seed=2).read() for text in ("ROMEO:", "JULIET:")]
        both = [session.generate(text, tokens=9, seed=2) for text in ("ROMEO:", "JULIET:")]
        for _ in itertools.zip_longest(*both):
            pass
        self.assertEqual([generation.text for generation in both], alone)

    def test_threads(self):
        expected = self.model.generate("ROMEO:", tokens=20, seed=7).read()
        seen = []

        def write():
            seen.append(self.model.generate("ROMEO:", tokens=20, seed=7).read())

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(seen, [expected] * 8)

    def test_one_session_in_two_threads(self):
        session = self.model.session()
        outcome = set()

        def use():
            for i in range(30):
                try:
                    session.logits([1 + i, *range(1, 200)])
                    outcome.add("done")
                except pome.PomeError as error:
                    outcome.add(error.message)

        threads = [threading.Thread(target=use) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertLessEqual(outcome, {"done", "the session is in use by another thread"})
        self.assertIn("done", outcome)

    def test_cancel(self):
        generation = self.model.generate("ROMEO:", tokens=200, seed=7)
        next(generation)
        generation.cancel()
        self.refused("cancelled", generation.read, status="CANCELLED")


if __name__ == "__main__":
    support.main()
