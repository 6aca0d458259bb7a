#include "workloads/programs/kernel_build/build_profile.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

namespace guest {

namespace {

using model::ParameterFields;

void add_tool(ParameterFields& fields, const std::string& name, ToolShape& tool) {
  const std::string prefix = "kernel_build." + name + '.';
  ImageShape& image = tool.program.image;
  fields.push_back({prefix + "text_pages", "pages", &image.text_pages});
  fields.push_back({prefix + "data_pages", "pages", &image.data_pages});
  fields.push_back({prefix + "bss_pages", "pages", &image.bss_pages});
  fields.push_back({prefix + "text_touched", "pages", &image.text_touched});
  fields.push_back({prefix + "data_written", "pages", &image.data_written});
  fields.push_back({prefix + "bss_written", "pages", &image.bss_written});
  fields.push_back({prefix + "heap_pages", "pages", &tool.program.heap_pages});
  fields.push_back({prefix + "stack_pages", "pages", &tool.program.stack_pages});
  fields.push_back({prefix + "work_share", "per 1000", &tool.work_share});
  fields.push_back({prefix + "grown_pages", "pages", &tool.grown_pages});
  fields.push_back({prefix + "hot_pages", "pages", &tool.hot_pages});
  fields.push_back({prefix + "cache_lines", "lines of 64 B", &tool.cache_lines});
}

}  // namespace

const char* BuildProfile::file() { return RINGZERO_KERNEL_BUILD; }

model::ParameterFields BuildProfile::fields() {
  const std::string prefix = "kernel_build.";
  ParameterFields fields = {
      {prefix + "work", "cycles", &work},
      {prefix + "files", "files", &files},
      {prefix + "files_per_make", "files", &files_per_make},
      {prefix + "makes_per_link", "runs", &makes_per_link},
      {prefix + "headers", "files", &headers},
      {prefix + "header_bytes", "B", &header_bytes},
      {prefix + "headers_opened", "files", &headers_opened},
      {prefix + "failing_opens", "calls", &failing_opens},
      {prefix + "preprocessed_bytes", "B", &preprocessed_bytes},
      {prefix + "assembler_bytes", "B", &assembler_bytes},
      {prefix + "object_bytes", "B", &object_bytes},
      {prefix + "make_files", "files", &make_files},
      {prefix + "make_stats", "calls", &make_stats},
      {prefix + "touched_bytes", "B", &touched_bytes},
      {prefix + "page_work", "cycles", &page_work},
  };
  add_tool(fields, "make", make);
  add_tool(fields, "sh", sh);
  add_tool(fields, "gcc", gcc);
  add_tool(fields, "cpp0", cpp0);
  add_tool(fields, "cc1", cc1);
  add_tool(fields, "as", as);
  add_tool(fields, "ld", ld);
  return fields;
}

void BuildProfile::check() const {
  const auto require = [&](bool holds, const std::string& key, const char* what) {
    if (!holds) throw model::ParameterError(name, "kernel_build." + key, what);
  };
  require(work.count() > 0, "work", "expected more than 0");
  require(files > 0, "files", "expected more than 0");
  require(files_per_make > 0, "files_per_make", "expected more than 0");
  require(makes_per_link > 0, "makes_per_link", "expected more than 0");
  require(headers_opened > 0 && headers_opened <= headers, "headers_opened", "expected 1 to the number of headers");
  require(touched_bytes <= hv::kPageSize, "touched_bytes", "more than a page has");
  const auto tool = [&](const ToolShape& shape, const std::string& key) {
    const ImageShape& image = shape.program.image;
    require(image.text_pages > 0, key + ".text_pages", "expected more than 0");
    require(image.text_touched <= image.text_pages, key + ".text_touched", "more than there are");
    require(image.data_written <= image.data_pages, key + ".data_written", "more than there are");
    require(image.bss_written <= image.bss_pages, key + ".bss_written", "more than there are");
    require(shape.hot_pages <= shape.program.heap_pages, key + ".hot_pages", "more than its heap has at first");
  };
  tool(make, "make");
  tool(sh, "sh");
  tool(gcc, "gcc");
  tool(cpp0, "cpp0");
  tool(cc1, "cc1");
  tool(as, "as");
  tool(ld, "ld");
}

std::vector<SourceFile> read_source_tree(const std::string& path) {
  std::ifstream in{path};
  if (!in) throw model::ParameterError(path, "", "cannot be read");
  std::vector<SourceFile> files;
  std::string line;
  bool header = true;
  for (u32 number = 1; std::getline(in, line); ++number) {
    if (line.empty() || line.front() == '#') continue;
    if (std::exchange(header, false)) continue;
    const std::size_t comma = line.rfind(',');
    u32 bytes = 0;
    const char* const end = line.data() + line.size();
    const auto parsed = comma == line.npos ? std::from_chars_result{line.data(), std::errc::invalid_argument}
                                           : std::from_chars(line.data() + comma + 1, end, bytes);
    if (parsed.ec != std::errc{} || parsed.ptr != end || comma == 0) {
      throw model::ParameterError(path, fmt::format("line {}", number), "expected a path and a number of bytes");
    }
    files.push_back({line.substr(0, comma), bytes});
  }
  if (files.empty()) throw model::ParameterError(path, "", "has no files");
  return files;
}

const std::vector<SourceFile>& kernel_tree() {
  static const std::vector<SourceFile> files = read_source_tree(RINGZERO_KERNEL_TREE);
  return files;
}

}  // namespace guest
