"""What the laws are tested on."""

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

SignArray = NDArray[np.int8]

widths = st.integers(1, 64).map(lambda n_bytes: 8 * n_bytes)
"""Every width a code may have, 8 to 512 bits."""


@st.composite
def sign_batches(
    draw: st.DrawFn, *, n_bits: int, min_rows: int = 0, max_rows: int = 12
) -> SignArray:
    """i8[N, n_bits] of +1 and -1. Drawn as bytes: quick, and simpler ones are all -1."""
    n_rows = draw(st.integers(min_rows, max_rows))
    size = n_rows * n_bits // 8
    raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype=np.uint8)
    bits = np.unpackbits(raw).astype(np.int8).reshape(n_rows, n_bits)
    return (2 * bits - 1).astype(np.int8)


@st.composite
def two_batches(draw: st.DrawFn) -> tuple[SignArray, SignArray]:
    """Two batches of codes of one width, any width."""
    n_bits = draw(widths)
    return draw(sign_batches(n_bits=n_bits)), draw(sign_batches(n_bits=n_bits))


@st.composite
def galleries(
    draw: st.DrawFn, *, n_bits: int = 16, min_rows: int = 0
) -> tuple[NDArray[np.int64], SignArray]:
    """Distinct rows in any order, i64[N], and a code for each; few codes, so that many tie."""
    signs = draw(sign_batches(n_bits=n_bits, min_rows=min_rows, max_rows=20))
    if draw(st.booleans()) and len(signs):
        signs = signs[np.arange(len(signs)) % 3 % len(signs)]
    rows = draw(
        st.lists(st.integers(0, 1000), min_size=len(signs), max_size=len(signs), unique=True)
    )
    return np.array(rows, dtype=np.int64), signs
