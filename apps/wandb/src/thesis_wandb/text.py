"""Names of others, safe to print."""


def printable(text: object) -> str:
    """Text in one line that can't steer a terminal.

    Examples
    --------
    >>> printable("deep\\x1b[2J run\\n")
    'deep\\\\x1b[2J run\\\\n'
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "surrogatepass").decode()
        for sign in str(text)
    )
