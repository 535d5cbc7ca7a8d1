"""An attacker that searches against the injection filter, and keeps what an attack means.

It sees the probability that the filter gives, as somebody with the package at hand would, and
changes a text greedily, one move at a time, towards the lowest. What it knows of one split (its
synonyms, wrappers, paraphrases and clinical padding) is not what it knows of another.
"""

import base64
import codecs
import random
from collections.abc import Callable, Sequence

import guard_texts
from guard_texts import Split

_SYNONYMS = {
    "ignore": "overlook neglect|skip leave|pass dismiss",
    "disregard": "neglect drop|dismiss leave|overlook shelve",
    "forget": "unlearn drop|discard erase|wipe lose",
    "previous": "prior former|earlier past|foregoing preceding",
    "above": "former earlier|preceding upper|foregoing prior",
    "instructions": "directions orders|guidance commands|directives briefing",
    "instruction": "direction order|guidance command|directive briefing",
    "rules": "norms limits|bounds policies|regulations principles",
    "prompt": "preamble briefing|preface setup|initial text|foreword",
    "system": "base core|root machine|hidden underlying",
    "reveal": "disclose uncover|expose divulge|unveil surface",
    "show": "display present|exhibit give|surface provide",
    "print": "output write|emit type|render produce",
    "repeat": "restate echo|recite replay|reproduce say",
    "say": "state utter|write voice|declare mention",
    "tell": "inform give|brief let|advise update",
    "pretend": "imagine assume|suppose feign|make believe",
    "act": "behave perform|serve operate|function work",
    "answer": "respond reply|react return|retort rejoin",
    "secret": "hidden private|classified covert|undisclosed inner",
    "password": "passphrase code|login credential|access word",
    "restrictions": "limits bounds|constraints barriers|confines fences",
    "all": "every any|each the|whatever whole",
    "you": "thou the assistant|u this tool|the model one",
    "write": "compose draft|pen create|note produce",
    "story": "tale account|narrative plot|yarn chronicle",
    "pwned": "p-w-n-e-d owned|pwn3d hacked|P W N E D",
}  # fmt: skip
_CYRILLIC = str.maketrans("aeopcxyi", "аеорсхуі")
_LEET = str.maketrans("aeiost", "4310$7")
_ORDER: tuple[Split, ...] = ("train", "val", "test")


class Attacker:
    """Changes attacks of one split against a filter."""

    def __init__(
        self, score: Callable[[str], float], *, split: Split, threshold: float, seed: int
    ) -> None:
        """Set up an attacker.

        Args:
            score: the filter's probability of a text.
            split: whose synonyms, wrappers and padding it knows.
            threshold: below it, the attack is through.
            seed: decides the moves it tries.
        """
        self._score = score
        self._threshold = threshold
        self._rng = random.Random(f"{seed} {split}")
        self._frames = guard_texts.templates("requisitions", split)
        self._wrappers = guard_texts.templates("wrappers", split)
        self._paraphrases = guard_texts.templates("paraphrases", split)
        which = _ORDER.index(split)
        self._synonyms = {word: of.split("|")[which].split() for word, of in _SYNONYMS.items()}

    def attack(self, text: str, *, n_steps: int = 6, n_tries: int = 14) -> tuple[str, float]:
        """The best text found and its probability; stops as soon as it is through."""
        best, p = text, self._score(text)
        for _ in range(n_steps):
            if p < self._threshold:
                break
            tries = {self._rng.choice(_MOVES)(self, best) for _ in range(n_tries)}
            scored = [(self._score(one), one) for one in sorted(tries) if 0 < len(one) < 1500]
            lowest = min(scored, default=(p, best))
            if lowest[0] < p:
                p, best = lowest
        return best, p

    def _word(self, words: Sequence[str]) -> int:
        """A place, rather one of a long word."""
        return self._rng.choices(range(len(words)), [len(word) for word in words])[0]

    def synonym(self, text: str) -> str:
        words = text.split()
        known = [
            i for i, word in enumerate(words) if word.lower().strip(".,:;!?\"'") in self._synonyms
        ]
        if not known:
            return text
        i = self._rng.choice(known)
        words[i] = self._rng.choice(self._synonyms[words[i].lower().strip(".,:;!?\"'")])
        return " ".join(words)

    def letters(self, text: str) -> str:
        """Misspell, disguise or split the letters of a word or two."""
        words = text.split() or [text]
        for _ in range(self._rng.choice((1, 1, 2, 3))):
            i = self._word(words)
            word = words[i]
            if len(word) < 3:
                continue
            j = self._rng.randrange(1, len(word) - 1)
            words[i] = self._rng.choice(
                (
                    word[:j] + word[j + 1] + word[j] + word[j + 2 :],
                    word[:j] + word[j + 1 :],
                    word[:j] + word[j] + word[j:],
                    word.translate(_CYRILLIC),
                    word.translate(_LEET),
                    word[:j] + self._rng.choice("\u200b\u00ad\u2060") + word[j:],
                    word[:j] + self._rng.choice((" ", "-", ".", "_")) + word[j:],
                    " ".join(word),
                    word.swapcase(),
                )
            )
        return " ".join(words)

    def padding(self, text: str) -> str:
        """Clinical words before, behind or between."""
        frame = guard_texts.filled(self._rng.choice(self._frames), self._rng)
        words = text.split()
        if self._rng.random() < 0.4 and len(words) > 3:
            extra = frame.split()
            i = self._rng.randrange(1, len(words))
            k = self._rng.randrange(1, min(4, len(extra)) + 1)
            return " ".join([*words[:i], *extra[:k], *words[i:]])
        return f"{frame} {text}" if self._rng.random() < 0.5 else f"{text} {frame}"

    def wrapping(self, text: str) -> str:
        return self._rng.choice(self._wrappers).replace("{attack}", text)

    def paraphrase(self, text: str) -> str:
        return self._rng.choice(self._paraphrases).replace("{attack}", text)

    def shortening(self, text: str) -> str:
        words = text.split()
        if len(words) < 5:
            return text
        words.pop(self._rng.randrange(len(words)))
        return " ".join(words)

    def joining(self, text: str) -> str:
        words = text.split()
        if len(words) < 3:
            return text
        i = self._rng.randrange(len(words) - 1)
        glue = self._rng.choice(("", "_", "-", "/", " ... "))
        return " ".join([*words[:i], words[i] + glue + words[i + 1], *words[i + 2 :]])

    def encoding(self, text: str) -> str:
        data = text.encode("utf-8")
        return self._rng.choice(
            (
                base64.b64encode(data).decode("ascii"),
                data.hex(),
                codecs.encode(text, "rot13"),
                text[::-1],
                "".join(f"%{byte:02x}" for byte in data),
                "".join(f"&#{ord(c)};" for c in text),
                " ".join(text.replace(" ", "_")),
                "CT chest " + "".join(chr(0xE0000 + ord(c)) for c in text if c.isascii()),
                "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
                text.translate(_LEET),
                text.translate(_CYRILLIC),
            )
        )


_MOVES = (
    Attacker.synonym,
    Attacker.synonym,
    Attacker.letters,
    Attacker.letters,
    Attacker.padding,
    Attacker.wrapping,
    Attacker.paraphrase,
    Attacker.shortening,
    Attacker.joining,
    Attacker.encoding,
)
