#include "workloads/kernel/descriptors.h"

#include <algorithm>

#include "workloads/kernel/kernel.h"

namespace guest {

Descriptor add_descriptor(Process& process, std::shared_ptr<OpenFile> file) {
  auto& table = process.descriptors;
  const auto lowest_free = std::find(table.begin(), table.end(), nullptr);
  const auto descriptor = static_cast<Descriptor>(lowest_free - table.begin());
  if (lowest_free == table.end()) {
    table.push_back(std::move(file));
  } else {
    *lowest_free = std::move(file);
  }
  return descriptor;
}

std::shared_ptr<OpenFile> open_file_of(const Process& process, Descriptor descriptor) {
  const auto index = static_cast<std::size_t>(descriptor);  // a negative one is beyond any table
  return index < process.descriptors.size() ? process.descriptors[index] : nullptr;
}

model::Task<bool> close_descriptor(Kernel& kernel, Process& process, Descriptor descriptor) {
  kernel.charge(kernel.paths().descriptor);
  const std::shared_ptr<OpenFile> file = open_file_of(process, descriptor);
  if (!file) co_return false;
  process.descriptors[static_cast<std::size_t>(descriptor)] = nullptr;
  if (file.use_count() > 1) co_return true;  // a duplicate or another process still has it
  kernel.charge(kernel.paths().close);
  co_await file->release(kernel);
  co_return true;
}

model::Task<> close_all(Kernel& kernel, Process& process) {
  for (std::size_t i = 0; i < process.descriptors.size(); ++i) {
    if (process.descriptors[i]) co_await close_descriptor(kernel, process, static_cast<Descriptor>(i));
  }
  process.descriptors.clear();
}

}  // namespace guest
