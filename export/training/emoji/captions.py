"""Captions of scenes, in the many forms in which people write prompts."""

from __future__ import annotations

import functools
import re

import numpy as np

from .scenes import Scene
from .sprites import things

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
SIZE_WORDS = {"big": ("big", "large", "huge", "giant", "enormous"), "small": ("small", "little"), "tiny": ("tiny", "very small", "mini")}
PLACE_WORDS = {
    "center": ("in the center", "in the centre", "in the middle", "centered"),
    "left": ("on the left", "on the left side", "at the left"),
    "right": ("on the right", "on the right side", "at the right"),
    "top": ("at the top", "above", "up high", "in the upper part"),
    "bottom": ("at the bottom", "below", "down low", "in the lower part"),
    "top left": ("in the top left corner", "in the upper left corner", "at the top left"),
    "top right": ("in the top right corner", "in the upper right corner", "at the top right"),
    "bottom left": ("in the bottom left corner", "in the lower left corner", "at the bottom left"),
    "bottom right": ("in the bottom right corner", "in the lower right corner", "at the bottom right"),
}
COLOR_WORDS = {
    "gray": ("gray", "grey"), "turquoise": ("turquoise", "teal", "cyan"), "light blue": ("light blue", "sky blue", "pale blue"),
    "purple": ("purple", "violet"), "beige": ("beige", "cream"), "black": ("black", "dark"), "pink": ("pink", "rose-colored"),
}
SETTING_WORDS = {
    "sea": ("in the sea", "at sea", "in the ocean", "on the water", "on the ocean", "on the sea"),
    "meadow": ("in a meadow", "on a meadow", "in the grass", "on the grass", "in a field", "in the park", "in a garden"),
    "night sky": ("in the night sky", "at night", "under the stars", "in space", "in front of a starry sky", "on a starry night"),
    "beach": ("at the beach", "on the beach", "on a beach", "by the sea", "on the sand", "on the shore"),
    "snow": ("in the snow", "in winter", "on a snowy hill", "in a snowy landscape"),
    "sunset": ("at sunset", "in the sunset", "in front of a sunset", "at dusk", "at sunrise"),
    "desert": ("in the desert", "in a desert", "on a dune", "among sand dunes"),
    "sky": ("in the sky", "in the clouds", "in the air", "among the clouds", "against a blue sky with clouds"),
}
OPENINGS = (
    "a picture of", "a photo of", "an image of", "a drawing of", "an illustration of", "an emoji of", "draw", "draw me", "show me",
    "please draw", "paint", "i want", "give me", "make", "create a picture of", "a scene with", "picture of", "image of",
    "can you draw", "there is", "a 3d render of",
)
ADJECTIVES = (  # without meaning here, since prompts contain many words that the pictures cannot show
    "sleepy", "cute", "happy", "funny", "beautiful", "nice", "shiny", "glossy", "lovely", "old", "new", "young", "sad", "lonely",
    "friendly", "fluffy", "wet", "magic", "magical", "cool", "silly", "crazy", "smiling", "hungry", "brave", "lazy", "fancy",
    "pretty", "fresh", "delicious", "tasty", "juicy", "fast", "slow", "modern", "vintage", "mysterious", "wild", "tired", "angry",
    "cheerful", "clean", "dirty", "broken", "elegant", "realistic", "detailed", "cartoon", "3d", "cuddly", "curious", "dancing",
    "flying", "running", "sitting", "sleeping", "jumping", "colorful", "colourful", "bright", "soft", "round", "strange", "famous",
    "golden", "wooden", "plastic", "glass", "simple", "perfect", "single",
)
SYLLABLES = ("ba", "lo", "ri", "ment", "stra", "quo", "vel", "ing", "zu", "ter", "no", "phi")
UNCOUNTED = frozenset((  # nouns without an article
    "bread", "toast", "cheese", "meat", "meat on the bone", "bacon", "corn", "maize", "broccoli", "popcorn", "rice", "noodle soup", "ramen",
    "spaghetti", "pasta", "sushi", "chinese food", "honey", "milk", "coffee", "tea", "green tea", "champagne", "wine", "whiskey", "whisky",
    "ice", "camping", "luggage", "yarn", "wool", "money", "toilet paper", "ice hockey", "rain", "lightning", "confetti", "dna",
    "planet earth", "saturn", "santa", "santa claus", "father christmas", "dracula", "lettuce",
))
ENDINGS = ("please", "high quality", "highly detailed", "4k", "8k", "digital art", "3d render", "in 3d", "glossy", "emoji", "emoji style",
           "cartoon style", "minimalist", "cinematic lighting", "trending on artstation", "thanks", "for my daughter", "with soft light")


