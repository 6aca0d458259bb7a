#!/usr/bin/python3
"""Table 4: lmbench, context switches."""
import _tables

_tables.draw("tab4", "Table 4: lmbench, context switches", [
    ("2p_0K", "2p\n0K"), ("2p_16K", "2p\n16K"), ("2p_64K", "2p\n64K"), ("8p_16K", "8p\n16K"), ("8p_64K", "8p\n64K"),
    ("16p_16K", "16p\n16K"), ("16p_64K", "16p\n64K"),
])
