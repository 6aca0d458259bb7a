// A CPU's way to memory: segments, then the TLB or the page tables, then RAM.
#include <algorithm>
#include <utility>

#include "interface/layout.h"
#include "model/cpu.h"
#include "model/machine.h"
#include "model/planted.h"

namespace model {

// Every segment that the hypervisor lets a guest have ends below its private part.
bool Cpu::within_segment(hv::u32 address, hv::u32 bytes) const {
  return registers_.ring() == 0 || MODEL_PLANTED(segment_end_ignored) ||
         std::uint64_t{address} + bytes <= hv::kHypervisorPrivate;
}

// `lines` of one page.
void Cpu::use_lines(hv::u32 machine_address, hv::u32 lines, bool write, sim::Cycles miss) {
  const hv::u32 absent = l2_.access(machine_address, lines);
  if (absent != 0) charge(miss * absent, Cause::cache);
  if (!write || machine_.cpu_count() == 1) return;
  for (hv::CpuId other = 0; other < machine_.cpu_count(); ++other) {
    if (other == id_) continue;
    for (hv::u32 i = 0; i < lines; ++i) {
      machine_.physical_cpu(other).l2_.drop(machine_address + i * l2_.line_bytes());
    }
  }
}

// A call also from those below that are one piece with all that they call: touch() and transfer(), which all that
// kernels do goes through, and mostly without a walk.
[[gnu::noinline]] bool Cpu::walk_to(Tlb& tlb, hv::u32 address, Access access, Reached& to) {
  while (true) {
    const TlbResult result = tlb.miss(machine_.physical_memory(), directory_, address, access);
    charge(result.cost, Cause::tlb);
    for (hv::u32 level = 0; level < result.walk.levels_read; ++level) {
      if (!l2_.access(result.walk.entry_address[level])) charge(machine_.file().memory.latency, Cause::cache);
    }
    if (result.ok || !fault_is_hidden(address, result.fault_code)) {
      to = {result.machine_address, result.fault_code};
      return result.ok;
    }
    if (tlb.hit(address, access, to.machine_address)) return true;  // who resolved the fault has been there
  }
}

bool Cpu::fault_is_hidden(hv::u32 address, hv::u32 error_code) {
  Supervisor& supervisor = machine_.supervisor();
  const bool was_in_supervisor = std::exchange(in_supervisor_, true);
  const bool hidden = supervisor.hidden_fault(*this, address, error_code);
  in_supervisor_ = was_in_supervisor;
  if (hidden) {
    mark(Mark::exception, hw::kVectorPageFault);
    advance(machine_.file().cpu.exception_entry + machine_.file().cpu.interrupt_return, machine_.supervisor_account(),
            Cause::crossing);
  }
  return hidden;
}

[[gnu::flatten]] bool Cpu::touch(std::uint32_t address, std::uint32_t lines, Use use) {
  if (!within_segment(address, 1)) return false;
  Reached page;
  if (!reach(address, use, registers_.ring() == 3, page)) return false;
  const hv::u32 line = l2_.line_bytes();
  const hv::u32 left = (hv::kPageSize - page.machine_address % hv::kPageSize + line - 1) / line;  // in the page
  use_lines(page.machine_address, std::min(lines, left), use == Use::write, machine_.file().memory.latency);
  return true;
}

bool Cpu::sweep(Burst& burst) {
  const bool user = registers_.ring() == 3;
  const hv::u32 line = l2_.line_bytes();
  const sim::Cycles prefetched = machine_.clock().cycles_in(machine_.file().memory.line_stream);
  for (; !burst.sweeps.empty(); burst.sweeps = burst.sweeps.subspan(1), burst.bytes_swept = 0) {
    const Sweep& sweep = burst.sweeps.front();
    if (!within_segment(sweep.first, sweep.bytes)) {
      trap_exception(hw::kVectorGeneralProtection, 0, 0);
      return false;
    }
    while (burst.bytes_swept < sweep.bytes) {
      const hv::u32 address = sweep.first + burst.bytes_swept;
      const hv::u32 in_page = std::min(sweep.bytes - burst.bytes_swept, hv::kPageSize - address % hv::kPageSize);
      Reached page;
      if (!reach(address, sweep.use, user, page)) {
        trap_exception(hw::kVectorPageFault, page.fault_code, address);
        return false;
      }
      const hv::u32 first = page.machine_address / line, last = (page.machine_address + in_page - 1) / line;
      const bool write = sweep.use == Use::write;
      use_lines(first * line, 1, write, machine_.file().memory.latency);  // no prefetcher looks beyond a page
      use_lines((first + 1) * line, last - first, write, prefetched);
      burst.bytes_swept += in_page;
    }
  }
  return true;
}

[[gnu::flatten]] bool Cpu::transfer(hv::u32 address, hv::u32 bytes, bool write, bool user, unsigned char* host) {
  while (bytes > 0) {
    const hv::u32 in_page = std::min(bytes, hv::kPageSize - address % hv::kPageSize);
    Reached page;
    if (!reach(address, write ? Use::write : Use::read, user, page)) return false;
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

bool Cpu::load(std::uint32_t address, void* to, std::uint32_t bytes) {
  return access_or_raise(address, bytes, false, static_cast<unsigned char*>(to));
}

bool Cpu::store(std::uint32_t address, const void* from, std::uint32_t bytes) {
  return access_or_raise(address, bytes, true, static_cast<unsigned char*>(const_cast<void*>(from)));
}

// Every page is reached before a byte moves, as an instruction does it.
bool Cpu::access_or_raise(hv::u32 address, hv::u32 bytes, bool write, unsigned char* host) {
  if (!within_segment(address, bytes)) {
    trap_exception(hw::kVectorGeneralProtection, 0, 0);
    return false;
  }
  const bool user = registers_.ring() == 3;
  for (hv::u32 at = address;; at = (at & hv::kEntryFrameMask) + hv::kPageSize) {
    Reached page;
    if (!reach(at, write ? Use::write : Use::read, user, page)) {
      trap_exception(hw::kVectorPageFault, page.fault_code, at);
      return false;
    }
    if (address + bytes - 1 - at < hv::kPageSize - at % hv::kPageSize) break;
  }
  return transfer(address, bytes, write, user, host);
}

// The core's copies of arguments and frames: their bytes are in the cache, or transfer() has brought them there.
bool Cpu::copy_from_guest(void* destination, hv::u32 source, hv::u32 bytes) {
  if (source >= hv::kHypervisorStart || bytes > hv::kHypervisorStart - source) return false;
  charge(MachineFile::cycles_for(machine_.file().memory.copy_cached, bytes));
  return transfer(source, bytes, false, MODEL_PLANTED(copies_with_user_rights),
                  static_cast<unsigned char*>(destination));
}

bool Cpu::copy_to_guest(hv::u32 destination, const void* source, hv::u32 bytes) {
  if (destination >= hv::kHypervisorStart || bytes > hv::kHypervisorStart - destination) return false;
  charge(MachineFile::cycles_for(machine_.file().memory.copy_cached, bytes));
  return transfer(destination, bytes, true, MODEL_PLANTED(copies_with_user_rights),
                  static_cast<unsigned char*>(const_cast<void*>(source)));
}

// The page is in no cache: a device or another domain had it.
void Cpu::clear(hv::MachineFrame frame, hv::u32 offset, hv::u32 bytes) {
  const sim::Cycles page = machine_.clock().cycles_in(machine_.file().memory.zero_page_uncached);
  charge(sim::Cycles{page.count() * bytes / hv::kPageSize}, Cause::bytes);
  machine_.physical_memory().zero_bytes(frame.address() + offset, bytes);
}

}  // namespace model
