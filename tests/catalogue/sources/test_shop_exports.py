"""Exports of shop systems: lines of one product are one item, with all of its pictures."""

from __future__ import annotations

from pathlib import Path

from whatsit.catalogue.sources import Row, Skipped, Source, open_source
from whatsit.catalogue.sources.picture_location import WebImage

SHOPIFY = """Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Option1 Name,Option1 Value,Variant SKU,\
Variant Price,Image Src,Image Position
tee,Green tea,"<p>Fine,
green</p>",Arla,Food > Tea,Drinks,"a, b",Size,S,T-S,1999.00,https://c.test/2.jpg?v=1,2
tee,,,,,,,,L,T-L,2999.00,https://c.test/1.jpg?v=1,1
tee,,,,,,,,,,,https://c.test/2.jpg?v=1,3
cup,Blue cup,,Acme,,Cups,,Title,Default,C-1,"1,250.00",https://c.test/c.jpg,1
box,Gift box,,Acme,,Cups,,Title,Default,,5.00,,
"""
WOO = """ID,Type,SKU,Name,Published,Regular price,Sale price,Categories,Images,Parent,Brands
10,variable,S10,Hoodie,1,,,"Clothing > Hoodies, Sale","https://s.test/a.jpg, https://s.test/b.jpg",,Acme
11,variation,,Hoodie - Blue,1,45.00,40.00,,,id:10,
12,simple,S12,Cap,1,16.00,,Clothing,https://s.test/c.jpg,,
"""
GOOGLE = """id\ttitle\tlink\timage link\tadditional image link\tprice\tbrand\tgoogle product category
7\tMilk\thttps://s.test/7\thttps://s.test/7.jpg\thttps://s.test/8.jpg,https://s.test/9.jpg\t15.00 USD\tArla\tFood
"""
FEED = """<?xml version="1.0"?><rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel><title>Shop</title>
<item><g:id>7</g:id><g:title>Milk &amp; tea</g:title><g:link>https://s.test/7</g:link>
<g:image_link>https://s.test/7.jpg</g:image_link><g:additional_image_link>https://s.test/8.jpg</g:additional_image_link>
<g:additional_image_link>https://s.test/9.jpg</g:additional_image_link><g:price>15.00 USD</g:price>
<g:brand>Arla</g:brand><g:google_product_category>Food</g:google_product_category></item>
<item><g:id>8</g:id><g:title>Cup</g:title><g:image_link>https://s.test/c.jpg</g:image_link></item></channel></rss>
"""


def opened(path: Path, text: str) -> tuple[list[Row], list[Skipped], Source]:
    path.write_text(text, encoding="utf-8")
    source = open_source(path)
    found = list(source)
    skipped = [one for one in found if isinstance(one, Skipped)]
    return [one for one in found if isinstance(one, Row)], skipped, source


def urls(row: Row) -> list[str]:
    return [image.url.rpartition("/")[2] for image in row.images if isinstance(image, WebImage)]


def test_shopify(tmp_path: Path) -> None:
    (tee, cup), (box,), source = opened(tmp_path / "products_export.csv", SHOPIFY)
    assert any("Shopify" in note for note in source.notes())
    fields = tee.fields
    assert (fields.id, fields.title, fields.brand, fields.category) == ("tee", "Green tea", "Arla", "Food > Tea")
    assert (fields.price, urls(tee)) == (1999.0, ["1.jpg?v=1", "2.jpg?v=1"])
    assert (fields.attributes["Variant SKU"], fields.attributes["Tags"]) == ("T-S", "a, b")
    assert (cup.fields.id, cup.fields.price) == ("cup", 1250.0)
    assert "no image" in box.reason


def test_woocommerce(tmp_path: Path) -> None:
    (hoodie, blue, cap), skipped, source = opened(tmp_path / "wc.csv", WOO)
    assert any("WooCommerce" in note for note in source.notes())
    assert skipped == []
    fields = hoodie.fields
    assert (fields.id, fields.title, fields.category, fields.brand) == ("S10", "Hoodie", "Clothing > Hoodies", "Acme")
    assert (fields.price, urls(hoodie)) == (None, ["a.jpg", "b.jpg"])
    assert (blue.fields.id, blue.fields.price, urls(blue)) == ("11", 40.0, ["a.jpg", "b.jpg"])
    assert (cap.fields.id, cap.fields.price) == ("S12", 16.0)


def test_google_merchant(tmp_path: Path) -> None:
    for name, text in (("feed.txt", GOOGLE), ("feed.tsv", GOOGLE), ("feed.xml", FEED)):
        rows, skipped, _ = opened(tmp_path / name, text)
        row = rows[0]
        assert skipped == []
        assert (row.fields.id, row.fields.brand, row.fields.category) == ("7", "Arla", "Food")
        assert (row.fields.price, row.fields.url) == (15.0, "https://s.test/7")
        assert row.fields.attributes == {"currency": "USD"}
        assert urls(row) == ["7.jpg", "8.jpg", "9.jpg"]
    assert [row.fields.title for row in rows] == ["Milk & tea", "Cup"]


def test_a_damaged_feed_keeps_the_products_before_the_damage(tmp_path: Path) -> None:
    rows, (skipped,), _ = opened(tmp_path / "feed.xml", FEED[: FEED.index("<item><g:id>8")])
    assert [row.fields.id for row in rows] == ["7"]
    assert "damaged" in skipped.reason
