"""The loads that `ringzero paper` gave modelled drives, most of them beside a reference: DIR/disk/loads.csv."""
import pandas as pd

PAPER_DRIVE = "ultrastar146z10"


def errors(loads):
    return 100 * (loads.mean_ms / loads.reference_mean_ms - 1)


class Loads:
    def __init__(self, results):
        loads = pd.read_csv(results / "disk" / "loads.csv")
        self.reference = loads[loads.reference_mean_ms > 0]
        in_drive = (self.reference.config == "clean") & (self.reference.locus == "device")
        random = self.reference.input.str.startswith("rand")
        self.closed = self.reference[in_drive & (self.reference["mode"] == "closed") & random]
        self.arrivals = self.reference[self.reference["mode"] == "open"]
        self.paper_drive = loads[loads.drive == PAPER_DRIVE]
