# SPDX-License-Identifier: Apache-2.0
"""BER-TLV as PIV uses it (SP 800-73-4 part 2): one- and two-byte tags, lengths of up to three bytes.

Runs in: the virtual card and in make_card.py.
Must never: believe a length that goes past the end; what is read comes from the program under test.
"""


def write(tag, value):
    """One element; tag in hexadecimal digits."""
    size = len(value)
    if size < 0x80:
        length = bytes([size])
    elif size < 0x100:
        length = bytes([0x81, size])
    else:
        length = bytes([0x82, size >> 8, size & 0xFF])
    return bytes.fromhex(tag) + length + value


def read(data):
    """[(tag in upper case digits, value), ...]; ValueError for what is none."""
    found, at = [], 0
    while at < len(data):
        tag_size = 2 if data[at] & 0x1F == 0x1F else 1
        tag = data[at:at + tag_size].hex().upper()
        at += tag_size
        if at >= len(data):
            raise ValueError("an element without a length")
        first = data[at]
        at += 1
        if first <= 0x7F:
            size = first
        elif first in (0x81, 0x82):
            width = first - 0x80
            size = int.from_bytes(data[at:at + width], "big")
            at += width
        else:
            raise ValueError("a length of a form that PIV does not use")
        if at + size > len(data):
            raise ValueError("an element that goes past the end")
        found.append((tag, data[at:at + size]))
        at += size
    return found


def find(data, tag):
    """The value of the first element with this tag, None without one; ValueError for what is no TLV."""
    return dict(reversed(read(data))).get(tag)
