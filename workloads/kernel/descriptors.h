// A process's descriptors: small numbers for its open files, the lowest free one first. A fork's child has copies of
// its parent's, of the same open files.
#pragma once

#include <memory>

#include "workloads/kernel/process.h"

namespace guest {

using Descriptor = s32;  // negative: there is none

Descriptor add_descriptor(Process& process, std::shared_ptr<OpenFile> file);
// Null: nothing is open under that number.
std::shared_ptr<OpenFile> open_file_of(const Process& process, Descriptor descriptor);
// Charged; false: nothing was open under that number. The last one of an open file releases that.
model::Task<bool> close_descriptor(Kernel& kernel, Process& process, Descriptor descriptor);
model::Task<> close_all(Kernel& kernel, Process& process);  // in exit

}  // namespace guest
