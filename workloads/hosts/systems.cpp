#include "workloads/hosts/systems.h"

#include <algorithm>
#include <array>

#include "workloads/hosts/one_kernel_platform.h"
#include "workloads/hosts/vmware_platform.h"
#include "workloads/hosts/xen_platform.h"
#include "workloads/ports/native/native_port.h"
#include "workloads/ports/uml/uml_port.h"
#include "workloads/ports/vmware/lone_machine.h"

namespace guest {

namespace {

template <class KernelOnThat>
std::unique_ptr<Platform> make_one_kernel(const HostSpec& spec, model::Machine& machine) {
  return std::make_unique<OneKernelPlatform>(
      spec, machine, [](const HostSpec& of, model::Machine& on, IpAddress address, std::vector<NamedProgram> programs) {
        return std::make_unique<KernelOnThat>(of, on, address, std::move(programs));
      });
}

std::unique_ptr<Platform> make_xen(const HostSpec& spec, model::Machine& machine) {
  return std::make_unique<XenPlatform>(spec, machine);
}

std::unique_ptr<Platform> make_vmware(const HostSpec& spec, model::Machine& machine) {
  if (spec.guests.size() <= 1) return make_one_kernel<LoneMachine>(spec, machine);
  return std::make_unique<VmwarePlatform>(spec, machine);
}

using model::CoalescingProfile;
constexpr std::array kSystems = {
    SystemInfo{System::native, "native", "Linux on the bare machine", CoalescingProfile::linux24_napi,
               make_one_kernel<NativePort>},
    SystemInfo{System::xen, "xen", "paravirtual Linux in domains of the hypervisor core", CoalescingProfile::xen,
               make_xen},
    SystemInfo{System::vmware, "vmware", "Linux in virtual machines of VMware Workstation 3.2 on a Linux host",
               CoalescingProfile::linux24_napi, make_vmware},
    SystemInfo{System::uml, "uml", "Linux as a process of a Linux host (User-Mode Linux, skas3)",
               CoalescingProfile::linux24_napi, make_one_kernel<UmlPort>},
};

}  // namespace

std::span<const SystemInfo> systems() { return kSystems; }

const SystemInfo& info_of(System system) {
  return *std::find_if(kSystems.begin(), kSystems.end(),
                       [&](const SystemInfo& candidate) { return candidate.system == system; });
}

}  // namespace guest
