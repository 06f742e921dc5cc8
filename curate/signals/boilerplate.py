"""Phrases that pages put where a caption should be: placeholders, buttons, rights, agencies. Data, in small letters.

The kind that Conceptual Captions drops ("click to enlarge picture", "stock photo"; Sharma et al. 2018). Short on
purpose: a phrase is here when a caption loses nothing by its absence.
"""

# fmt: off
PHRASES: dict[str, tuple[str, ...]] = {
    "en": (
        "image not available", "image unavailable", "image not found", "image coming soon", "no image available",
        "no image", "photo not available", "photo coming soon", "no photo available", "no photo", "no picture",
        "missing image", "image placeholder", "placeholder image", "default image", "embedded image permalink",
        "click to enlarge", "click to zoom", "click to view", "click for larger", "click for full size",
        "click image", "click on image", "click here", "enlarge image", "view larger", "view full size",
        "read more", "learn more", "see more", "show more", "share on facebook", "share on twitter", "share this",
        "pin it", "follow us", "sign up", "log in", "add to cart", "buy now", "shop now", "free shipping",
        "stock photo", "stock photos", "stock image", "stock images", "stock photography", "stock vector",
        "stock illustration", "royalty free", "royalty-free", "all rights reserved", "getty images", "shutterstock",
        "profile photo", "profile picture", "image may contain",
    ),
    "de": (
        "kein bild", "kein foto", "bild nicht verfügbar", "bild folgt", "platzhalter", "zum vergrößern klicken",
        "bild vergrößern", "klicken zum vergrößern", "weiterlesen", "mehr lesen", "jetzt kaufen",
        "in den warenkorb", "alle rechte vorbehalten",
    ),
    "fr": (
        "pas d'image", "image non disponible", "photo non disponible", "cliquez pour agrandir", "cliquer pour agrandir",
        "agrandir l'image", "lire la suite", "en savoir plus", "ajouter au panier", "tous droits réservés",
    ),
    "es": (
        "sin imagen", "imagen no disponible", "foto no disponible", "haga clic para ampliar", "haz clic para ampliar",
        "ampliar imagen", "leer más", "ver más", "añadir al carrito", "todos los derechos reservados",
    ),
    "it": (
        "nessuna immagine", "immagine non disponibile", "clicca per ingrandire", "leggi tutto", "leggi di più",
        "aggiungi al carrello", "tutti i diritti riservati",
    ),
    "pt": (
        "sem imagem", "imagem não disponível", "clique para ampliar", "leia mais", "ver mais",
        "todos os direitos reservados",
    ),
    "nl": (
        "geen afbeelding", "afbeelding niet beschikbaar", "klik om te vergroten", "klik voor vergroting", "lees meer",
        "alle rechten voorbehouden",
    ),
    "pl": ("brak zdjęcia", "brak obrazka", "kliknij, aby powiększyć", "czytaj więcej", "wszelkie prawa zastrzeżone"),
    "ru": (
        "нет фото", "нет изображения", "нажмите, чтобы увеличить", "нажмите для увеличения", "читать далее",
        "подробнее", "все права защищены",
    ),
}
UNSPACED: tuple[str, ...] = (  # of scripts that set no blanks: found anywhere in a text
    "画像なし", "画像はありません", "クリックで拡大", "続きを読む", "もっと見る",
    "暂无图片", "点击放大", "点击查看大图", "阅读更多", "查看更多", "版权所有",
    "이미지 없음", "이미지가 없습니다", "클릭하면 확대", "더 보기",
)
# fmt: on
