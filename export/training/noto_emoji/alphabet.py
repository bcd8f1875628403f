"""The glyphs (Debian's Noto Color Emoji, SIL OFL 1.1) and backgrounds of scenes."""

from __future__ import annotations

from typing import NamedTuple


class Glyph(NamedTuple):
    character: str
    name: str
    plural: str


def _glyphs(table: str) -> tuple[Glyph, ...]:
    """Reads lines of `character name[/plural]`. Without a plural, it is the name with an s."""
    glyphs = []
    for line in table.split("\n"):
        if not line.strip():
            continue
        character, names = line.split(maxsplit=1)
        name, _, plural = names.strip().partition("/")
        glyphs.append(Glyph(character, name, plural or name + "s"))
    return tuple(glyphs)


GLYPHS = _glyphs("""
🐶 dog
🐱 cat
🦊 fox/foxes
🐻 bear
🐼 panda
🐯 tiger
🦁 lion
🐮 cow
🐷 pig
🐸 frog
🐵 monkey
🐔 chicken
🐧 penguin
🦉 owl
🦄 unicorn
🐝 bee
🦋 butterfly/butterflies
🐌 snail
🐞 ladybug
🐢 turtle
🐙 octopus/octopuses
🦀 crab
🐠 fish/fishes
🐬 dolphin
🐘 elephant
🐍 snake
🐰 rabbit
🦔 hedgehog
🌻 sunflower
🌹 rose
🌷 tulip
🌵 cactus/cacti
🌲 pine tree
🌴 palm tree
🍄 mushroom
🍎 apple
🍌 banana
🍋 lemon
🍉 watermelon
🍇 bunch of grapes/bunches of grapes
🍓 strawberry/strawberries
🍒 pair of cherries/pairs of cherries
🍍 pineapple
🥕 carrot
🌽 corn cob
🥑 avocado
🥦 broccoli/broccolis
🍕 pizza
🍔 hamburger
🍩 doughnut
🍪 cookie
🎂 cake
🍦 ice cream
🧁 cupcake
🚀 rocket
🚗 car
🚌 bus/buses
🚲 bicycle
⛵ sailboat
🚂 locomotive
🚜 tractor
🚁 helicopter
🏠 house
🏰 castle
🎈 balloon
🎁 gift
🎸 guitar
🎺 trumpet
🥁 drum
🎻 violin
📕 book
📷 camera
⏰ clock
🔑 key
💡 light bulb
👑 crown
💎 diamond
⭐ star
🌙 moon
🌞 sun
⛄ snowman/snowmen
🌈 rainbow
🔥 flame
⚽ football
🏀 basketball
⚓ anchor
🤖 robot
👻 ghost
👽 alien
💀 skull
""")

BACKGROUNDS = {
    "red": (214, 57, 57),
    "orange": (240, 145, 60),
    "yellow": (246, 215, 88),
    "green": (92, 176, 96),
    "teal": (64, 170, 170),
    "blue": (74, 122, 214),
    "purple": (140, 92, 190),
    "pink": (244, 160, 190),
    "white": (245, 245, 245),
    "black": (40, 40, 44),
}
