"""Files are judged by what they hold."""

import io
import secrets
import time
import zipfile

import pytest

from core import tables, uploads
from core.errors import Refused


class Huge(io.BytesIO):
    """A file that claims two gigabytes and must never be read."""

    size = 2 * 2**30

    def read(self, *args):
        raise AssertionError("a file that is too large was read")


def workbook(rows, title_rows=0):
    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet("表")
        for index in range(title_rows):
            sheet.merge_range(index, 0, index, 3, "2026年度花名册")
        for number, row in enumerate(rows, start=title_rows):
            sheet.write_row(number, 0, row)
    file.seek(0)
    return file


def test_two_gigabytes_are_refused_unread():
    with pytest.raises(Refused) as refusal:
        uploads.check_spreadsheet(Huge(), name="roster.xlsx")
    assert refusal.value.code == "too_large"
    with pytest.raises(Refused):
        uploads.check_document(Huge(), name="video.mp4")


def test_a_zip_bomb_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (50 * 2**20))
    file.seek(0)

    with pytest.raises(Refused) as refusal:
        uploads.check_spreadsheet(file, name="roster.xlsx")
    assert refusal.value.code == "bomb"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("lesson.pdf", b"MZ\x90\x00\x03\x00\x00\x00"),
        ("film.mp4", b"%PDF-1.7\n"),
        ("notes.docx", b"plain words"),
        ("page.exe", b"MZ"),
        ("noextension", b"x"),
        ("shell.txt", b"\x7fELF\x00\x01"),
    ],
)
def test_a_renamed_file_is_refused(name, content):
    with pytest.raises(Refused):
        uploads.check_document(io.BytesIO(content), name=name)


