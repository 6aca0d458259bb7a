#!/usr/bin/python3
"""Table 5: lmbench, file and virtual memory latencies."""
import _tables

_tables.draw("tab5", "Table 5: lmbench, file and virtual memory latencies", [
    ("0K_file_create", "0K file\ncreate"), ("0K_file_delete", "0K file\ndelete"),
    ("10K_file_create", "10K file\ncreate"), ("10K_file_delete", "10K file\ndelete"),
    ("mmap_latency", "mmap\nlatency"), ("prot_fault", "prot\nfault"), ("page_fault", "page\nfault"),
])
