"""Files are judged by what they hold."""

import io
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
