// A CPU's way to memory: segments, then the TLB or the page tables, then RAM.
#include <algorithm>

#include "interface/layout.h"
#include "model/cpu.h"
#include "model/machine.h"

namespace model {

// Every segment that the hypervisor lets a guest have ends below its private part.
bool Cpu::within_segment(hv::u32 address, hv::u32 bytes) const {
  return registers_.ring() == 0 || std::uint64_t{address} + bytes <= hv::kHypervisorPrivate;
}

TlbResult Cpu::reach(hv::u32 address, bool write, bool user) {
  const TlbResult result = tlb_.translate(machine_.physical_memory(), directory_, address, Access{write, user});
  charge(result.cost);
  return result;
}

bool Cpu::transfer(hv::u32 address, hv::u32 bytes, bool write, bool user, unsigned char* host) {
  while (bytes > 0) {
    const hv::u32 in_page = std::min(bytes, hv::kPageSize - address % hv::kPageSize);
    const TlbResult page = reach(address, write, user);
    if (!page.ok) return false;
    if (write) {
      machine_.physical_memory().write_bytes(page.machine_address, host, in_page);
    } else {
      machine_.physical_memory().read_bytes(page.machine_address, host, in_page);
    }
    address += in_page;
    host += in_page;
    bytes -= in_page;
  }
  return true;
}

bool Cpu::read(std::uint32_t address, void* to, std::uint32_t bytes) {
  return within_segment(address, bytes) &&
         transfer(address, bytes, false, registers_.ring() == 3, static_cast<unsigned char*>(to));
}

bool Cpu::write(std::uint32_t address, const void* from, std::uint32_t bytes) {
  // transfer() only reads through the pointer when it writes to the guest
  return within_segment(address, bytes) &&
         transfer(address, bytes, true, registers_.ring() == 3, static_cast<unsigned char*>(const_cast<void*>(from)));
}

bool Cpu::copy_from_guest(void* destination, hv::u32 source, hv::u32 bytes) {
  if (source >= hv::kHypervisorStart || bytes > hv::kHypervisorStart - source) return false;
  return transfer(source, bytes, false, false, static_cast<unsigned char*>(destination));
}

bool Cpu::copy_to_guest(hv::u32 destination, const void* source, hv::u32 bytes) {
  if (destination >= hv::kHypervisorStart || bytes > hv::kHypervisorStart - destination) return false;
  return transfer(destination, bytes, true, false, static_cast<unsigned char*>(const_cast<void*>(source)));
}

}  // namespace model
