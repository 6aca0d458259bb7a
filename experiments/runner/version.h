// Which build this is.
#pragma once

namespace runner {

extern const char* const kVersion;       // of the project: "0.1.0"
extern const char* const kRevision;      // "git describe" when the build was configured; "unknown" outside a work tree
extern const bool kDirty;                // the work tree differed from that revision
extern const char* const kSourceDigest;  // of every source that decides what a run's results are

}  // namespace runner
