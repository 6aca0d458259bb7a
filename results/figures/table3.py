#!/usr/bin/python3
"""Table 3: lmbench, processes."""
import _tables

_tables.draw("tab3", "Table 3: lmbench, processes", [
    ("null_call", "null\ncall"), ("null_I_O", "null\nI/O"), ("stat", "stat"), ("open_close", "open\nclose"),
    ("slct_TCP", "slct\nTCP"), ("sig_inst", "sig\ninst"), ("sig_hndl", "sig\nhndl"), ("fork_proc", "fork\nproc"),
    ("exec_proc", "exec\nproc"), ("sh_proc", "sh\nproc"),
])
