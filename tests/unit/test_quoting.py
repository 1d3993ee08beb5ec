# ruff: noqa: RUF001 - mails of the world bring their own colons and quotation marks

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbound_mail.content.quoting import MOST_LINES, EarlierMail, may_quote, measure_new_text

OLD = "The printer on floor 3 is on fire.\n\n1. Which one is it?\n2. Since when does it burn?\n\nJane Doe"
EARLIER = EarlierMail("jane@x.example", "Jane Doe", "Printer", OLD)
QUOTED = "\n".join(f"> {line}" for line in OLD.split("\n"))
ANSWER = "It works again.\n\nThank you\nJohn"


def header(
    *labels: str, colon: str = ":", author: str = "Jane Doe <jane@x.example>", subject: str = "RE: Printer"
) -> str:
    """The lines that Outlook puts above a history: author, date, recipients, perhaps copies, subject."""
    values = [author, "Monday, 2 November 2026 10:00", "Support", "Lee Gu"][: len(labels) - 1]
    return "\n".join(f"{label}{colon} {value}" for label, value in zip(labels, [*values, subject], strict=True))


HEADERS = {
    "Outlook": header("From", "Sent", "To", "Subject"),
    "Outlook, with copies": header("From", "Sent", "To", "Cc", "Subject"),
    "Outlook with a rule": "________________________________\n" + header("From", "Sent", "To", "Subject"),
    "Outlook, bold": header("*From", "*Sent", "*To", "*Subject", colon=":*"),
    "Outlook, German": header("Von", "Gesendet", "An", "Betreff", subject="AW: Printer"),
    "Outlook, French": header("De", "Envoyé", "À", "Objet", colon=" :"),
    "Outlook, Spanish": header("De", "Enviado el", "Para", "Asunto", subject="RV: Printer"),
    "Outlook, Danish": header("Fra", "Sendt", "Til", "Emne", subject="SV: Printer"),
    "Outlook, Finnish": header("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe", subject="VS: Printer"),
    "Outlook, Hungarian": header("Feladó", "Elküldve", "Címzett", "Tárgy", subject="Vá: Printer"),
    "Outlook, Turkish": header("Gönderen", "Gönderme Tarihi", "Kime", "Konu", subject="YNT: Printer"),
    "Outlook, Hebrew": header("מאת", "נשלח", "אל", "נושא"),
    "Outlook, Arabic": header("من", "تاريخ الإرسال", "إلى", "الموضوع"),
    "Outlook, Thai": header("จาก", "ส่ง", "ถึง", "เรื่อง"),
    "Outlook, Japanese": header("差出人", "送信日時", "宛先", "件名"),
    "Outlook, Chinese": header("发件人", "发送时间", "收件人", "主题", colon="：", subject="回复：Printer"),
    "old Outlook": "-----Original Message-----\n" + header("From", "Sent", "To", "Subject"),
    "old Outlook, German": "-----Ursprüngliche Nachricht-----\n" + header("Von", "Gesendet", "An", "Betreff"),
    "Lotus Notes": header("From", "Date", "To", "Subject", colon=":\t", author="Jane Doe/Contoso"),
    "paragraphs": header("From", "Sent", "To", "Subject").replace("\n", "\n\n"),
}
ATTRIBUTIONS = {
    "Gmail": "On Mon, Nov 2, 2026 at 10:00 AM Jane Doe <jane@x.example> wrote:",
    "Gmail, broken in two": "On Mon, Nov 2, 2026 at 10:00 AM Jane Doe\n<jane@x.example> wrote:",
    "Gmail, broken in three": "On Mon, Nov 2, 2026 at 10:00 AM\nJane Doe\n<jane@x.example> wrote:",
    "Gmail, Spanish": "El lun, 2 nov 2026 a las 10:00, Jane Doe (<jane@x.example>) escribió:",
    "Gmail, Japanese": "2026年11月2日(月) 10:00 Jane Doe <jane@x.example>:",
    "Gmail, Korean": "2026년 11월 2일 (월) 오전 10:00, Jane Doe <jane@x.example>님이 작성:",
    "Apple Mail": "On 2 Nov 2026, at 10:00, Jane Doe <jane@x.example> wrote:",
    "Apple Mail, German": "Am 02.11.2026 um 10:00 schrieb Jane Doe <jane@x.example>:",
    "Apple Mail, French": "Le 2 nov. 2026 à 10:00, Jane Doe <jane@x.example> a écrit :",
    "Apple Mail, Chinese": "2026年11月2日 10:00，Jane Doe <jane@x.example> 写道：",
    "Thunderbird": "On 02.11.2026 10:00, Jane Doe wrote:",
    "Thunderbird, name first": "Jane Doe schrieb:",
}
BODIES = {
    "as it was": OLD,
    "quoted": QUOTED,
    "twice quoted": QUOTED.replace(">", ">>"),
    "one line": " ".join(OLD.split()),
}


def cut(text: str, earlier: EarlierMail = EARLIER) -> str | None:
    """Return what is kept, None if nothing may be cut."""
    kept = measure_new_text(text, earlier) if may_quote(text) else None
    return None if kept is None else text[:kept]


