#include "metal/metal_cpu.h"

#include "metal/ports.h"

// entry.S: 0, or not 0 when the guest's side faulted.
extern "C" hv::u32 copy_from_guest(void* to, hv::u32 from, hv::u32 bytes);
extern "C" hv::u32 copy_to_guest(hv::u32 to, const void* from, hv::u32 bytes);

namespace metal {

namespace {

constexpr u32 kTaskSwitched = 1u << 3;  // CR0.TS
constexpr u32 kGlobalPages = 1u << 7;   // CR4.PGE

bool guests(u32 address, u32 bytes) { return address < kHypervisorStart && bytes <= kHypervisorStart - address; }

}  // namespace

u64 MetalCpu::cycle_counter() { return read_tsc(); }

void MetalCpu::load_page_table_base(MachineFrame directory) { write_cr3(directory.address()); }

void MetalCpu::invalidate_page(u32 virtual_address) { invalidate(virtual_address); }

void MetalCpu::flush_global() {
  const u32 cr4 = read_cr4();
  write_cr4(cr4 & ~kGlobalPages);
  write_cr4(cr4);
}

// The MMU takes rings 0 and 1 for the same, so the rights are right; only the hypervisor's own part must be kept out.
bool MetalCpu::copy_from_guest(void* destination, u32 source, u32 bytes) {
  return guests(source, bytes) && ::copy_from_guest(destination, source, bytes) == 0;
}

bool MetalCpu::copy_to_guest(u32 destination, const void* source, u32 bytes) {
  return guests(destination, bytes) && ::copy_to_guest(destination, source, bytes) == 0;
}

void MetalCpu::clear(MachineFrame frame, u32 offset, u32 bytes) {
  if (bytes == 0) return;
  const hw::Words words = memory_.window(frame);
  for (u32 at = offset; at < offset + bytes; ++at) {
    const u32 byte = 0xffu << 8 * (at & 3);
    words.store(at / 4, words.load(at / 4) & ~byte);
  }
}

void MetalCpu::set_task_switched(bool raised) {
  const u32 cr0 = read_cr0();
  write_cr0(raised ? cr0 | kTaskSwitched : cr0 & ~kTaskSwitched);
}

void MetalCpu::save_fpu(hw::FpuImage& image) {
  asm volatile("clts; fxsave %0" : "=m"(image));  // the core raises TS again
}

void MetalCpu::restore_fpu(const hw::FpuImage& image) { asm volatile("fxrstor %0" ::"m"(image)); }

void MetalCpu::set_debug_register(u32 number, u32 value) {
  switch (number) {
    case 0:
      asm volatile("movl %0, %%db0" ::"r"(value));
      break;
    case 1:
      asm volatile("movl %0, %%db1" ::"r"(value));
      break;
    case 2:
      asm volatile("movl %0, %%db2" ::"r"(value));
      break;
    case 3:
      asm volatile("movl %0, %%db3" ::"r"(value));
      break;
    case 6:
      asm volatile("movl %0, %%db6" ::"r"(value));
      break;
    default:
      asm volatile("movl %0, %%db7" ::"r"(value));
  }
}

}  // namespace metal
