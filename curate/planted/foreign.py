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
        "ein Kreis, ein Quadrat, ein Dreieck, ein Stern, ein Ring, ein Kreuz, ein Herz, "
        "eine Mondsichel, eine Raute, ein Pfeil, ein Baum, ein Fisch",
        "Kreise, Quadrate, Dreiecke, Sterne, Ringe, Kreuze, Herzen, Mondsicheln, Rauten, Pfeile, "
        "Bäume, Fische",
        "Rot, Orange, Gelb, Grün, Blau, Lila, Rosa, Braun, Schwarz, Weiß",
        "{shape} in {colour}",
        ("zwei ", "drei ", "vier "),
        ("Auf diesem Foto: {thing}", "Hier sehen Sie {thing}, Foto Nummer {n}", "{thing}, von Hand gemalt",
         "{thing} als Poster für das Wohnzimmer", "Unser Bild des Tages zeigt {thing}"),
    ),
    "fr": Language(
        "un cercle, un carré, un triangle, une étoile, un anneau, une croix, un cœur, un croissant, "
        "un losange, une flèche, un arbre, un poisson",
        "cercles, carrés, triangles, étoiles, anneaux, croix, cœurs, croissants, losanges, flèches, "
        "arbres, poissons",
        "rouge, orange, jaune, verte, bleue, violette, rose, marron, noire, blanche",
        "{shape} de couleur {colour}",
        ("deux ", "trois ", "quatre "),
        ("Une photo avec {thing}", "{thing}, dessin fait à la main", "On voit ici {thing}, image numéro {n}",
         "{thing} sur une affiche pour le salon", "Notre image du jour montre {thing}"),
    ),
    "es": Language(
        "un círculo, un cuadrado, un triángulo, una estrella, un anillo, una cruz, un corazón, "
        "una media luna, un rombo, una flecha, un árbol, un pez",
        "círculos, cuadrados, triángulos, estrellas, anillos, cruces, corazones, medias lunas, "
        "rombos, flechas, árboles, peces",
        "rojo, naranja, amarillo, verde, azul, morado, rosa, marrón, negro, blanco",
        "{shape} de color {colour}",
        ("dos ", "tres ", "cuatro "),
        ("Una foto con {thing}", "{thing}, dibujo hecho a mano", "Aquí se ve {thing}, imagen número {n}",
         "Cartel para el salón con {thing}", "La imagen del día muestra {thing}"),
    ),
    "it": Language(
        "un cerchio, un quadrato, un triangolo, una stella, un anello, una croce, un cuore, "
        "una mezzaluna, un rombo, una freccia, un albero, un pesce",
        "cerchi, quadrati, triangoli, stelle, anelli, croci, cuori, mezzelune, rombi, frecce, "
        "alberi, pesci",
        "rosso, arancione, giallo, verde, blu, viola, rosa, marrone, nero, bianco",
        "{shape} di colore {colour}",
        ("due ", "tre ", "quattro "),
        ("Una foto con {thing}", "{thing}, disegno fatto a mano", "Qui si vede {thing}, immagine numero {n}",
         "Poster per il soggiorno con {thing}", "Nella nostra immagine del giorno: {thing}"),
    ),
    "ru": Language(
        "круг, квадрат, треугольник, звезда, кольцо, крест, сердце, полумесяц, ромб, стрелка, "
        "дерево, рыба",
        "круги, квадраты, треугольники, звёзды, кольца, кресты, сердца, полумесяцы, ромбы, стрелки, "
        "деревья, рыбы",
        "красного, оранжевого, жёлтого, зелёного, синего, фиолетового, розового, коричневого, "
        "чёрного, белого",
        "{shape} {colour} цвета",
        ("", "", ""),
        ("На этой фотографии {thing}", "{thing}, рисунок ручной работы", "Картина дня: {thing}, номер {n}",
         "{thing} на плакате для гостиной", "Здесь можно увидеть: {thing}"),
    ),
    "zh": Language(
        "圆形, 正方形, 三角形, 星星, 圆环, 十字, 爱心, 月牙, 菱形, 箭头, 树, 鱼",
        "圆形, 正方形, 三角形, 星星, 圆环, 十字, 爱心, 月牙, 菱形, 箭头, 树, 鱼",
        "红色, 橙色, 黄色, 绿色, 蓝色, 紫色, 粉色, 棕色, 黑色, 白色",
        "{colour}的{shape}",
        ("两个", "三个", "四个"),
        ("{thing} 高清图片 免费下载 {n}", "手绘 {thing} 插画素材", "我们拍的 {thing} 照片分享 第{n}张",
         "{thing} 客厅装饰画 包邮", "今日图片 {thing} 欢迎收藏"),
    ),
    "ja": Language(
        "円, 四角形, 三角形, 星, 輪, 十字, ハート, 三日月, ひし形, 矢印, 木, 魚",
        "円, 四角形, 三角形, 星, 輪, 十字, ハート, 三日月, ひし形, 矢印, 木, 魚",
        "赤色, オレンジ色, 黄色, 緑色, 青色, 紫色, ピンク色, 茶色, 黒色, 白色",
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