def test_a_real_pdf_and_a_captions_file_pass():
    uploads.check_document(io.BytesIO(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n"), name="a.pdf")
    uploads.check_document(io.BytesIO("WEBVTT\n\n00:00.000 --> 00:02.000\n大家好\n".encode()), name="a.vtt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_csv_is_read_in_every_usual_encoding(encoding):
    text = "工号,姓名\r\nYA1,张三\r\n"
    (sheet,) = tables.read(io.BytesIO(text.encode(encoding)), name="x.csv")
    header, rows = sheet.rows(["工号", "姓名"])

    assert header == ["工号", "姓名"]
    assert [row.text("姓名") for row in rows] == ["张三"]


@pytest.mark.parametrize("title", ["", "某县人员名单\r\n", "某县，人员名单, 2026\r\n"])
def test_text_divided_by_tabs_is_read_with_a_title_above_it(title):
    text = f"{title}工号\t姓名\r\nYA1\t张三\r\n"
    _, rows = tables.read(io.BytesIO(text.encode("utf-16")), name="x.txt")[0].rows(["工号", "姓名"])

    assert [(row.text("工号"), row.text("姓名")) for row in rows] == [("YA1", "张三")]


def test_rows_keep_the_number_that_excel_shows():
    file = workbook([["工号", "姓名"], ["YA1", "张三"], ["", ""], [12.0, "李四"]], title_rows=1)
    _, rows = tables.read(file, name="x.xlsx")[0].rows(["工号", "姓名"])

    assert [(row.number, row.text("工号")) for row in rows] == [(3, "YA1"), (5, "12")]


def test_a_sheet_without_the_header_is_refused_by_name():
    with pytest.raises(Refused, match="工号"):
        tables.read(workbook([["a", "b"]]), name="x.xlsx")[0].rows(["工号"])


def test_an_archive_that_is_no_workbook_is_refused():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("hello.txt", "x")
    file.seek(0)

    with pytest.raises(Refused) as refusal:
        uploads.check_spreadsheet(file, name="x.xlsx")
    assert refusal.value.code == "wrong_content"


def test_an_empty_file_is_refused():
    with pytest.raises(Refused):
        uploads.check_spreadsheet(io.BytesIO(b"  "), name="x.csv")


FAR_CELLS = {
    "named": b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    "named with zeros, after another attribute": b"<row><c s='>' r = 'a1'><v>1</v></c></row><row><c s=\">\"r='xfd0000000001048576'><v>1</v></c></row>",
    "counted": b"<row>" + b"<c/>" * 6000 + b"</row>" + b"<row/>" * 6000,
}


def reaching(cells, *, part="xl/worksheets/sheet1.xml", also=()):
    """A small workbook with these cells and a <dimension> that tells a lie."""
    file = io.BytesIO()
    rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{rel}"><sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels",
            f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="{rel}/worksheet" Target="{part[3:]}"/></Relationships>',
        )
        archive.writestr(
            part, f'<worksheet xmlns="{main}"><dimension ref="A1:B2"/><sheetData>'.encode() + cells + b"</sheetData></worksheet>"
        )
        for name in also:
            archive.writestr(name, "x")
    file.seek(0)
    return file


@pytest.mark.parametrize("cells", FAR_CELLS.values(), ids=FAR_CELLS)
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/elsewhere.dat"])
def test_two_cells_far_apart_are_refused_before_the_reader_fills_the_space_between(cells, part):
    file = reaching(cells, part=part)
    assert len(file.getvalue()) < 3000

    with pytest.raises(Refused) as refusal:
        uploads.check_spreadsheet(file, name="roster.xlsx")
    assert refusal.value.code == "too_many_cells"


def test_a_far_cell_is_found_on_the_seam_of_two_pieces():
    for pad in range(2**18 - 140, 2**18 - 20, 7):
        with pytest.raises(Refused):
            uploads.check_spreadsheet(
                reaching(b"<v>" + secrets.token_hex(pad // 2).encode() + b"</v>" + FAR_CELLS["named"]), name="roster.xlsx"
            )


@pytest.mark.parametrize("cell", [b"<row/>", b'<c r="A1"/>'])
def test_millions_of_cells_in_one_place_are_not_read_to_the_end(cell, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_CELLS", 50_000)
    with pytest.raises(Refused) as refusal:
        uploads.check_spreadsheet(reaching(cell * 50_001 + secrets.token_hex(10_000).encode()), name="x.xlsx")
    assert refusal.value.code == "too_many_cells"


def test_cells_without_names_are_counted_row_by_row():
    rows = b"<row><c><v>1</v></c><c><v>2</v></c></row>" * 4000

    assert uploads.check_spreadsheet(reaching(rows), name="x.xlsx")[0] == "xlsx"


def test_a_part_that_unpacks_to_more_than_it_says_is_refused():
    data = bytearray(reaching(FAR_CELLS["counted"]).getvalue())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    at = data.rindex(size.to_bytes(4, "little"))
    data[at : at + 4] = (60).to_bytes(4, "little")

    with pytest.raises(Refused):
        uploads.check_spreadsheet(io.BytesIO(bytes(data)), name="x.xlsx")


@pytest.mark.parametrize("name", ["xl/workbook.bin", "content.xml"])
def test_a_workbook_of_another_kind_does_not_hide_in_an_xlsx(name):
    with pytest.raises(Refused) as refusal:
        uploads.check_spreadsheet(reaching(b"", also=[name]), name="x.xlsx")
    assert refusal.value.code == "wrong_content"


def test_a_roster_of_ten_thousand_rows_is_judged_in_a_moment():
    file = workbook(
        [["工号", "姓名", "单位", "职务", "手机", "邮箱"]] + [[f"YA{n}", "张三", "办公室", "科员", str(n), "x"] for n in range(10_000)]
    )
    start = time.perf_counter()
    uploads.check_spreadsheet(file, name="x.xlsx")

    assert time.perf_counter() - start < 2  # about 0.1 s; generous for a busy machine


@pytest.mark.parametrize("name", ["花名册.xlsx", "roster.XLS", "题库.xlsm", "wps.et"])
@pytest.mark.parametrize("text", ["工号,姓名\nYA1,张\n", "<html><table><tr><td>工号</td></tr></table></html>"])
def test_text_under_the_name_of_a_workbook_is_called_what_it_is(name, text):
    with pytest.raises(Refused) as refusal:
        tables.read(io.BytesIO(text.encode()), name=name)
    assert refusal.value.code == "wrong_content" and "不是 Excel 工作簿" in refusal.value.message and "csv" in refusal.value.message


def test_a_workbook_under_another_name_is_read_all_the_same():
    assert tables.read(workbook([["工号", "姓名"]]), name="roster.csv")[0].grid == [["工号", "姓名"]]


# ---- formulas that gave no value -----------------------------------------------------------


def with_formulas():
    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.add_worksheet("说明").write_row(0, 0, ["这一页没有表"])
        sheet = book.add_worksheet("表")
        sheet.write_row(2, 0, ["工号", "姓名", "单位"])
        sheet.write_formula(3, 1, '=VLOOKUP("张","别的",1)', None, "#N/A")
        sheet.write_formula(4, 2, "=1/0", None, "#DIV/0!")
        sheet.write_formula(5, 0, '="YA"&1', None, "YA1")
        sheet.write_formula(5, 1, '=""', None, "")
        sheet.write_string(5, 2, "#N/A")
    return changed(file, b'<c r="B6"><f>', b'<c r="B6" t="str"><f>')  # as Excel marks a text


def changed(file, what, into):
    """The workbook with these bytes of its second sheet in place of those."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as whole, zipfile.ZipFile(made, "w") as archive:
        for name in whole.namelist():
            part = whole.read(name)
            if name.endswith("sheet2.xml"):
                assert what in part
                part = part.replace(what, into)
            archive.writestr(name, part)
    made.seek(0)
    return made


def test_a_cell_whose_formula_failed_is_not_empty_and_says_what_it_shows():
    sheet = tables.read(with_formulas(), name="x.xlsx")[1]
    _header, rows = sheet.rows(["工号", "姓名", "单位"])
    first, second, third = rows

    assert (first.number, first.cells["姓名"], second.cells["单位"]) == (4, "#N/A", "#DIV/0!")
    assert isinstance(first.cells["姓名"], tables.Failed) and isinstance(second.cells["单位"], tables.Failed)
    assert third.text("工号") == "YA1" and third.text("姓名") == "", "an empty text is a result"
    assert third.text("单位") == "#N/A" and not isinstance(third.cells["单位"], tables.Failed), "somebody wrote it"


def test_a_formula_that_nothing_has_computed_yet_is_not_empty():
    import openpyxl

    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (["工号", "姓名", "单位"], ["YA1", '="张"&"三"', "县政府办"]):
        book.active.append(row)
    book.save(file)
    (sheet,) = tables.read(io.BytesIO(file.getvalue()), name="x.xlsx")
    (row,) = sheet.rows(["工号", "姓名", "单位"])[1]
    assert row.cells["姓名"] == '="张"&"三"' and isinstance(row.cells["姓名"], tables.Failed)


def test_cells_that_do_not_say_where_they_stand_are_counted():
    file = changed(
        with_formulas(),
        b"<sheetData>",
        b'<sheetData><row r="1"><c t="inlineStr"><is><t>a</t></is></c><c t="inlineStr"><is><t>b</t></is></c></row><row><c><v>1</v></c><c t="e"><v>#REF!</v></c></row>',
    )
    sheet = tables.read(file, name="x.xlsx")[1]
    assert next(row.cells["b"] for row in sheet.rows(["a", "b"])[1]) == "#REF!"


def test_a_text_table_shows_failed_formulas_too():
    (sheet,) = tables.read(io.BytesIO("工号,姓名\nYA1,#N/A\n".encode()), name="x.csv")
    (row,) = sheet.rows(["工号", "姓名"])[1]
    assert isinstance(row.cells["姓名"], tables.Failed)
