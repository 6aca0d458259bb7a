// The systems that a guest kernel can run on: one line each, in systems.cpp.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "model/machine.h"
#include "workloads/hosts/platform.h"
#include "workloads/spec.h"

namespace guest {

struct SystemInfo {
  System system;
  std::string_view name;  // in experiment files
  std::string_view text;
  model::CoalescingProfile network_driver;                                           // of whoever drives the card
  std::unique_ptr<Platform> (*make)(const HostSpec& spec, model::Machine& machine);  // throws SpecError
};

std::span<const SystemInfo> systems();
const SystemInfo& info_of(System system);

}  // namespace guest
