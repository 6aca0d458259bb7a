#include "support/fake_machine.h"

#include <algorithm>
#include <cstring>

namespace test {

hw::Words FakeMemory::frame(MachineFrame frame) {
  return hw::Words{&words_.at(std::size_t{frame.number()} * kEntriesPerTable)};
}

void FakeMemory::zero(MachineFrame frame) {
  const auto first = std::size_t{frame.number()} * kEntriesPerTable;
  std::fill_n(&words_.at(first), kEntriesPerTable, 0u);
}

std::uint64_t FakeMemory::digest(MachineFrame frame) const {  // FNV-1a over the words
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (u32 i = 0; i < kEntriesPerTable; ++i)
    hash = (hash ^ words_.at(std::size_t{frame.number()} * kEntriesPerTable + i)) * 0x100000001b3u;
  return hash;
}

void FakeCpu::load_page_table_base(MachineFrame base) {
  directory = base;
  ++base_loads;
  log.push_back("cr3");
}

// Ring 1 is supervisor and CR0.WP is set: the writable bit counts at both levels, the user bit at none.
u32 FakeCpu::walk(u32 virtual_address, bool write) const {
  if (directory == MachineFrame::none()) return 0;
  const u32 needed = kEntryPresent | (write ? kEntryWritable : 0);
  const u32 upper = memory_.word(directory.address() + (virtual_address >> 22) * 4);
  if ((upper & needed) != needed) return 0;
  const u32 table = upper & kEntryFrameMask;
  if ((table >> kPageShift) >= memory_.frame_count()) return 0;
  const u32 entry = memory_.word(table + ((virtual_address >> 12) & 1023) * 4);
  if ((entry & needed) != needed) return 0;
  const u32 page = entry & kEntryFrameMask;
  return (page >> kPageShift) < memory_.frame_count() ? page | (virtual_address & (kPageSize - 1)) : 0;
}

template <class Move>
bool FakeCpu::by_pages(u32 address, u32 bytes, bool write, Move move) {
  if (u64{address} + bytes > kHypervisorStart) return false;
  for (u32 done = 0; done < bytes;) {
    const u32 here = std::min(bytes - done, kPageSize - ((address + done) & (kPageSize - 1)));
    const u32 machine = walk(address + done, write);
    if (machine == 0) return false;
    for (u32 i = 0; i < here; ++i) move(machine + i, done + i);
    done += here;
  }
  return true;
}

void FakeCpu::clear(MachineFrame frame, u32 offset, u32 bytes) {
  bytes_cleared += bytes;
  auto* words = reinterpret_cast<unsigned char*>(memory_.words_of(frame));
  std::fill_n(words + offset, bytes, static_cast<unsigned char>(0));
}

bool FakeCpu::copy_from_guest(void* destination, u32 source, u32 bytes) {
  auto* to = static_cast<unsigned char*>(destination);
  return by_pages(source, bytes, false, [&](u32 machine, u32 offset) {
    to[offset] = static_cast<unsigned char>(memory_.word(machine & ~3u) >> (8 * (machine & 3)));
  });
}

bool FakeCpu::copy_to_guest(u32 destination, const void* source, u32 bytes) {
  const auto* from = static_cast<const unsigned char*>(source);
  return by_pages(destination, bytes, true, [&](u32 machine, u32 offset) {
    const u32 shift = 8 * (machine & 3);
    const u32 rest = memory_.word(machine & ~3u) & ~(0xffu << shift);
    memory_.set_word(machine & ~3u, rest | u32{from[offset]} << shift);
  });
}

void FakeCpu::set_ring1_stack(u32 ss, u32 esp) {
  ring1_ss = ss;
  ring1_esp = esp;
  log.push_back("ring1_stack");
}

void FakeCpu::load_gdt(const MachineFrame* frames, u32 entries) {
  gdt_frames.assign(frames, frames + (entries + 511) / 512);
  gdt_entries = entries;
  log.push_back("gdt");
}

void FakeCpu::load_ldt(u32 base, u32 entries) {
  ldt_base = base;
  ldt_entries = entries;
  log.push_back("ldt");
}

void FakeCpu::save_fpu(hw::FpuImage& image) {
  image = fpu;
  ++fpu_saves;
  log.push_back("save_fpu");
}

void FakeCpu::restore_fpu(const hw::FpuImage& image) {
  fpu = image;
  ++fpu_restores;
}

void FakeCpu::arm_timer(u64 deadline) {
  timer = deadline;
  ++timer_arms;
}

void FakeCpu::work(hw::Step step, u32 times) {
  work_done[static_cast<std::size_t>(step)] += times;
  cycles += u64{cycles_per_work} * times;
}

bool FakeNic::transmit(const hw::TransmitDescriptor& descriptor) {
  if (sent.size() - collected_ >= transmit_ring) return false;
  sent.push_back(descriptor);
  return true;
}

void FakeNic::complete_transmits() { completed_ = sent.size(); }

bool FakeNic::next_transmitted(u32& id) {
  if (collected_ == completed_) return false;
  id = sent[collected_++].id;
  return true;
}

bool FakeNic::post_receive(MachineFrame frame) {
  if (posted.size() >= receive_ring) return false;
  posted.push_back(frame);
  return true;
}

bool FakeNic::next_received(hw::ReceiveCompletion& completion) {
  if (received_.empty()) return false;
  completion = received_.front();
  received_.erase(received_.begin());
  return true;
}

bool FakeNic::receive(FakeMemory& memory, const void* packet, u32 bytes) {
  if (posted.empty()) return false;
  const MachineFrame frame = posted.front();
  posted.erase(posted.begin());
  const auto* from = static_cast<const unsigned char*>(packet);
  for (u32 i = 0; i < bytes; ++i) {
    const u32 at = frame.address() + i, shift = 8 * (i & 3);
    memory.set_word(at & ~3u, (memory.word(at & ~3u) & ~(0xffu << shift)) | u32{from[i]} << shift);
  }
  received_.push_back({frame, bytes});
  return true;
}

FakeMachine::FakeMachine(u32 frames, u32 cpu_total, u64 cycles_per_second)
    : ram{frames}, frequency{cycles_per_second}, masked(64, true), routes(64, 0) {
  for (CpuId id = 0; id < cpu_total; ++id) cpus.push_back(std::make_unique<FakeCpu>(ram, id));
}

void FakeMachine::advance(u64 more_cycles) {
  for (auto& each : cpus) each->cycles += more_cycles;
}

}  // namespace test
