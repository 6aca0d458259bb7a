// The shared sequences on the PC: the port that is the machine itself.
#include "metal/guest/checks.h"
#include "metal/guest/programs.h"
#include "metal/guest_image.h"
#include "metal/image/probe_calls.h"
#include "metal/sequence/sequence.h"

extern "C" {
extern char user_interrupts[];
}

namespace guest {

namespace {

sequence::Fault fault_of(const Trap& trap) { return {trap.vector, trap.error_code, trap.fault_address, trap.ring}; }

// INT n of the kernel for the vectors that sequences use, and where the same are in the user's code.
constexpr u32 kVectors[] = {0x20, 0x21, 0x30, 0x50, 0x81, 0x82, 0xfe, 0x0e};
template <u32 vector>
void software_interrupt() {
  asm volatile("int %0" ::"i"(vector));
}
constexpr void (*kInterrupts[])() = {software_interrupt<0x20>, software_interrupt<0x21>, software_interrupt<0x30>,
                                     software_interrupt<0x50>, software_interrupt<0x81>, software_interrupt<0x82>,
                                     software_interrupt<0xfe>, software_interrupt<0x0e>};
constexpr u32 kUserInterruptBytes = 4;

class MetalPort final : public sequence::Port {
 public:
  s32 hypercall(u32 number, const u32 (&a)[5]) override {
    return static_cast<s32>(hypercall5(number, a[0], a[1], a[2], a[3], a[4]));
  }
  bool load(sequence::Mode mode, u32 address, u32& value, sequence::Fault& fault) override {
    const bool good = mode == sequence::Mode::kernel
                          ? try_load(address, &value)
                          : user_run(user_label(user_load), sequence::kUserStack, 0, address, &value);
    if (!good) fault = fault_of(last_trap);
    return good;
  }
  bool store(sequence::Mode mode, u32 address, u32 value, sequence::Fault& fault) override {
    const bool good = mode == sequence::Mode::kernel
                          ? try_store(address, value)
                          : user_run(user_label(user_store), sequence::kUserStack, value, address, nullptr);
    if (!good) fault = fault_of(last_trap);
    return good;
  }
  void interrupt(sequence::Mode mode, u32 vector, sequence::Fault& fault) override {
    u32 which = 0;
    while (kVectors[which] != vector) ++which;
    if (mode == sequence::Mode::kernel) {
      (void)try_code(kInterrupts[which]);
    } else {
      (void)user_run(user_label(user_interrupts) + which * kUserInterruptBytes, sequence::kUserStack, 0, 0, nullptr);
    }
    fault = fault_of(last_trap);
  }
  void wait_for(u32 address, u32 value) override {
    sleep_until([&] { return get(address) == value; });
  }
  u32 get(u32 address) override { return *at<volatile u32>(address); }
  void put(u32 address, u32 value) override { *at<volatile u32>(address) = value; }
  void put_image(u32 address, u32 page) override {
    const u32 bytes = address_of(image_data_end) - address_of(image_start), begin = page * kPageSize;
    if (begin >= bytes) return;
    __builtin_memcpy(at<char>(address), image_start + begin, bytes - begin < kPageSize ? bytes - begin : kPageSize);
  }
  u32 entry() const override { return metal::guest_page_address(metal::kGuestImagePage); }
  u32 frame_table_digest() override { return probe(metal::kProbeFrameTable, 0); }
  u32 contents_digest(u32 frame) override { return probe(metal::kProbeContents, frame); }
  u32 word(u32 frame, u32 index) override { return probe(metal::kProbeWord, frame, index); }

 private:
  static u32 user_label(const char* label) { return sequence::kUserCode + (address_of(label) - address_of(user_code)); }
};

}  // namespace

u32 run_sequence() {
  if (first_page_behind_image() > metal::kGuestImagePage + sequence::kImagePages) return 1;
  MetalPort port;
  sequence::Options options;
  options.seed = option("seed", options.seed);
  options.operations = option("operations", options.operations);
  options.detail_from = option("detail_from", 0);
  options.detail_to = option("detail_to", 0);
  options.words_of = option("words_of", 0);
  options.segment_limits = !option_is("gaps", "qemu");
  sequence::Sequence sequence{port, options, start_info->domain_id};
  __builtin_memcpy(at<char>(page_address(sequence::kUserTablePage + 1)), user_code,
                   static_cast<u32>(user_code_end - user_code));
  if (!sequence.prepare(kGuestKernelStart)) return 1;
  while (sequence.step()) {
  }
  return 0;
}

}  // namespace guest
