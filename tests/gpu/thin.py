#!/usr/bin/env python3
"""Blanks, in a copy of a CUDA library, the machine code for every GPU but the given one, so that it compresses to a fifth.

    thin.py LIBRARY COPY ARCHITECTURE    the architecture as in sm_90: 90 for an H100 or H200, 80 for an A100, 89 for an L40

The copy runs on that architecture alone. Code for a virtual architecture (PTX) stays.
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

# A fat binary is a header and entries, each with a header and its code. https://docs.nvidia.com/cuda/cuda-binary-utilities describes the
# tools; the layout was found by comparing their output with the bytes.
MAGIC = struct.pack("<I", 0xBA55ED50)
HEADER = struct.Struct("<IHHQ")  # magic, version, bytes of the header, bytes of the entries
ENTRY = struct.Struct("<HHIQ")  # kind, version, bytes of the header, bytes of the code
ARCHITECTURE = struct.Struct("<I")
ARCHITECTURE_AT = 28  # bytes from the start of an entry
MACHINE_CODE = 2


def thin(library: bytearray, keep: int) -> tuple[int, int]:
    """Blanks the code in place; returns how many entries of machine code were kept and blanked."""
    kept = blanked = start = 0
    while (start := library.find(MAGIC, start)) >= 0:
        _, version, header, length = HEADER.unpack_from(library, start) if start + HEADER.size <= len(library) else (0, 0, 0, 0)
        end = start + header + length
        if (version, header) != (1, HEADER.size) or end > len(library):
            start += len(MAGIC)  # the bytes of the magic number by chance
            continue
        entry = start + header
        while entry < end:
            kind, _, own, code = ENTRY.unpack_from(library, entry)
            if not 32 <= own <= 4096 or entry + own + code > end:
                raise ValueError(f"The entry at byte {entry} has {own} and {code} bytes; it is not a fat binary of a known form.")
            architecture, = ARCHITECTURE.unpack_from(library, entry + ARCHITECTURE_AT)
            if kind == MACHINE_CODE:
                if architecture == keep:
                    kept += 1
                else:
                    library[entry + own : entry + own + code] = bytes(code)
                    blanked += 1
            entry += own + code
        start = end
    return kept, blanked


def main() -> int:
    source, target, architecture = sys.argv[1:]
    library = bytearray(Path(source).read_bytes())
    kept, blanked = thin(library, int(architecture))
    print(f"{kept} parts for sm_{architecture} kept, {blanked} for other GPUs blanked")
    if kept == 0:
        print(f"thin: {source} has no code for sm_{architecture}.", file=sys.stderr)
        return 1
    Path(target).write_bytes(library)
    return 0


if __name__ == "__main__":
    sys.exit(main())
