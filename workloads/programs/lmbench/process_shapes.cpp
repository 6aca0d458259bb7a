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

ParameterFields fields_of(ProcessShapes& shapes) {
  ParameterFields fields;
  add_image(fields, "loader", shapes.loader);
  add_image(fields, "libc", shapes.libc);
  add_image(fields, "libm", shapes.libm);
  add_image(fields, "libdl", shapes.libdl);
  add_image(fields, "libtermcap", shapes.libtermcap);
  add_image(fields, "libnss_files", shapes.libnss_files);
  add_program(fields, "bench", shapes.bench);
  add_program(fields, "hello", shapes.hello);
  add_program(fields, "shell", shapes.shell);
  fields.push_back({"lmbench.cache_pages", "pages", &shapes.cache_pages});
  fields.push_back({"lmbench.touched_bytes", "B", &shapes.touched_bytes});
  fields.push_back({"lmbench.hello_link_work", "cycles", &shapes.hello_link_work});
  fields.push_back({"lmbench.shell_link_work", "cycles", &shapes.shell_link_work});
  fields.push_back({"lmbench.locale_files", "files", &shapes.locale_files});
  fields.push_back({"lmbench.shell_signals", "calls", &shapes.shell_signals});
  fields.push_back({"lmbench.shell_lookups", "calls", &shapes.shell_lookups});
  fields.push_back({"lmbench.shell_identities", "calls", &shapes.shell_identities});
  fields.push_back({"lmbench.parent_writes", "pages", &shapes.parent_writes});
  fields.push_back({"lmbench.child_writes", "pages", &shapes.child_writes});
  return fields;
}

void check(const ProcessShapes& shapes) {
  const auto within = [&](u32 part, u32 whole, const std::string& key) {
    if (part > whole) throw model::ParameterError(shapes.name, "lmbench." + key, "more than there are");
  };
  const auto image = [&](const ImageShape& shape, const std::string& key) {
    if (shape.text_pages == 0) throw model::ParameterError(shapes.name, "lmbench." + key, "has no text");
    within(shape.text_touched, shape.text_pages, key + ".text_touched");
    within(shape.data_written, shape.data_pages, key + ".data_written");
    within(shape.bss_written, shape.bss_pages, key + ".bss_written");
  };
  image(shapes.loader, "loader");
  image(shapes.libc, "libc");
  image(shapes.libm, "libm");
  image(shapes.libdl, "libdl");
  image(shapes.libtermcap, "libtermcap");
  image(shapes.libnss_files, "libnss_files");
  image(shapes.bench.image, "bench");
  image(shapes.hello.image, "hello");
  image(shapes.shell.image, "shell");
  within(shapes.touched_bytes, hv::kPageSize, "touched_bytes");
}

}  // namespace

ProcessShapes ProcessShapes::load(const std::string& path) {
  ProcessShapes shapes;
  shapes.read(model::read_parameter_text(path), fields_of(shapes));
  check(shapes);
  return shapes;
}

const ProcessShapes& ProcessShapes::standard() {
  static const ProcessShapes shapes = load(RINGZERO_LMBENCH_SHAPES);
  return shapes;
}

void ProcessShapes::set(std::string_view key, double value) {
  ProcessShapes changed = *this;
  changed.assign(key, value, fields_of(changed));
  check(changed);
  *this = std::move(changed);
}

}  // namespace guest
