"""What a mail brings, made safe."""

import pytest

from inbound_mail.content.models import Attachment, AttachmentKind
from inbound_mail.content.names import OCTETS, safe_line, safe_media_type, safe_name


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("text/plain", "text/plain"),
        ("Application/PDF", "Application/PDF"),
        ("text/html; charset=utf-8", "text/html"),
        (" image/png ", "image/png"),
        ("", OCTETS),
        ("text", OCTETS),
        ("\ttext/plain", OCTETS),
        ("text/plain\r\nX-Evil: 1", OCTETS),
        ("text/pl\0ain", OCTETS),
        ("text/\x0bplain", OCTETS),
        ("text/plaïn", OCTETS),
        ("текст/обычный", OCTETS),
        ("a/" + "x" * 70_000, OCTETS),
        ("multipart/signed; boundary=x", OCTETS),
    ],
)
def test_a_media_type_is_one_or_stands_for_any_bytes(given: str, safe: str) -> None:
    assert safe_media_type(given) == safe


def attachment(name: str, kind: AttachmentKind = AttachmentKind.FILE) -> Attachment:
    return Attachment(7, name, "text/plain", 1, kind)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht 2026.xlsx", "Übersicht 2026.xlsx"),
        ("議事録 最終.docx", "議事録 最終.docx"),
        ("تقرير.pdf", "تقرير.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("C:\\temp\\a.txt", "C__temp_a.txt"),
        ("a\uff0fb\u2215c\u2044d.txt", "a_b_c_d.txt"),
        ("invoice\u202efdp.exe", "invoice fdp.exe"),
        ("\u2066a\u2069.txt", "a .txt"),
        ("a\r\nX-Evil: 1.txt", "a X-Evil_ 1.txt"),
        ("a\0b.txt", "a b.txt"),
        ("half\ud83d.txt", "half .txt"),
        ("CON", "_CON"),
        ("con.txt", "_con.txt"),
        ("nul .tar.gz", "_nul .tar.gz"),
        ("COM1.log", "_COM1.log"),
        ("lpt\u00b2.log", "_lpt\u00b2.log"),
        ("CONIN$", "_CONIN$"),
        ("aux. . ", "_aux"),
        ("NUL:", "NUL_"),
        ("console.txt", "console.txt"),
        ("com10.txt", "com10.txt"),
        ("a.txt...", "a.txt"),
        (" . a.txt . ", "a.txt"),
        (".htaccess", "htaccess"),
        ("", "attachment-7"),
        ("...", "attachment-7"),
        ('a"b*c:d<e>f?g/h\\i|j#k%l~m.txt', "a_b_c_d_e_f_g_h_i_j_k_l_m.txt"),
        ("~$Plan.docx", "_$Plan.docx"),
        ("a_VTI_b.txt", "a_vti-b.txt"),
        ("\u200b\u200e", "attachment-7"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
        ("x" * 5_000_000 + ".pdf", "x" * 116 + ".pdf"),
        ("y" * 119 + " z", "y" * 119),
        ("あ" * 100 + ".docx", "あ" * 78 + ".docx"),
        ("😀" * 100, "😀" * 60),
    ],
)
def test_a_safe_name_is_one_that_every_file_system_takes(name: str, safe: str) -> None:
    assert safe_name(attachment(name)) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Re: Drucker", "Re_ Drucker.eml"),
        ("old.EML", "old.EML"),
        ("prn", "_prn.eml"),
        ("", "attachment-7.eml"),
        ("x" * 300, "x" * 116 + ".eml"),
    ],
)
def test_an_attached_mail_has_the_ending_eml(name: str, safe: str) -> None:
    assert safe_name(attachment(name, AttachmentKind.ITEM)) == safe


def test_a_line_has_no_line_end_no_control_character_and_no_sign_of_direction() -> None:
    assert safe_line("a\r\nb\tc\0d\u2028e\u202ef\ud800g") == "a  b c d e f g"
    assert safe_line("👩‍🔧 ünïcödé نص") == "👩‍🔧 ünïcödé نص"
