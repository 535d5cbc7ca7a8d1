"""Letters of other alphabets that look like Latin ones: a small table of our own.

Unicode publishes a complete one (UTS 39); these are the letters that keyboards and generators of
look-alike text offer, which is what is met. Each row is a string of look-alikes behind its letter.
"""

_CYRILLIC = {
    "a": "аӓ", "b": "ЬЪьъ", "c": "сϲ", "d": "ԁ", "e": "еёҽ", "g": "ԍ", "h": "һҺ", "i": "іїӏ",
    "j": "ј", "k": "кҟ", "l": "ⅼ", "m": "м", "n": "пո", "o": "оӧ", "p": "р", "q": "ԛ", "r": "г",
    "s": "ѕ", "t": "тҭ", "u": "ц", "v": "ѵ", "w": "ѡԝш", "x": "хҳ", "y": "уүў", "z": "з",
    "A": "А", "B": "ВБ", "C": "С", "E": "ЕЁ", "H": "Н", "I": "ІЇӀ", "J": "Ј", "K": "К", "M": "М",
    "N": "И", "O": "О", "P": "Р", "R": "Я", "S": "Ѕ", "T": "Т", "W": "ШԜ", "X": "Х", "Y": "УҮЎ",
    "Z": "З",
}  # fmt: skip
_GREEK = {
    "a": "αά", "b": "βϐ", "e": "εέϵ", "g": "γ", "h": "ή", "i": "ιίϊ", "k": "κϰ", "l": "λ",
    "n": "ηπ", "o": "οόσ", "p": "ρϱ", "s": "ς", "t": "τ", "u": "υύμ", "v": "ν",
    "w": "ωώ", "x": "χ", "y": "ψ", "z": "ζ",
    "A": "ΑΛ", "B": "Β", "E": "ΕΣ", "H": "Η", "I": "Ι", "K": "Κ", "M": "Μ", "N": "Ν", "O": "ΟΘΩ",
    "P": "Ρ", "T": "Τ", "X": "Χ", "Y": "ΥΨ", "Z": "Ζ",
}  # fmt: skip
_OTHERS = {
    "a": "ɑᴀ∂", "b": "ʙƀ", "c": "ᴄ¢", "d": "ᴅđ", "e": "ᴇɛǝə€℮", "f": "ꜰƒſ", "g": "ɡɢ", "h": "ʜħ",
    "i": "ɪıɩ¡", "j": "ᴊ", "k": "ᴋ", "l": "ʟɭł", "m": "ᴍɱ", "n": "ɴŋ", "o": "ᴏøօ", "p": "ᴘþ",
    "q": "ǫգ", "r": "ʀɾ", "s": "ꜱʂ", "t": "ᴛŧ†", "u": "ᴜʋս", "v": "ᴠ", "w": "ᴡɯ", "x": "×",
    "y": "ʏ", "z": "ᴢʐ", "S": "§", "L": "£", "Y": "¥",
}  # fmt: skip


def _table(*rows: dict[str, str]) -> dict[int, str]:
    return {ord(c): letter for one in rows for letter, alike in one.items() for c in alike}


CYRILLIC = _table(_CYRILLIC)
"""Folded where they stand in one word with Latin letters, which no clinical text does."""
ALL = _table(_OTHERS, _GREEK, _CYRILLIC)
"""Folded only in what the learned layers read: a reader's own alpha, mu and plus-minus stay."""
