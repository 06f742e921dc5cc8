"""Alt-texts in other languages, from small phrase tables.

The phrases put the colour where no word has to agree with it ("de couleur rouge", "in Rot", "красного
цвета"), so that every combination is proper language. Chinese and Japanese ones are lists of key words, as
photo sites of these languages write them: at least three parts whichever way words are counted.
"""

import random
from dataclasses import dataclass

from curate.planted.scenes import COLOURS, SHAPES, Scene


@dataclass(frozen=True)
class Language:
    """Words in the order of `SHAPES` (one, several) and of `COLOURS`; phrasings take {thing} and {n}."""

    shapes: str
    plurals: str
    colours: str
    coloured: str  # {shape} {colour}
    numbers: tuple[str, str, str]  # two, three, four
    phrasings: tuple[str, ...]

    def thing(self, scene: Scene) -> str:
        table = self.shapes if scene.count == 1 else self.plurals
        shape = table.split(", ")[SHAPES.index(scene.main.shape)]
        colour = self.colours.split(", ")[list(COLOURS).index(scene.main.colour)]
        counted = shape if scene.count == 1 else f"{self.numbers[scene.count - 2]}{shape}"
        return self.coloured.format(shape=counted, colour=colour)


LANGUAGES: dict[str, Language] = {
    "de": Language(
        "ein Kreis, ein Dreieck, ein Ring, ein Kreuz, eine Mondsichel, ein Fisch",
        "Kreise, Dreiecke, Ringe, Kreuze, Mondsicheln, Fische",
        "Rot, Gelb, Grün, Blau, Lila, Rosa, Schwarz, Weiß",
        "{shape} in {colour}",
        ("zwei ", "drei ", "vier "),
        ("Auf diesem Foto: {thing}", "Hier sehen Sie {thing}, Foto Nummer {n}", "{thing}, von Hand gemalt",
         "{thing} als Poster für das Wohnzimmer", "Unser Bild des Tages zeigt {thing}"),
    ),
    "fr": Language(
        "un cercle, un triangle, un anneau, une croix, un croissant, un poisson",
        "cercles, triangles, anneaux, croix, croissants, poissons",
        "rouge, jaune, verte, bleue, violette, rose, noire, blanche",
        "{shape} de couleur {colour}",
        ("deux ", "trois ", "quatre "),
        ("Une photo avec {thing}", "{thing}, dessin fait à la main", "On voit ici {thing}, image numéro {n}",
         "{thing} sur une affiche pour le salon", "Notre image du jour montre {thing}"),
    ),
    "es": Language(
        "un círculo, un triángulo, un anillo, una cruz, una media luna, un pez",
        "círculos, triángulos, anillos, cruces, medias lunas, peces",
        "rojo, amarillo, verde, azul, morado, rosa, negro, blanco",
        "{shape} de color {colour}",
        ("dos ", "tres ", "cuatro "),
        ("Una foto con {thing}", "{thing}, dibujo hecho a mano", "Aquí se ve {thing}, imagen número {n}",
         "Cartel para el salón con {thing}", "La imagen del día muestra {thing}"),
    ),
    "it": Language(
        "un cerchio, un triangolo, un anello, una croce, una mezzaluna, un pesce",
        "cerchi, triangoli, anelli, croci, mezzelune, pesci",
        "rosso, giallo, verde, blu, viola, rosa, nero, bianco",
        "{shape} di colore {colour}",
        ("due ", "tre ", "quattro "),
        ("Una foto con {thing}", "{thing}, disegno fatto a mano", "Qui si vede {thing}, immagine numero {n}",
         "Poster per il soggiorno con {thing}", "Nella nostra immagine del giorno: {thing}"),
    ),
    "ru": Language(
        "круг, треугольник, кольцо, крест, полумесяц, рыба",
        "круги, треугольники, кольца, кресты, полумесяцы, рыбы",
        "красного, жёлтого, зелёного, синего, фиолетового, розового, чёрного, белого",
        "{shape} {colour} цвета",
        ("", "", ""),
        ("На этой фотографии {thing}", "{thing}, рисунок ручной работы", "Картина дня: {thing}, номер {n}",
         "{thing} на плакате для гостиной", "Здесь можно увидеть: {thing}"),
    ),
    "zh": Language(
        "圆形, 三角形, 圆环, 十字, 月牙, 鱼",
        "圆形, 三角形, 圆环, 十字, 月牙, 鱼",
        "红色, 黄色, 绿色, 蓝色, 紫色, 粉色, 黑色, 白色",
        "{colour}的{shape}",
        ("两个", "三个", "四个"),
        ("{thing} 高清图片 免费下载 {n}", "手绘 {thing} 插画素材", "我们拍的 {thing} 照片分享 第{n}张",
         "{thing} 客厅装饰画 包邮", "今日图片 {thing} 欢迎收藏"),
    ),
    "ja": Language(
        "円, 三角形, 輪, 十字, 三日月, 魚",
        "円, 三角形, 輪, 十字, 三日月, 魚",
        "赤色, 黄色, 緑色, 青色, 紫色, ピンク色, 黒色, 白色",
        "{colour}の{shape}",
        ("二つの", "三つの", "四つの"),
        ("{thing} の写真です 無料素材 {n}", "手描き {thing} のイラスト", "きれいな {thing} を撮りました",
         "{thing} のポスター 送料無料", "今日の一枚 {thing} をどうぞ"),
    ),
}  # fmt: skip


def describe_in(language: str, scene: Scene, rng: random.Random) -> str:
    """What the scene's main thing is, in another language."""
    words = LANGUAGES[language]
    text = rng.choice(words.phrasings).format(thing=words.thing(scene), n=rng.randint(2, 999))
    return text[:1].upper() + text[1:]
