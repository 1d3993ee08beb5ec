"""Words for people."""


def count_of(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun, such as "1 mailbox" or "3 mailboxes"; the plural is `one` with an s if not given.

    >>> count_of(1, "customer"), count_of(0, "customer")
    ('1 customer', '0 customers')
    """
    return f"{number} {one if number == 1 else several or f'{one}s'}"
