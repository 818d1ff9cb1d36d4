"""Numbers as a reader wants them: rounded to what is known, with their unit."""

import math


def with_uncertainty(value: float | None, sigma: float | None) -> str:
    """A value and its standard deviation, both rounded to two digits of the latter.

    >>> with_uncertainty(0.910842, 0.00534)
    '0.9108 ± 0.0053'
    """
    if value is None or not math.isfinite(value):
        return "–"
    if sigma is None or not math.isfinite(sigma) or sigma <= 0:
        return number(value)
    digits = 1 - math.floor(math.log10(sigma))
    if digits <= 0:
        return f"{round(value, digits):,.0f} ± {round(sigma, digits):,.0f}"
    digits = min(digits, 6)
    return f"{_signed(value, digits)} ± {sigma:.{digits}f}"


def signed(value: float, sigma: float) -> str:
    """As `with_uncertainty`, with its sign.

    >>> signed(0.0123, 0.0045)
    '+0.0123 ± 0.0045'
    """
    text = with_uncertainty(value, sigma)
    return text if value < 0 or text == "–" else f"+{text}"


def p_text(value: float) -> str:
    """A p value to two digits; a dash where none is known."""
    if not math.isfinite(value):
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"


def number(value: float | None, significant: int = 4) -> str:
    """A number with so many significant digits, integers whole, thousands separated.

    >>> number(1234567.0), number(0.00012345), number(None)
    ('1,234,567', '0.0001234', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -5:
        return f"{value:.{significant - 1}e}".replace("e-0", "e−").replace("e-", "e−")
    return _signed(value, max(0, significant - 1 - magnitude))


def duration(seconds: float | None) -> str:
    """A time span in the two units that matter.

    >>> duration(7.42), duration(125.0), duration(7500.0)
    ('7.4 s', '2 min 5 s', '2 h 5 min')
    """
    if seconds is None or not math.isfinite(seconds):
        return "–"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"


def size(n_bytes: int) -> str:
    """A number of bytes in binary units.

    >>> size(4226324)
    '4.0 MiB'
    """
    amount = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} TiB"


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """A count with its noun.

    >>> counted(1, "run"), counted(3, "run")
    ('1 run', '3 runs')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def _signed(value: float, digits: int) -> str:
    # a typographic minus, as figures have it
    return f"{value:,.{digits}f}".replace("-", "−")