class Writer:
    """Writes one caption of a scene. All choices are drawn from `random`."""

    def __init__(self, scene: Scene, random: np.random.Generator, plain: bool = False) -> None:
        """With `plain` there are no words without meaning, no unusual upper and lower case, and no missing articles."""
        self.scene, self.random, self.plain = scene, random, plain
        self.articles = plain or self._chance(0.85)

    def caption(self) -> str:
        subject = getattr(self, "_" + self.scene.layout)()
        place = ""
        if self.scene.place:
            place = self._any(PLACE_WORDS[self.scene.place])
        background = self._background()
        if place and (not background or self._chance(0.6)):
            text = f"{subject} {place}"
            text = f"{text} {background}" if background else text
        elif place:
            text = f"{subject} {background} {place}" if self._chance(0.5) else f"{place}, {subject} {background}"
        elif background and not self.plain and self._chance(0.12):
            text = f"{background}: {subject}" if self._chance(0.3) else f"{background}, {subject}"
        elif background:
            text = f"{subject}{self._any((' ', ' ', ' ', ', '))}{background}"
        else:
            text = subject
        return text if self.plain else self._dress(text)

    def _any(self, options: tuple[str, ...]) -> str:
        return options[self.random.integers(len(options))]

    def _chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def _dress(self, text: str) -> str:
        if self._chance(0.3):
            text = f"{self._any(OPENINGS)} {text}"
        if self._chance(0.08):
            text = f"{text}, {self._any(ENDINGS)}" if self._chance(0.7) else f"{text} {self._any(ENDINGS)}"
        if self._chance(0.25):
            text += "." if self._chance(0.8) else "!"
        case = self.random.random()
        if case < 0.25:
            text = text[0].upper() + text[1:]
        elif case < 0.28:
            text = text.upper()
        elif case < 0.3:
            text = text.title()
        return text

    def _names(self, thing: int) -> tuple[str, str]:
        names = things()[thing].names
        return names[0] if len(names) == 1 or self._chance(0.6) else names[self.random.integers(1, len(names))]

    def _thing(self, index: int, article: str = "a") -> str:
        """The index-th of the scene's things with its number, its size and sometimes an adjective without meaning."""
        thing, count = self.scene.counts[index]
        one, many = self._names(thing)
        noun = one if count == 1 else many
        words = [self._any(SIZE_WORDS[self.scene.sizes[index]])] if self.scene.sizes[index] else []
        if not self.plain and self._chance(0.12):
            words.insert(self.random.integers(len(words) + 1), self._unknown(noun))
        words.append(noun)
        if count > 1:
            number = NUMBERS[count] if self._chance(0.85) else str(count)
            if count == 2 and not self.plain and self._chance(0.1):
                number = self._any(("a pair of", "a couple of"))
            return " ".join([number, *words])
        is_plural = one == many or one in UNCOUNTED
        if not self.articles or is_plural and self._chance(0.7):
            return " ".join(words)
        if article == "the" or not self.plain and self._chance(0.06):
            return " ".join(["the", *words])
        if is_plural:
            return " ".join(["some", *words])
        if not self.plain and self._chance(0.04):
            return " ".join(["one", *words])
        return " ".join(["an" if words[0][0] in "aeiou" and not words[0].startswith(("uni", "ufo", "eu")) else "a", *words])

    def _unknown(self, noun: str) -> str:
        """An adjective or an invented word, but none that turns the noun into another thing, as "old" does with "phone"."""
        if self._chance(0.8):
            return self._any(tuple(word for word in ADJECTIVES if f"{word} {noun}" not in _every_name()))
        return "".join(self._any(SYLLABLES) for _ in range(self.random.integers(2, 4)))

    def _one(self) -> str:
        return self._thing(0)

    def _count(self) -> str:
        return self._thing(0)

    def _beside(self) -> str:
        """The first thing is on the left unless a word says otherwise."""
        a, b = self._thing(0), self._thing(1)
        return self._any((
            f"{a} and {b}", f"{a} and {b}", f"{a} next to {b}", f"{a} beside {b}", f"{a} with {b}",
            f"{a} left of {b}", f"{a} to the left of {b}", f"{b} right of {a}", f"{b} to the right of {a}",
            f"{a} on the left and {b} on the right", f"{b} on the right and {a} on the left",
            f"{a} on the left, {b} on the right", f"{a} & {b}", f"{a} near {b}", f"{a} plus {b}", f"{a}, {b}", f"{a} by {b}",
        ))

    def _above(self) -> str:
        a, b = self._thing(0), self._thing(1)
        return self._any((f"{a} above {b}", f"{a} over {b}", f"{b} below {a}", f"{b} under {a}", f"{b} beneath {a}", f"{b} underneath {a}",
                          f"{a} at the top and {b} at the bottom", f"{a} floating above {b}", f"{b} with {a} above it"))

    def _on(self) -> str:
        a, b = self._thing(0), self._thing(1)
        return self._any((f"{a} on top of {b}", f"{a} on {b}", f"{a} standing on {b}", f"{b} with {a} on top", f"{a} sitting on {b}",
                          f"{a} atop {b}"))

    def _front(self) -> str:
        a, b = self._thing(0), self._thing(1)
        return self._any((f"{a} in front of {b}", f"{b} behind {a}", f"{a} before {b}", f"{b} with {a} in front of it",
                          f"{a} standing in front of {b}"))

    def _row(self) -> str:
        a, b, c = (self._thing(i) for i in range(3))
        return self._any((f"{a}, {b} and {c}", f"{a}, {b} and {c}", f"{a}, {b}, and {c}", f"{a} and {b} and {c}", f"{a}, {b}, {c}",
                          f"from left to right {a}, {b} and {c}", f"{a} next to {b} and {c}", f"{a}, {b} and {c} in a row"))

    def _grid(self) -> str:
        a, b, c, d = (self._thing(i) for i in range(4))
        return self._any((f"{a}, {b}, {c} and {d}", f"{a}, {b}, {c}, and {d}", f"{a}, {b}, {c}, {d}", f"{a} and {b} above {c} and {d}",
                          f"{a} and {b} and {c} and {d}"))

    def _groups(self) -> str:
        a, b = self._thing(0), self._thing(1)
        return self._any((f"{a} and {b}", f"{a} and {b}", f"{a} with {b}", f"{a} next to {b}", f"{a}, {b}", f"{a} plus {b}"))

    def _color(self, name: str) -> str:
        return self._any(COLOR_WORDS.get(name, (name,)))

    def _background(self) -> str:
        kind, parts = self.scene.background
        if not self.plain and self._chance(0.12):
            return ""  # any background is right
        if kind == "setting":
            return self._any(SETTING_WORDS[parts[0]])
        first, last = self._color(parts[0]), self._color(parts[-1])
        article = "an" if first[0] in "aeiou" else "a"
        if kind == "plain":
            forms = (f"on {article} {first} background", f"on {article} {first} background", f"in front of {article} {first} background",
                     f"on {first}", f"with {article} {first} background", f"{first} background", f"against {article} {first} background",
                     f"the background is {first}",
                     f"{article} {first} background behind it")
        elif kind == "halves":
            forms = (f"on {article} {first} and {last} background", f"on a half {first} half {last} background",
                     f"with {article} {first} and {last} background",
                     f"on a background that is {first} on the left and {last} on the right", f"{first} and {last} background")
        elif kind == "stacked":
            forms = (f"on a background that is {first} above and {last} below", f"on {article} {first} over {last} background",
                     f"with {first} at the top of the background and {last} at the bottom", f"on a background with {first} above {last}")
        else:
            forms = (f"on a gradient from {first} to {last}", f"on {article} {first} to {last} gradient",
                     f"with a gradient background from {first} to {last}",
                     f"on {article} {first} fading to {last} background", f"{first} to {last} gradient background")
        text = self._any(forms)
        if not self.articles:
            text = re.sub(r"\b(a|an|the) ", "", text)
        return text


@functools.cache
def _every_name() -> frozenset[str]:
    return frozenset(name for thing in things() for pair in thing.names for name in pair)


def caption(scene: Scene, random: np.random.Generator) -> str:
    """A caption of a scene, as training sees it."""
    return Writer(scene, random).caption()


def plain_caption(scene: Scene, random: np.random.Generator) -> str:
    """A caption that names everything that is judged."""
    return Writer(scene, random, plain=True).caption()
