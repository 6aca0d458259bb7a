#include "metal/guest/domain_builder.h"

#include "metal/guest_image.h"

namespace guest {

namespace {

constexpr u32 kMostPages = 900;
u32 frames[kMostPages];

// Pages of the domain that is being built, seen through one of our own spare entries.
class Window {
 public:
  explicit Window(u32 domain) : domain_{domain} {}
  ~Window() { (void)hypercall(Hypercall::update_va_mapping, address() >> kPageShift, 0, kVaInvalidate); }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  u32* show(u32 frame) {
    error_ = hypercall(Hypercall::update_va_mapping_otherdomain, address() >> kPageShift, frame << kPageShift | kP | kW,
                       kVaInvalidate, domain_);
    return error_ == 0 ? at<u32>(address()) : nullptr;
  }
  s32 error() const { return error_; }

 private:
  static u32 address() { return start_info->spare_address; }
  u32 domain_;
  s32 error_ = 0;
};

void copy(u32* to, const void* from, u32 bytes) { __builtin_memcpy(to, from, bytes); }

}  // namespace

bool domain_info(u32 domain, DomainInfo& info) {
  ControlOp op{};
  op.domain = domain;
  if (control(ControlCommand::get_domain_info, op) != 0 || op.domain != domain) return false;
  __builtin_memcpy(&info, op.words, sizeof info);
  return true;
}

s32 unpause(u32 domain) {
  ControlOp op{};
  op.domain = domain;
  return control(ControlCommand::unpause_domain, op);
}

u32 connect(u32 domain) {
  EventChannelOp op{};
  op.dom1 = kDomainSelf;
  op.dom2 = domain;
  return event_op(EventChannelCommand::bind_interdomain, op) == 0 ? op.port1 : 0;
}

s32 destroy(u32 domain) {
  ControlOp op{};
  op.domain = domain;
  return control(ControlCommand::destroy_domain, op);
}

s32 build_domain(const Order& order, const char** step) {
  const u32 pages = order.pages, table_page = 2, directory_page = 3, first_free = 4;
  *step = "create_domain";
  ControlOp op{};
  op.words[0] = pages * (kPageSize / 1024);
  op.words[1] = 1;
  op.words[2] = ~0u;
  if (pages > kMostPages) return -1;
  if (const s32 error = control(ControlCommand::create_domain, op); error != 0) return error;
  const u32 id = op.domain;
  *step = "get_domain_info";
  DomainInfo info{};
  if (!domain_info(id, info)) return -1;
  *step = "get_memory_list";
  op = ControlOp{};
  op.domain = id;
  op.words[0] = address_of(frames);
  op.words[1] = pages;
  if (const s32 error = control(ControlCommand::get_memory_list, op); error != 0) return error;
  if (op.words[1] != pages) return -1;

  *step = "update_va_mapping_otherdomain";
  {
    Window window{id};
    u32* words = window.show(frames[0]);
    if (words == nullptr) return window.error();
    StartInfo start{};
    start.magic = kStartMagic;
    start.domain_id = id;
    start.vcpus = 1;
    start.pages = pages;
    start.shared_info = info.shared_info_frame << kPageShift;
    start.shared_info_address = page_address(pages);
    start.frame_list_address = page_address(1);
    start.list_pages = 1;
    start.table_first = table_page;
    start.table_pages = 2;
    start.directory_frame = frames[directory_page];
    start.first_free_page = first_free;
    start.spare_address = page_address(pages + 1);
    copy(words, &start, sizeof start);
    if ((words = window.show(frames[1])) == nullptr) return window.error();
    copy(words, frames, pages * 4);
    if ((words = window.show(frames[table_page])) == nullptr) return window.error();
    for (u32 page = 0; page < pages; ++page)
      words[page] = frames[page] << kPageShift | (page == table_page || page == directory_page ? kP : kP | kW);
    words[pages] = info.shared_info_frame << kPageShift | kP | kW;
    if ((words = window.show(frames[directory_page])) == nullptr) return window.error();
    words[kGuestKernelStart >> 22] = frames[table_page] << kPageShift | kP | kW;
    if (!order.empty) {
      if ((words = window.show(frames[metal::kGuestLinePage])) == nullptr) return window.error();
      u32 bytes = 0;
      while (order.line[bytes] != '\0') ++bytes;
      copy(words, order.line, bytes + 1);
      const u32 image = address_of(image_data_end) - address_of(image_start);
      for (u32 done = 0; done < image; done += kPageSize) {
        if ((words = window.show(frames[metal::kGuestImagePage + done / kPageSize])) == nullptr) return window.error();
        copy(words, image_start + done, image - done < kPageSize ? image - done : kPageSize);
      }
    }
  }

  *step = "mmu_update";
  constexpr u32 kBatch = 64;
  MmuUpdate batch[kBatch + 2];
  for (u32 page = 0; page < pages;) {
    u32 count = 0;
    batch[count++] = command(MmuCommand::set_foreign_domain, 0, id << 8);
    for (; page < pages && count < kBatch; ++page)
      batch[count++] = {frames[page] << kPageShift | static_cast<u32>(MmuRequest::update_m2p), page};
    if (page == pages) batch[count++] = command(MmuCommand::pin_l2, frames[directory_page] << kPageShift);
    if (const s32 error = mmu_update(batch, count); error != 0) return error;
  }
  *step = "build_domain";
  op = ControlOp{};
  op.domain = id;
  op.words[0] = frames[directory_page];
  op.words[1] = metal::guest_page_address(metal::kGuestImagePage);
  op.words[2] = page_address(pages);
  op.words[3] = kGuestKernelStart;
  if (const s32 error = control(ControlCommand::build_domain, op); error != 0) return error;
  *step = "scheduler_adjust";
  op = ControlOp{};
  op.domain = id;
  op.words[0] = order.mcu_advance;
  if (const s32 error = control(ControlCommand::scheduler_adjust, op); error != 0) return error;
  *step = "unpause_domain";
  if (order.start)
    if (const s32 error = unpause(id); error != 0) return error;
  return static_cast<s32>(id);
}

}  // namespace guest
