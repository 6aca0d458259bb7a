#!/usr/bin/python3
"""Table 6: rates of ttcp, sending and receiving, at two sizes of packets."""
import _tables

_tables.draw("tab6", "Table 6: ttcp, rate of one TCP connection", [
    ("TX_MTU1500", "TX\nMTU 1500"), ("RX_MTU1500", "RX\nMTU 1500"),
    ("TX_MTU500", "TX\nMTU 500"), ("RX_MTU500", "RX\nMTU 500"),
], systems=["L", "X", "V", "U"], unit="rates in 2^20 bit/s", more_is_faster=True)
