#include "workloads/programs/lmbench/process_shapes.h"

namespace guest {

namespace {

using model::ParameterFields;

void add_image(ParameterFields& fields, const std::string& name, ImageShape& image) {
  const std::string prefix = "lmbench." + name + '.';
  fields.push_back({prefix + "text_pages", "pages", &image.text_pages});
  fields.push_back({prefix + "data_pages", "pages", &image.data_pages});
  fields.push_back({prefix + "bss_pages", "pages", &image.bss_pages});
  fields.push_back({prefix + "text_touched", "pages", &image.text_touched});
  fields.push_back({prefix + "data_written", "pages", &image.data_written});
  fields.push_back({prefix + "bss_written", "pages", &image.bss_written});
}

void add_program(ParameterFields& fields, const std::string& name, ProgramShape& program) {
  const std::string prefix = "lmbench." + name + '.';
  add_image(fields, name, program.image);
  fields.push_back({prefix + "heap_pages", "pages", &program.heap_pages});
  fields.push_back({prefix + "stack_pages", "pages", &program.stack_pages});
  fields.push_back({prefix + "buffer_pages", "pages", &program.buffer_pages});
}

}  // namespace

const char* ProcessShapes::file() { return RINGZERO_LMBENCH_SHAPES; }

model::ParameterFields ProcessShapes::fields() {
  ParameterFields fields;
  add_image(fields, "loader", loader);
  add_image(fields, "libc", libc);
  add_image(fields, "libm", libm);
  add_image(fields, "libdl", libdl);
  add_image(fields, "libtermcap", libtermcap);
  add_image(fields, "libnss_files", libnss_files);
  add_program(fields, "bench", bench);
  add_program(fields, "hello", hello);
  add_program(fields, "shell", shell);
  fields.push_back({"lmbench.cache_pages", "pages", &cache_pages});
  fields.push_back({"lmbench.touched_bytes", "B", &touched_bytes});
  fields.push_back({"lmbench.hello_link_work", "cycles", &hello_link_work});
  fields.push_back({"lmbench.shell_link_work", "cycles", &shell_link_work});
  fields.push_back({"lmbench.locale_files", "files", &locale_files});
  fields.push_back({"lmbench.shell_signals", "calls", &shell_signals});
  fields.push_back({"lmbench.shell_lookups", "calls", &shell_lookups});
  fields.push_back({"lmbench.shell_identities", "calls", &shell_identities});
  fields.push_back({"lmbench.parent_writes", "pages", &parent_writes});
  fields.push_back({"lmbench.child_writes", "pages", &child_writes});
  return fields;
}

void ProcessShapes::check() const {
  const auto within = [&](u32 part, u32 whole, const std::string& key) {
    if (part > whole) throw model::ParameterError(name, "lmbench." + key, "more than there are");
  };
  const auto image = [&](const ImageShape& shape, const std::string& key) {
    if (shape.text_pages == 0) throw model::ParameterError(name, "lmbench." + key, "has no text");
    within(shape.text_touched, shape.text_pages, key + ".text_touched");
    within(shape.data_written, shape.data_pages, key + ".data_written");
    within(shape.bss_written, shape.bss_pages, key + ".bss_written");
  };
  image(loader, "loader");
  image(libc, "libc");
  image(libm, "libm");
  image(libdl, "libdl");
  image(libtermcap, "libtermcap");
  image(libnss_files, "libnss_files");
  image(bench.image, "bench");
  image(hello.image, "hello");
  image(shell.image, "shell");
  within(touched_bytes, hv::kPageSize, "touched_bytes");
}

}  // namespace guest