@pytest.mark.parametrize("opening", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_quoted_mail_below_a_header_is_cut_in_any_language(opening: str, body: str) -> None:
    assert cut(f"{ANSWER}\n\n{opening}\n\n{body}") == ANSWER


@pytest.mark.parametrize("opening", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_quoted_mail_below_an_attribution_is_cut_and_the_attribution_stays(opening: str, body: str) -> None:
    assert cut(f"{ANSWER}\n\n{opening}\n\n{body}") == f"{ANSWER}\n\n{opening}"


OPENINGS = {
    name: (HEADERS | ATTRIBUTIONS)[name] for name in ("Outlook", "Lotus Notes", "Gmail", "Apple Mail", "Thunderbird")
}


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
@pytest.mark.parametrize(
    "body",
    [
        OLD.replace("Which one is it?", "Which one is it? THE HP"),
        OLD.replace("Which one is it?\n", "Which one is it?\nTHE HP ON FLOOR 3\n"),
        OLD.replace("floor 3", "floor 4"),
        OLD + "\nSince Friday.",
        "Since Friday.\n" + OLD,
        QUOTED.replace("> 2.", "The HP.\n\n> 2."),
        QUOTED + "\n\nSince Friday.",
        QUOTED.replace("burn?", "burn? ✓"),
        OLD + "\n--\nJohn, Fabrikam",
    ],
)
def test_answers_and_changes_in_the_history_keep_the_whole_text(opening: str, body: str) -> None:
    assert cut(f"Answers below.\n\n{opening}\n\n{body}") is None


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_question_that_the_author_chose_to_quote_is_kept(opening: str) -> None:
    assert cut(f"Since Friday.\n\n{opening}\n\n> 2. Since when does it burn?") is None


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_a_mail_that_is_all_history_is_not_cut(opening: str) -> None:
    assert cut(f"{opening}\n\n{OLD}") is None


@pytest.mark.parametrize("opening", OPENINGS.values(), ids=OPENINGS)
def test_the_words_of_somebody_else_are_never_cut(opening: str) -> None:
    text = f"See what the vendor says.\n\n{opening}\n\n{OLD}"
    other = EarlierMail("vendor@example.com", "Vendor", "Printer", OLD)
    assert cut(text, other) is None
    assert cut(text.replace("Jane Doe", "Vendor").replace("jane@x.example", "vendor@example.com")) is None


@pytest.mark.parametrize("opening", HEADERS.values(), ids=HEADERS)
def test_a_history_with_another_subject_is_not_cut(opening: str) -> None:
    assert cut(f"{ANSWER}\n\n{opening.replace('Printer', 'RMA 4711')}\n\n{OLD}") is None


def test_only_the_part_is_cut_that_is_known() -> None:
    unknown = "From: Desk <desk@contoso.example>\nSent: Monday\nTo: Jane\nSubject: RE: Printer\n\nWhich?\nTHE HP"
    text = f"Answers below.\n\n{unknown}\n\n{HEADERS['Outlook']}\n\n{OLD}"
    assert cut(text) == f"Answers below.\n\n{unknown}"


def test_a_banner_that_was_added_on_the_way_does_not_matter() -> None:
    received = EarlierMail("jane@x.example", "Jane Doe", "Printer", f"Caution: sent from outside.\n\n{OLD}")
    assert cut(f"{ANSWER}\n\n{HEADERS['Outlook']}\n\n{OLD}", received) == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Just a text.\nWith two lines.",
        f"The console says:\n{QUOTED}",
        f"{QUOTED}\nYes.",
        f"Hello\n{QUOTED}",
        f"From: Jane Doe\nit was slow.\n{OLD}",
        f"Answer: yes\n\nFrom: Jane Doe\nSubject: Printer\n\n{OLD}",
    ],
)
def test_a_quotation_without_the_opening_of_a_mail_program_is_not_cut(text: str) -> None:
    assert cut(text) is None


def test_a_line_of_the_author_in_the_header_is_not_cut() -> None:
    answered = f"{HEADERS['Outlook']}\nAnswer: the HP"
    assert cut(f"Answers below.\n\n{answered}\n\n{OLD}") is None


@pytest.mark.parametrize(
    "marker",
    [
        "---------- Forwarded message ---------",
        "Begin forwarded message:",
        "-------- Weitergeleitete Nachricht --------",
        "---------- Message transféré ----------",
        "Anfang der weitergeleiteten Nachricht:",
    ],
)
def test_a_forwarded_mail_is_never_cut(marker: str) -> None:
    assert cut(f"Please look.\n\n{marker}\n{HEADERS['Outlook']}\n\n{OLD}") is None


PIECES = st.lists(
    st.sampled_from(["> ", "\n", "\n\n", "From: Jane Doe\n", "Sent: b\n", "Subject: Printer\n", "Jane Doe wrote:", OLD])
    | st.text(max_size=5)
)


@given(PIECES.map("".join))
def test_whatever_is_cut_stands_in_the_earlier_mail(text: str) -> None:
    kept = cut(text)
    if kept is not None:
        assert text.startswith(kept)
        gone = text[len(kept) :].replace(">", " ").split()
        known, most_words_of_a_header = " ".join(OLD.split()), 40
        assert any(" ".join(gone[start:]) in known for start in range(min(len(gone), most_words_of_a_header)))


@pytest.mark.slow(reason="reads a million characters")
@pytest.mark.parametrize(
    "piece", ["> ", ">\n", "Jane Doe wrote:\n", "From: Jane Doe\n", "a: b\n", ": ", "-", " ", "\n"]
)
def test_a_million_characters_are_read_in_linear_time(piece: str) -> None:
    text = "Hello\n" + piece * (1_000_000 // len(piece))
    assert cut(text) is None
    assert text.count("\n") < MOST_LINES or not may_quote(text)
