"""The demo's documents, written when it is loaded: forms that somebody can fill in tomorrow."""

import io

from django.core.files.base import ContentFile
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from wagtail.documents import get_document_model

from courses.services import catalogues
from people.models import Unit

# The heading of two rows and fourteen columns, as lesson S03 explains it: the group, its small columns, their widths.
HEADING = [
    ("序号", [""], [6]),
    ("公开事项", ["一级事项", "二级事项"], [14, 16]),
    ("公开内容（要素）", [""], [34]),
    ("公开依据", [""], [34]),
    ("公开时限", [""], [24]),
    ("公开主体", [""], [22]),
    ("公开渠道和载体", [""], [20]),
    ("公开对象", ["全社会", "特定群体"], [8, 12]),
    ("公开方式", ["主动", "依申请"], [7, 8]),
    ("公开层级", ["县级", "乡级"], [7, 7]),
]
# The lesson's own example (domain: 机关信息, row 1).
EXAMPLE = [
    "例",
    "机关信息",
    "机关简介",
    "机关职能；机构设置；办公地址；办公时间；联系方式；负责人姓名",
    "《中华人民共和国政府信息公开条例》（国令第711号）第二十条第（二）项",
    "自信息形成或者变更之日起20个工作日内",
    "姚安县各部门、各乡镇人民政府",
    "政府网站；公开查阅点",
    *["√", "", "√", "", "√", "√"],
]
ROWS = 15


def ensure(sheet: str, *, county: Unit):
    """The document of a sheet in the county's collection; written and saved the first time, found afterwards."""
    title, write = SHEETS[sheet]
    model, collection = get_document_model(), catalogues.collection_of(county)
    document = model.objects.filter(collection=collection, title=title).first()
    if document is None:
        document = model.objects.create(title=title, collection=collection, file=ContentFile(write(), name=f"{title}.xlsx"))
    return document


def catalogue_form() -> bytes:
    """The form of a standard catalogue: its heading, an example to be deleted, empty rows. XLSX, landscape, the heading on each page."""
    book = Workbook()
    page = book.active
    page.title = "标准目录"
    page.append(["（领域名称）政务公开事项标准目录　　　填表单位：　　　　　　　填表人：　　　　　　　日期："])
    place = 1
    for group, columns, widths in HEADING:
        page.cell(2, place, group)
        for offset, (name, width) in enumerate(zip(columns, widths, strict=True)):
            page.cell(3, place + offset, name or None)
            page.column_dimensions[page.cell(2, place + offset).column_letter].width = width
        page.merge_cells(start_row=2, end_row=2 if len(columns) > 1 else 3, start_column=place, end_column=place + len(columns) - 1)
        place += len(columns)
    last = place - 1
    page.merge_cells(start_row=1, end_row=1, start_column=1, end_column=last)
    page["A1"].font = Font(bold=True, size=13)
    page.append(EXAMPLE)
    line = Side(style="thin", color="7F8C99")
    for row in page.iter_rows(min_row=2, max_row=4 + ROWS, max_col=last):
        for cell in row:
            cell.border = Border(line, line, line, line)
            cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal="center" if cell.row < 4 else None)
            if cell.row < 4:
                cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="E8EEF5")
            elif cell.row == 4:
                cell.font = Font(italic=True, color="5B6878")
    page.freeze_panes = "A4"
    page.print_title_rows = "1:3"
    page.page_setup.orientation, page.page_setup.paperSize, page.page_setup.fitToHeight = "landscape", 9, 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


SHEETS = {"catalogue_form": ("政务公开事项标准目录空白表", catalogue_form)}
