"""Names of columns in several languages and of shops' exports."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Field -> names, the most certain first: of two columns that fit, the first name wins.
_NAMES: dict[str, tuple[str, ...]] = {
    "id": (
        "sku", "item id", "product id", "article id", "item number", "product number", "item no", "article number",
        "part number", "item code", "product code", "article code", "handle", "url handle", "artikelnummer",
        "artikel nr", "artikelnr", "art nr", "artnr", "artikel id", "artikelcode", "produktnummer",
        "produkt id", "produktnr", "bestellnummer", "référence", "reference", "réf", "ref", "référence produit",
        "code article", "id produit", "referencia", "código", "codigo", "código de producto", "id producto", "codice",
        "codice articolo", "codice prodotto", "riferimento", "id do produto", "varenummer", "artikkelnummer",
        "tuotenumero", "tuotekoodi", "numer produktu", "kod produktu", "indeks", "kód", "kód produktu", "číslo",
        "cikkszám", "ürün kodu", "stok kodu", "артикул", "код", "код товара", "商品编号", "商品编码", "编号", "货号",
        "商品番号", "商品コード", "品番", "상품코드", "상품번호", "g:id", "asin", "code", "nr", "no", "number",
        "nummer", "#", "ean", "gtin", "upc", "barcode",
    ),
    "title": (
        "name", "product name", "product title", "item name", "article name", "product", "label", "bezeichnung",
        "titel", "artikelbezeichnung", "artikelname", "produktname", "produktbezeichnung", "produkt", "nom",
        "nom du produit", "titre", "désignation", "designation", "libellé", "libelle", "nombre",
        "nombre del producto", "título", "titulo", "producto", "nome", "nome prodotto", "titolo", "denominazione",
        "prodotto", "nome do produto", "produto", "naam", "productnaam", "omschrijving", "benämning", "namn",
        "produktnamn", "navn", "produktnavn", "varenavn", "nimi", "tuotenimi", "nazwa", "nazwa produktu", "název",
        "název produktu", "megnevezés", "termék", "ürün adı", "ürün", "название", "наименование", "имя", "товар",
        "名称", "商品名称", "标题", "商品标题", "品名", "商品名", "製品名", "名前", "상품명", "제품명", "이름",
    ),
    "brand": (
        "vendor", "manufacturer", "maker", "brands", "marke", "hersteller", "marque", "fabricant", "marca",
        "fabricante", "marchio", "produttore", "merk", "fabrikant", "märke", "varumärke", "tillverkare", "mærke",
        "merke", "varemerke", "merkki", "tuotemerkki", "marka", "producent", "značka", "výrobce", "márka", "gyártó",
        "üretici", "бренд", "марка", "производитель", "品牌", "ブランド", "メーカー", "브랜드", "제조사",
    ),
    "category": (
        "product category", "categories", "product type", "google product category", "kategorie", "warengruppe",
        "produktkategorie", "catégorie", "categorie", "rayon", "categoría", "categoria", "productgroep", "kategori",
        "varegruppe", "kategoria", "tuoteryhmä", "kategória", "категория", "раздел", "分类", "类别", "类目",
        "カテゴリ", "カテゴリー", "카테고리", "분류",
    ),
    "price": (
        "sale price", "regular price", "variant price", "unit price", "retail price", "list price", "preis",
        "verkaufspreis", "vk", "vk preis", "einzelpreis", "prix", "prix ttc", "prix de vente", "precio", "pvp",
        "precio de venta", "prezzo", "preço", "preco", "prijs", "verkoopprijs", "pris", "hinta", "cena", "ár",
        "fiyat", "satış fiyatı", "цена", "стоимость", "价格", "售价", "単価", "価格", "値段", "가격", "판매가",
    ),
    "url": (
        "link", "product url", "product link", "web address", "page url", "produkt url", "produktlink", "lien",
        "url produit", "enlace", "url del producto", "collegamento", "länk", "lenke", "odkaz", "ссылка", "链接",
        "リンク",
    ),
    "image": (
        "image url", "image link", "image src", "image path", "image file", "picture", "picture url", "photo",
        "photo url", "main image", "product image", "product image url", "img", "img url", "thumbnail", "bild",
        "bild url", "bildpfad", "bilddatei", "bildlink", "produktbild", "foto", "photo principale", "url image",
        "lien image", "imagen", "imágenes", "url de imagen", "immagine", "url immagine", "immagini", "imagem",
        "imagens", "afbeelding", "afbeelding url", "bilde", "billede", "kuva", "kuvan osoite", "zdjęcie", "zdjecie",
        "obrázek", "obrazek", "kép", "resim", "görsel", "фото", "изображение", "картинка", "图片", "图片链接", "主图",
        "画像", "画像url", "이미지", "이미지url", "images", "pictures", "photos", "bilder", "fotos",
        "additional image link", "additional image links", "image urls", "afbeeldingen", "zdjęcia", "изображения",
    ),
}  # fmt: skip
FIELDS = ("id", "title", "brand", "category", "price", "url", "image", "images", "attributes")


def normalised(name: object) -> str:
    """Return a column's name without case, marks and composed forms."""
    text = unicodedata.normalize("NFKC", str(name)).strip().strip("\ufeff\"'").casefold()
    text = re.sub(r"\s*[\[(].*?[\])]\s*$", "", text) or text  # "Price (EUR)"
    return re.sub(r"[\s_\-./:]+", " ", text.removeprefix("g:")).strip()


_RANK = {
    normalised(name): (field, rank)
    for field, names in _NAMES.items()
    for rank, name in reversed(list(enumerate(names)))
}
_NUMBERED = re.compile(r"(.+?) ?\d{1,2}")


def known_field(name: object) -> tuple[str, int] | None:
    """Return the field of a column's name and the rank of the name, 0 the surest.

    A field's own name has rank -1; pictures may be numbered ("Bild 2").
    """
    plain = str(name).strip().lower()
    if plain in FIELDS:
        return plain, -1
    text = normalised(name)
    if text in FIELDS:
        return text, -1
    if text in _RANK:
        return _RANK[text]
    numbered = _NUMBERED.fullmatch(text)
    if numbered:
        base = numbered[1]
        found = ("image", 0) if base in ("image", "images") else _RANK.get(base)
        if found and found[0] == "image":
            return found
    return None


def recognised(names: Iterable[object]) -> set[str]:
    """Return the fields that a line of names holds."""
    found = (known_field(name) for name in names)
    return {one[0].replace("images", "image") for one in found if one}
